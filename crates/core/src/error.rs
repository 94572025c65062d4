//! What can go wrong, as data: a kind to branch on, and the facts a message is made of.

use std::fmt;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Calls the macro `$define` with every error kind and its documentation. The binding makes the TypeScript type of them,
/// which `errors.ts` must handle completely.
#[macro_export]
macro_rules! error_kinds {
    ($define:ident) => {
        $define! {
            /// No segment has this name (`ENOENT`).
            NotFound,
            /// A segment of this name exists already (`EEXIST`).
            Exists,
            /// The segment is not ours to open, or not ours to write (`EACCES`, `EPERM`).
            Access,
            /// There is no room for the segment: in its file system, in memory or under a limit (`ENOSPC`, `ENOMEM`, `EFBIG`).
            OutOfSharedMemory,
            /// The mapping was closed before.
            Closed,
            /// The bytes of the segment are not those of a list.
            Layout,
            /// Another process has truncated the segment while it was mapped here.
            Truncated,
            /// The resource tracker cannot be started.
            Tracker,
            /// The peer at a manager's address does not prove to have the key, or does not take ours.
            Authentication,
            /// The manager has ended, or its server is gone.
            ManagerClosed,
            /// The manager's server speaks another version of the protocol.
            Version,
            /// The operating system refused for another reason; `errno` says which.
            System,
            /// This platform cannot do what was asked.
            Unsupported,
            /// An argument has the wrong type for what it is used on.
            InvalidType,
            /// An argument has a value that is never valid.
            InvalidValue,
            /// An argument lies outside its range.
            OutOfRange,
            /// A value is larger than the slot that it is written to.
            SlotFull,
        }
    };
}

macro_rules! define_kind {
    ($($(#[$meta:meta])* $kind:ident,)*) => {
        /// What an [`Error`] means to the caller, whatever the operating system called it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$meta])* $kind,)*
        }
    };
}

error_kinds!(define_kind);

/// Calls the macro `$define` with every remedy and its documentation, as [`error_kinds`] does with kinds.
#[macro_export]
macro_rules! error_remedies {
    ($define:ident) => {
        $define! {
            /// Accept segments of other users, if the segment's user is trusted.
            AllowForeign,
            /// Attach with another access: read-only attachments do not exist on this system.
            AttachWritable,
            /// Attach with write access.
            AttachToWrite,
            /// Create the segment with a mode that admits this user.
            CreateWithMode,
            /// Create the list with a larger slot for the value.
            ReserveLargerSlot,
            /// Use a manager without a server.
            UseLocalManager,
        }
    };
}

macro_rules! define_remedy {
    ($($(#[$meta:meta])* $remedy:ident,)*) => {
        /// What the caller can do about an [`Error`], as a fact. The caller's own API decides how to say it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Remedy {
            $($(#[$meta])* $remedy,)*
        }
    };
}

error_remedies!(define_remedy);

/// An error: what happened, to which segment, in which system call, and what to do about it.
///
/// Boxed, because results travel hot paths and errors do not.
#[derive(Clone, Debug)]
pub struct Error(Box<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    kind: Kind,
    message: String,
    errno: Option<i32>,
    syscall: Option<&'static str>,
    segment: Option<String>,
    remedy: Option<Remedy>,
}

impl Error {
    /// An error of our own finding.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Facts { kind, message: message.into(), errno: None, syscall: None, segment: None, remedy: None }))
    }

    /// An error that the operating system reported as `errno` from `syscall`.
    #[must_use]
    pub fn with_os(mut self, syscall: &'static str, errno: Option<i32>) -> Self {
        self.0.syscall = Some(syscall);
        self.0.errno = errno;
        self
    }

    /// Names the segment that the error is about.
    #[must_use]
    pub fn on_segment(mut self, name: &str) -> Self {
        self.0.segment = Some(name.to_owned());
        self
    }

    /// Says what the caller can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.0.remedy = Some(remedy);
        self
    }

    /// What the error means.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The `errno` of the system call, where there was one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// The system call that failed.
    #[must_use]
    pub fn syscall(&self) -> Option<&'static str> {
        self.0.syscall
    }

    /// The name of the segment concerned.
    #[must_use]
    pub fn segment(&self) -> Option<&str> {
        self.0.segment.as_deref()
    }

    /// What the caller can do, where that depends on how the caller's API offers it.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        self.0.remedy
    }

    pub(crate) fn closed(what: &str) -> Self {
        Self::new(Kind::Closed, format!("{what} is closed in this process; attach to it again"))
    }

    pub(crate) fn layout(message: impl Into<String>) -> Self {
        Self::new(Kind::Layout, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

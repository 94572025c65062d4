//! Errors as data: a kind to branch on, and the facts for a message.

use std::fmt;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Calls the macro `$define` with every error kind and its documentation. The binding makes the TypeScript type from
/// them, and `errors.ts` must handle every kind.
#[macro_export]
macro_rules! error_kinds {
    ($define:ident) => {
        $define! {
            /// No segment has this name (`ENOENT`).
            NotFound,
            /// A segment of this name exists already (`EEXIST`).
            Exists,
            /// The name is that of an unlinked segment, and can be reused only once every process has closed it.
            Busy,
            /// This user may not open the segment, or not write to it (`EACCES`, `EPERM`).
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
            /// The server at a manager's address does not prove to have the key, or refuses this process's key.
            Authentication,
            /// The manager has ended, or its server has.
            ManagerClosed,
            /// The manager's server speaks another version of the protocol.
            Version,
            /// The operating system refused for another reason; `errno` identifies it.
            System,
            /// This platform does not support the operation.
            Unsupported,
            /// An argument has the wrong type for its use.
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
        /// What an [`Error`] means to the caller, independently of the operating system's name for it.
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
        /// What the caller can do about an [`Error`], as a fact. The caller's own API words it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Remedy {
            $($(#[$meta])* $remedy,)*
        }
    };
}

error_remedies!(define_remedy);

/// An error: what happened, to which segment, in which system call, and what to do about it.
///
/// Boxed, because results are on hot paths and errors are not.
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
    /// Makes an error that this library found itself.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Facts { kind, message: message.into(), errno: None, syscall: None, segment: None, remedy: None }))
    }

    /// Makes an error that the operating system reported as `errno` from `syscall`.
    #[must_use]
    pub fn with_os(mut self, syscall: &'static str, errno: Option<i32>) -> Self {
        self.0.syscall = Some(syscall);
        self.0.errno = errno;
        self
    }

    /// Adds the name of the segment that the error is about.
    #[must_use]
    pub fn on_segment(mut self, name: &str) -> Self {
        self.0.segment = Some(name.to_owned());
        self
    }

    /// Adds what the caller can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.0.remedy = Some(remedy);
        self
    }

    /// Returns what the error means.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the `errno` of the system call, if there was one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// Returns the system call that failed.
    #[must_use]
    pub fn syscall(&self) -> Option<&'static str> {
        self.0.syscall
    }

    /// Returns the name of the segment.
    #[must_use]
    pub fn segment(&self) -> Option<&str> {
        self.0.segment.as_deref()
    }

    /// Returns what the caller can do, if that depends on the caller's API.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        self.0.remedy
    }

    /// Makes the error for the use of something that this process has closed.
    #[must_use]
    pub fn closed(what: &str) -> Self {
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

//! What can go wrong, as data: a kind to branch on, and the facts a message is made of.

use std::fmt;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an [`Error`] means to the caller, whatever the operating system called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
}

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
}

impl Error {
    /// An error of our own finding.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Facts { kind, message: message.into(), errno: None, syscall: None, segment: None }))
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

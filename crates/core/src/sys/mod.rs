//! Every call to the operating system, one folder per capability. Each folder's `mod.rs` declares the traits that a
//! platform must supply; the files beside it implement them; `build.rs` decides which of them is built, as
//! `cfg(backend)`.
//!
//! - `memory`: segments and their mappings.
//! - `seat`: how a lock's participants are distinguished, how they sleep, and how a death is detected.
//! - `transport`: how managers communicate.
//! - `process`: the helper process.
//! - `ledger`: the memory that a process shares with its tracker.
//! - `sweep`: the existing segments, and which of them have no living owner.
//! - `birth`: which process a number means.
//! - `limits`: how much memory this process may allocate.
//! - `own`: the number of this process, and random numbers.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::{Access, Error, Foreign, Identity, Name, Result};

/// Declares functions that the module `platform` implements: as a trait, which [`Os`] implements by calling them, and
/// as functions of the module.
macro_rules! supplied {
    (
        $(#[$about:meta])* $visibility:vis trait $trait:ident {
            $($(#[$doc:meta])* fn $function:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*
        }
    ) => {
        $(#[$about])*
        $visibility trait $trait {
            $($(#[$doc])* fn $function($($argument: $type),*) $(-> $result)?;)*
        }

        impl $trait for Os {
            $(fn $function($($argument: $type),*) $(-> $result)? { platform::$function($($argument),*) })*
        }

        $($(#[$doc])* $visibility fn $function($($argument: $type),*) $(-> $result)? {
            <Os as $trait>::$function($($argument),*)
        })*
    };
}

#[cfg(windows)]
mod access_list;
mod birth;
pub(crate) mod ledger;
mod limits;
mod memory;
mod own;
mod process;
pub(crate) mod seat;
mod sweep;
mod transport;

pub(crate) use birth::start_time;
pub(crate) use ledger::Ledger;
pub use limits::MemoryLimit;
pub(crate) use limits::memory_limit;
pub use memory::page_size;
pub(crate) use memory::{
    ANNOUNCES_CHOSEN_NAMES, Draft, Hold, LOSSES, Mapping, Region, adopt, attach_within, create, create_announced,
    draft, is_linked, publish, relieve, renew_fault_handler, unlink, unlink_announced, unlink_registered,
};
pub(crate) use own::{process_id, random_bits};
pub(crate) use process::{
    Helper, Supervised, at_exit, detach, effective_user, fall_silent, ignore_lease_signals, wait_for_starter,
};
pub use sweep::{Fate, Found};
pub(crate) use sweep::{Standing, list, reclaim, sweep};
pub use transport::Address;
pub(crate) use transport::{
    Connection, Interest, Listener, Listening, Server, Serving, Stream, prepare_server, starter, wait,
};

/// The operating system that the crate is built for. It implements the capabilities that consist of functions.
#[derive(Debug)]
pub(crate) struct Os;

/// The result of [`attach`].
type Mapped = Result<(Mapping, Identity)>;

/// Why a mapping no longer shows its whole segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "some backends notice no losses")]
pub(crate) enum Loss {
    /// Another process has truncated the segment. The whole mapping reads as zeros since then.
    Truncated,
    /// There was no memory for a page of a sparse segment at its first access. That page is private to this process
    /// since then.
    Unbacked,
}

/// Whether servers listen at Windows pipes instead of Unix sockets.
pub(crate) const HAS_PIPES: bool = cfg!(windows);

/// An error of the system with our own message.
#[derive(Debug)]
pub(crate) struct Explained {
    errno: i32,
    message: String,
}

impl Explained {
    #[allow(dead_code, reason = "only some backends have such errors")]
    pub(crate) fn error(errno: i32, message: String) -> io::Error {
        io::Error::other(Self { errno, message })
    }

    /// Adds what failed to an error of the system, which keeps its kind.
    #[allow(dead_code, reason = "only some backends have such errors")]
    pub(crate) fn on(what: impl fmt::Display, error: &io::Error) -> io::Error {
        let message = format!("{what}: {error}");
        match error.raw_os_error() {
            Some(errno) => io::Error::new(error.kind(), Self { errno, message }),
            None => io::Error::new(error.kind(), message),
        }
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Explained {}

/// Returns the `errno` of an error as Node counts: Windows has its own codes, and Node has numbers for their meaning.
pub(crate) fn errno_of(error: &io::Error) -> Option<i32> {
    if let Some(explained) = error.get_ref().and_then(|inner| inner.downcast_ref::<Explained>()) {
        return Some(explained.errno);
    }
    if !cfg!(windows) {
        return error.raw_os_error();
    }
    match error.kind() {
        io::ErrorKind::NotFound => Some(4058),
        io::ErrorKind::PermissionDenied => Some(4092),
        io::ErrorKind::AddrInUse => Some(4091),
        io::ErrorKind::AddrNotAvailable => Some(4090),
        io::ErrorKind::ConnectionRefused => Some(4078),
        io::ErrorKind::ConnectionReset => Some(4077),
        io::ErrorKind::TimedOut => Some(4039),
        io::ErrorKind::StorageFull => Some(4055),
        io::ErrorKind::OutOfMemory => Some(4057),
        _ => None,
    }
}

/// How long an attach waits for a segment that has a name but no size yet. CPython's segments are in that state for
/// some microseconds.
const SIZING_PATIENCE: Duration = Duration::from_millis(200);

/// Attaches, and waits up to [`SIZING_PATIENCE`] for a segment that is not ready. A thread that serves others calls
/// `attach_within` without patience instead.
pub(crate) fn attach(name: &Name, access: Access, foreign: Foreign) -> Mapped {
    attach_within(name, access, foreign, SIZING_PATIENCE)
}

/// The messages that all backends share.
#[allow(dead_code, reason = "the stub for unknown systems has its own message")]
pub(crate) mod fault {
    use super::{Error, Name};
    use crate::{Kind, Remedy};

    pub(crate) fn not_found(name: &Name) -> Error {
        Error::new(
            Kind::NotFound,
            format!("no shared memory segment is named '{name}': it was never created here, or has been unlinked"),
        )
        .on_segment(name.as_str())
    }

    pub(crate) fn exists(name: &Name) -> Error {
        Error::new(
            Kind::Exists,
            format!("a shared memory segment named '{name}' exists already: attach to it, or choose another name"),
        )
        .on_segment(name.as_str())
    }

    /// For systems that free the name of an unlinked segment late.
    pub(crate) fn still_open(name: &Name) -> Error {
        Error::new(
            Kind::Busy,
            format!("segment '{name}' was unlinked, and its name can be reused only once every process has closed it"),
        )
        .on_segment(name.as_str())
    }

    pub(crate) fn access(name: &Name, why: &str) -> Error {
        Error::new(Kind::Access, format!("segment '{name}' cannot be used: {why}")).on_segment(name.as_str())
    }

    /// `ENOSPC`, which has one number on every system.
    pub(crate) fn unbacked() -> Error {
        const NO_SPACE: i32 = 28;
        Error::new(
            Kind::OutOfSharedMemory,
            "shared memory was full when a page of this sparse segment was first touched: what was written to that page is \
             lost, and the other pages are still shared. Make room, close the segment and attach again",
        )
        .with_os("page fault", Some(NO_SPACE))
    }

    pub(crate) fn no_drafts(name: &Name) -> Error {
        Error::new(
            Kind::Unsupported,
            format!(
                "segment '{name}' cannot be filled before it has its name: this system or file system cannot hide it"
            ),
        )
        .on_segment(name.as_str())
    }

    pub(crate) fn empty(name: &Name) -> Error {
        Error::layout(format!("segment '{name}' is empty: its creator died before it gave it a size"))
            .on_segment(name.as_str())
    }

    pub(crate) fn no_read_only(name: &Name) -> Error {
        Error::new(Kind::Unsupported, format!("segment '{name}' cannot be attached read-only on this system"))
            .on_segment(name.as_str())
            .with_remedy(Remedy::AttachWritable)
    }
}

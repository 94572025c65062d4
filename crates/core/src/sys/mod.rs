//! Everything that is asked of the operating system, and the one place that picks who answers.
//!
//! A backend supplies:
//!
//! - `page_size()`: bytes per page, a power of two.
//! - `Mapping`: one view of a segment in this process, `Send + Sync`:
//!   - `start()` is aligned to a page and valid for `len()` bytes, readable and writable, until the mapping drops;
//!   - `retire()` parts the addresses from the segment without freeing them: afterwards they read as zeros, or, where
//!     the system cannot exchange pages under an address, still show the segment. They never fault;
//!   - `keep_addresses()` makes the drop retire the mapping and leave its addresses reserved, instead of freeing them;
//!   - `loss()`: what of the segment could not be had when it was touched. Each time that happens `LOSSES` changes.
//! - `renew_fault_handler()`: puts back what notices losses, if the program has replaced it.
//! - `create(name, size, (mode, umask), lifetime, before_publish)`: a new segment of zeros and its mapping. `before_publish` runs when
//!   everything else has succeeded; on Linux no other process can open the name earlier.
//!   When it fails, or anything else does, nothing stays behind. A segment whose lifetime is `Owned` is marked such that
//!   a sweep can tell. A mode that cannot be had is an error where the system
//!   has modes at all.
//! - `attach_within(name, access, foreign, patience)`: a mapping of an existing segment; changes nothing but this process. Refuses
//!   another user's, where the system tells whose it is, and an access that it cannot grant safely.
//! - `unlink(name, identity)`: removes the name, if it is still the same segment's as far as an identity can tell.
//! - `unlink_registered(name, identity)`: the same for a tracker; says whether it removed anything.
//! - `reclaim(name)`: removes the segment of that name if its owner is dead and nobody uses it. See [`Standing`].
//! - `effective_user()`: the user whose files this process makes.
//! - `Helper`: a helper process: `spawn(program, role)`, `send(frame)`, `has_ended(deadline)`, `let_go()`, and `disown()` in a
//!   child of fork(2). Its drop kills it and waits for its end, but never for one that could not be killed.
//! - `at_exit(f)`: calls `f` when this process exits by exit(3), where an ended helper stays on record until it is waited for.
//! - `detach()`, `fall_silent()`, `ignore_lease_signals()`: what a helper process does to itself; `wait_for_starter()`: until
//!   the process that started it is gone, or at once where that cannot be known.
//! - `sweep()`, `list()`: see [`crate::stale`]; `memory_limit()`: see [`crate::limits`].
//!
//! - `is_linked(name, identity)`: whether the name is still that segment's, as far as an identity can tell.
//! - `Stream`, `Listener`, `Server`, `starter()`, `prepare_server()`, `wait(interests, patience)`: what managers talk
//!   by; see `transport/unix` and `transport/windows`. `transport/unsupported.rs` stands in for it elsewhere.
//! - `HAS_PIPES`: whether servers listen at Windows pipes, and not at Unix sockets.
//! - `Mapping::hold()`: keeps the segment in use, as a sweep sees it, for as long as the `Hold` lives; `None` where there
//!   is no sweep.
//!
//! And for locks, in the module `seat`:
//!
//! - `Seat`: a number that one participant of a lock has to itself until the value drops or its process ends, in whichever way;
//!   a process that is only stopped keeps it.
//!   - `take(name, identity, identifier, first)`: any seat from 1 to [`MAX_SEAT`] that is free, looked for from
//!     `first` on; at most one descriptor. The lock is told by its segment, or by `identifier`, which no other lock has.
//!   - `in_other(number, f)`: calls `f` while nobody has or can take the seat of that number; `None` when somebody has it,
//!     or that cannot be known.
//!   - `unlinked()`: the lock's segment was unlinked: what seats left behind elsewhere can go with the last of them.
//! - `wait(words, timeout)`: sleeps while every word has the value beside it, until one of them is woken; `false` when
//!   the time is over. May return early. What it returns for says nothing about the words.
//! - `wake_one(word)`: wakes one thread, of any process, that sleeps on the word. `false` when none did, or none had to
//!   be woken.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::{Duration, Instant};

use crate::{Access, Error, Foreign, Identity, Lifetime, Name, Result, Umask};

mod limits;
mod memory;
mod process;
pub(crate) mod seat;
mod sweep;
mod transport;

pub use limits::MemoryLimit;
pub(crate) use limits::memory_limit;
pub use memory::page_size;
pub(crate) use memory::{
    Hold, LOSSES, Mapping, attach_within, create, is_linked, renew_fault_handler, unlink, unlink_registered,
};
pub(crate) use process::{
    Helper, at_exit, detach, effective_user, fall_silent, ignore_lease_signals, wait_for_starter,
};
pub use sweep::{Fate, Found};
pub(crate) use sweep::{Standing, list, reclaim, sweep};
pub use transport::Address;
pub(crate) use transport::{Interest, Listener, Server, Stream, prepare_server, starter, wait};

/// What runs between the making of a segment and its appearance under its name.
pub(crate) type BeforePublish<'a> = &'a mut dyn FnMut(&Mapping, Identity) -> Result<()>;

type Mapped = Result<(Mapping, Identity)>;

/// Why a mapping does not show all of its segment any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "some backends notice no losses")]
pub(crate) enum Loss {
    /// Another process has cut the segment off. The whole mapping reads as zeros since.
    Truncated,
    /// There was no memory for a page of a sparse segment when it was first touched. That page is this process's own since.
    Unbacked,
}

/// The contract above, checked by the compiler for whichever backend is built.
const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Mapping>();
    send_and_sync::<Hold>();
    send_and_sync::<Helper>();
    let _: fn() -> usize = page_size;
    let _: fn(&Mapping) -> NonNull<u8> = Mapping::start;
    let _: fn(&Mapping) -> usize = Mapping::len;
    let _: fn(&Mapping) = Mapping::retire;
    let _: fn(&Mapping) = Mapping::keep_addresses;
    let _: fn(&Mapping) -> Option<Loss> = Mapping::loss;
    let _: fn() = renew_fault_handler;
    let _: &AtomicU32 = &LOSSES;
    let _: fn(&Mapping) -> Option<Hold> = Mapping::hold;
    let _: fn(&Name, NonZeroUsize, (u32, Umask), Lifetime, BeforePublish<'_>) -> Mapped = create;
    let _: fn(&Name, Access, Foreign, Duration) -> Mapped = attach_within;
    let _: fn(&Name, Identity) -> Result<()> = unlink;
    let _: fn(&str, Identity) -> bool = unlink_registered;
    let _: fn(&Path, &str) -> io::Result<Helper> = Helper::spawn;
    let _: fn(&Helper, &[u8]) -> io::Result<()> = Helper::send;
    let _: fn(&mut Helper, Instant) -> bool = Helper::has_ended;
    let _: fn(Helper) = Helper::let_go;
    let _: fn(Helper) = Helper::disown;
    let _: fn() = detach;
    let _: fn() = fall_silent;
    let _: fn() = wait_for_starter;
    let _: fn(&Name, Identity) -> bool = is_linked;
    let _: fn(&Address, Instant) -> io::Result<Stream> = Stream::connect;
    let _: fn(&Address) -> io::Result<Listener> = Listener::bind;
    let _: fn(&Path) -> io::Result<Listener> = Listener::bind_in_fresh_folder;
    let _: fn(&Path, &str) -> io::Result<Server> = Server::spawn;
    let _: fn() = ignore_lease_signals;
    send_and_sync::<seat::Seat>();
    let _: fn(&Name, Identity, u64, u16) -> Result<seat::Seat> = seat::Seat::take;
    let _: fn(&seat::Seat) -> u16 = seat::Seat::number;
    let _: fn(&seat::Seat, u16, fn()) -> Option<()> = seat::Seat::in_other;
    let _: fn(&seat::Seat) = seat::Seat::unlinked;
    let _: fn(&[(&AtomicU32, u32)], Duration) -> bool = seat::wait;
    let _: fn(&AtomicU32) -> bool = seat::wake_one;
    let _: fn(&AtomicBool) -> Vec<(String, Fate)> = sweep;
    let _: fn(&Name) -> Standing = reclaim;
    let _: fn() -> u32 = effective_user;
    let _: fn(extern "C" fn()) = at_exit;
    let _: fn() -> Vec<Found> = list;
    let _: fn() -> Option<MemoryLimit> = memory_limit;
};

/// Whether servers listen at Windows pipes, and not at Unix sockets.
pub(crate) const HAS_PIPES: bool = cfg!(windows);

/// An error of the system with words of ours.
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
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Explained {}

/// The `errno` of an error, as Node counts: Windows has codes of its own, and Node numbers for what they mean.
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

/// Seats are numbered from 1 to this.
pub(crate) const MAX_SEAT: u16 = u16::MAX;

/// All seats, from `first` on and then from the beginning.
fn seats_from(first: u16) -> impl Iterator<Item = u16> {
    (first.max(1)..=MAX_SEAT).chain(1..first)
}

/// How long an attach waits for a segment that has a name but no size yet, as CPython's have for some microseconds.
const SIZING_PATIENCE: Duration = Duration::from_millis(200);

/// Attaches, and waits up to [`SIZING_PATIENCE`] for a segment that is not ready. A thread that serves others calls
/// `attach_within` without patience instead.
pub(crate) fn attach(name: &Name, access: Access, foreign: Foreign) -> Mapped {
    attach_within(name, access, foreign, SIZING_PATIENCE)
}

/// The messages that every backend gives for the same thing.
#[allow(dead_code, reason = "the stub for unknown systems has one message of its own")]
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

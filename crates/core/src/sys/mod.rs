//! Everything that is asked of the operating system, and the one place that picks who answers.
//!
//! A backend supplies:
//!
//! - `NAME_MAX`: the longest name in bytes; `RANDOM_NAME_PREFIX`: how fresh names begin; `is_reserved_in_name(char)`
//!   and `is_reserved_name(&str)`: what the system would take for something else than a name.
//! - `page_size()`: bytes per page, a power of two.
//! - `Mapping`: one view of a segment in this process, `Send + Sync`:
//!   - `start()` is aligned to a page and valid for `len()` bytes, readable and writable, until the mapping drops;
//!   - `retire()` parts the addresses from the segment without freeing them: afterwards they read as zeros, or, where
//!     the system cannot exchange pages under an address, still show the segment. They never fault.
//!   - `is_lost()`: whether another process has cut the segment off under us, and the addresses read as zeros since.
//!     Each time that happens `LOSSES` changes.
//! - `create(name, size, mode, lifetime, before_publish)`: a new segment of zeros and its mapping. `before_publish` runs when
//!   everything else has succeeded; on Linux no other process can open the name earlier.
//!   When it fails, or anything else does, nothing stays behind. A segment whose lifetime is `Owned` is marked such that
//!   a sweep can tell. A mode that cannot be had is an error where the system
//!   has modes at all.
//! - `attach(name, access, foreign)`: a mapping of an existing segment; changes nothing but this process. Refuses
//!   another user's, where the system tells whose it is, and an access that it cannot grant safely.
//! - `unlink(name, identity)`: removes the name, if it is still the same segment's as far as an identity can tell.
//! - `unlink_registered(name, identity)`: the same for a tracker; says whether it removed anything.
//! - `Helper`: a helper process: `spawn(program, role)`, `send(frame)`, and given up, which kills it, on drop.
//! - `detach()`, `ignore_lease_signals()`: what a helper process does to itself.
//! - `sweep()`, `list()`: see [`crate::stale`].
//!
//! - `Mapping::hold()`: keeps the segment in use, as a sweep sees it, for as long as the `Hold` lives; `None` where there
//!   is no sweep.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::stale::{Fate, Found};
use crate::{Access, Error, Foreign, Identity, Lifetime, Name, Result};

#[cfg(any(windows, feature = "portable-backend"))]
#[path = "portable/mod.rs"]
mod backend;

#[cfg(all(any(target_os = "linux", target_os = "macos"), not(feature = "portable-backend")))]
#[path = "unix/mod.rs"]
mod backend;

#[cfg(not(any(windows, target_os = "linux", target_os = "macos", feature = "portable-backend")))]
#[path = "unsupported.rs"]
mod backend;

pub(crate) use backend::{
    Helper, Hold, LOSSES, Mapping, NAME_MAX, RANDOM_NAME_PREFIX, attach, create, detach, ignore_lease_signals, is_reserved_in_name,
    is_reserved_name, list, page_size, sweep, unlink, unlink_registered,
};

/// What runs between the making of a segment and its appearance under its name.
pub(crate) type BeforePublish<'a> = &'a mut dyn FnMut(&Mapping, Identity) -> Result<()>;

type Mapped = Result<(Mapping, Identity)>;

/// The contract above, checked by the compiler for whichever backend is built.
const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Mapping>();
    send_and_sync::<Hold>();
    send_and_sync::<Helper>();
    let _: usize = NAME_MAX;
    let _: &str = RANDOM_NAME_PREFIX;
    let _: fn(char) -> bool = is_reserved_in_name;
    let _: fn(&str) -> bool = is_reserved_name;
    let _: fn() -> usize = page_size;
    let _: fn(&Mapping) -> NonNull<u8> = Mapping::start;
    let _: fn(&Mapping) -> usize = Mapping::len;
    let _: fn(&Mapping) = Mapping::retire;
    let _: fn(&Mapping) -> bool = Mapping::is_lost;
    let _: &AtomicU32 = &LOSSES;
    let _: fn(&Mapping) -> Option<Hold> = Mapping::hold;
    let _: fn(&Name, NonZeroUsize, u32, Lifetime, BeforePublish<'_>) -> Mapped = create;
    let _: fn(&Name, Access, Foreign) -> Mapped = attach;
    let _: fn(&Name, Identity) -> Result<()> = unlink;
    let _: fn(&str, Identity) -> bool = unlink_registered;
    let _: fn(&Path, &str) -> io::Result<Helper> = Helper::spawn;
    let _: fn(&Helper, &[u8]) -> io::Result<()> = Helper::send;
    let _: fn() = detach;
    let _: fn() = ignore_lease_signals;
    let _: fn() -> Vec<(String, Fate)> = sweep;
    let _: fn() -> Vec<Found> = list;
};

/// How long an attach waits for a segment that has a name but no size yet, as CPython's have for some microseconds.
#[allow(dead_code, reason = "the stub for unknown systems attaches to nothing")]
const SIZING_PATIENCE: Duration = Duration::from_millis(200);

/// The messages that every backend gives for the same thing.
#[allow(dead_code, reason = "the stub for unknown systems has one message of its own")]
pub(crate) mod fault {
    use super::{Error, Name};
    use crate::Kind;

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

    pub(crate) fn empty(name: &Name) -> Error {
        Error::layout(format!("segment '{name}' is empty: its creator died before it gave it a size"))
            .on_segment(name.as_str())
    }

    pub(crate) fn no_read_only(name: &Name) -> Error {
        Error::new(
            Kind::Unsupported,
            format!("segment '{name}' cannot be attached read-only on this system; attach without readOnly"),
        )
        .on_segment(name.as_str())
    }
}

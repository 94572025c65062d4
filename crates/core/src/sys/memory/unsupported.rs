//! A system that the crate does not support: everything builds, and every operation returns an error.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::BeforePublish;
use super::Region;
use crate::ledger::Owner;
use crate::sys::Loss;
use crate::{Access, Error, Foreign, Identity, Kind, Lifetime, Memory, Name, Result, Umask};

pub(crate) use super::no_drafts::{Draft, draft, publish};

pub(crate) static LOSSES: AtomicU32 = AtomicU32::new(0);

/// There is no handler to reinstall.
pub(crate) fn renew_fault_handler() {}

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Mapping(Infallible);

// SAFETY: there is no value of the type.
unsafe impl Region for Mapping {
    fn start(&self) -> NonNull<u8> {
        match self.0 {}
    }

    fn len(&self) -> usize {
        match self.0 {}
    }

    fn retire(&self) {
        match self.0 {}
    }

    fn keep_addresses(&self) {
        match self.0 {}
    }

    fn loss(&self) -> Option<Loss> {
        match self.0 {}
    }

    fn hold(&self) -> Option<Hold> {
        match self.0 {}
    }
}

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Hold(Infallible);

/// The system removes no segments by itself.
pub(crate) fn relieve(_: Identity) {}

pub(crate) fn system_page_size() -> usize {
    page_size::get()
}

pub(crate) fn create(
    name: &Name,
    _size: NonZeroUsize,
    _mode: (u32, Umask),
    _lifetime: Lifetime,
    _memory: &Memory,
    _before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    Err(unsupported(name))
}

pub(crate) fn attach_within(
    name: &Name,
    _access: Access,
    _foreign: Foreign,
    _patience: Duration,
) -> Result<(Mapping, Identity)> {
    Err(unsupported(name))
}

pub(crate) fn adopt(name: &Name) -> Result<(Mapping, Identity)> {
    Err(unsupported(name))
}

pub(crate) fn unlink(name: &Name, _identity: Identity) -> Result<()> {
    Err(unsupported(name))
}

pub(crate) fn is_linked(_name: &Name, _identity: Identity) -> bool {
    false
}

pub(crate) fn create_announced(
    name: &Name,
    _size: NonZeroUsize,
    _mode: (u32, Umask),
    _memory: &Memory,
    _before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    Err(unsupported(name))
}

pub(crate) const ANNOUNCES_CHOSEN_NAMES: bool = false;

pub(crate) fn unlink_announced(_name: &str, _: Option<Owner>) -> bool {
    false
}

pub(crate) fn unlink_registered(_name: &str, _identity: Identity) -> bool {
    false
}

fn unsupported(name: &Name) -> Error {
    Error::new(Kind::Unsupported, format!("segment '{name}': shared memory is not supported on this platform"))
        .on_segment(name.as_str())
}

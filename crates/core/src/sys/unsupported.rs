//! A system that the crate does not know: everything builds, and every operation says so.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use super::BeforePublish;
use crate::{Access, Error, Foreign, Kind, Name, Result};

pub(crate) const NAME_MAX: usize = 255;
pub(crate) const RANDOM_NAME_PREFIX: &str = "psm_";

/// Cannot exist: nothing makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity(Infallible);

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Mapping(Infallible);

impl Mapping {
    pub(crate) fn start(&self) -> NonNull<u8> {
        match self.0 {}
    }

    pub(crate) fn len(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn retire(&self) {
        match self.0 {}
    }
}

pub(crate) fn is_reserved_in_name(c: char) -> bool {
    c == '/'
}

pub(crate) fn page_size() -> usize {
    page_size::get()
}

pub(crate) fn create(
    name: &Name,
    _size: NonZeroUsize,
    _mode: u32,
    _before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    Err(unsupported(name))
}

pub(crate) fn attach(
    name: &Name,
    _access: Access,
    _foreign: Foreign,
) -> Result<(Mapping, Identity)> {
    Err(unsupported(name))
}

pub(crate) fn unlink(_name: &Name, identity: &Identity) -> Result<()> {
    match identity.0 {}
}

fn unsupported(name: &Name) -> Error {
    Error::new(
        Kind::Unsupported,
        format!("segment '{name}': this system has no shared memory that is known here"),
    )
    .on_segment(name.as_str())
}

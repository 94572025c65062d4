//! For systems on which a segment has its name from the beginning, so that a draft cannot be made.

use std::num::NonZeroUsize;

use super::Mapping;
use crate::sys::fault;
use crate::{Identity, Lifetime, Memory, Name, Result, Umask};

/// Cannot exist.
#[derive(Debug)]
pub(crate) enum Draft {}

#[allow(clippy::needless_pass_by_value, reason = "other backends use it up")]
pub(crate) fn publish(draft: Draft, _name: &Name) -> Result<()> {
    match draft {}
}

pub(crate) fn draft(
    name: &Name,
    _size: NonZeroUsize,
    _mode: (u32, Umask),
    _lifetime: Lifetime,
    _memory: &Memory,
) -> Result<(Mapping, Identity, Draft)> {
    Err(fault::no_drafts(name))
}

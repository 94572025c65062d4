//! A segment created under its final name, in the same order as in CPython: name, size, contents. Other processes can
//! see it before it is complete, so this is used only where the system offers nothing better.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super as os;
use crate::{Memory, Name, Result};

#[derive(Debug)]
pub(in crate::sys) struct InPlace {
    file: OwnedFd,
    /// Removed on drop, unless published.
    name: Option<Name>,
}

impl InPlace {
    pub(in crate::sys) fn new(name: &Name, size: NonZeroUsize, mode: u32, memory: &Memory) -> Result<Self> {
        let file = os::create_exclusive(name, mode).map_err(|errno| os::creation_failed(errno, size, name))?;
        let draft = Self { file, name: Some(name.clone()) };
        os::allocate(draft.file(), size, memory, name)?;
        Ok(draft)
    }

    pub(in crate::sys) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(in crate::sys) fn publish(mut self) {
        self.name = None;
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // A failure means that another process has removed it already.
            let _ = os::remove(name);
        }
    }
}

//! A system that the crate does not support: there is no helper process.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::Supervised;
use crate::Identity;
use crate::sys::Ledger;

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Helper(Infallible);

impl Supervised for Helper {
    fn spawn(_program: &Path, _role: &str, _ledger: Option<&Ledger>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn send(&self, _frame: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    fn entrust(&self, _name: &str, _identity: Identity) {
        match self.0 {}
    }

    fn has_ended(&mut self, _deadline: Instant) -> bool {
        match self.0 {}
    }

    fn let_go(self) {
        match self.0 {}
    }

    fn disown(self) {
        match self.0 {}
    }
}

pub(crate) fn at_exit(_: extern "C" fn()) {}

pub(crate) fn effective_user() -> u32 {
    0
}

pub(crate) fn detach(_: bool) {}

pub(crate) fn fall_silent() {}

pub(crate) fn wait_for_starter() {}

pub(crate) fn ignore_lease_signals() {}

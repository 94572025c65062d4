//! What takes segments over from the instances that create them.

use std::fmt::Debug;

use crate::tracker::protocol::Registration;
use crate::{Identity, Mapping, Result};

/// Takes segments over from the instances that create them.
pub trait Keeper: Debug + Send + Sync {
    /// Whether it takes any, asked before one is made.
    ///
    /// # Errors
    /// [`Kind::ManagerClosed`] when it does not.
    fn check(&self) -> Result<()>;

    /// Takes over a segment, which has its name by now and is on record with this process's tracker.
    ///
    /// # Errors
    /// [`Kind::ManagerClosed`], and what else a keeper says; the segment is then to be unlinked by its creator.
    fn keep(&self, registration: &Registration, mapping: &Mapping) -> Result<()>;

    /// Hears that this process has unlinked a segment that it keeps.
    fn unlinked(&self, identity: Identity);
}

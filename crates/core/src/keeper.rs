//! Keepers: they take segments over from the instances that create them.

use std::fmt::Debug;

use crate::tracker::protocol::Registration;
use crate::{Identity, Mapping, Result};

/// Takes segments over from the instances that create them.
pub trait Keeper: Debug + Send + Sync {
    /// Checks that it accepts segments. Called before one is created.
    ///
    /// # Errors
    /// [`Kind::ManagerClosed`](crate::Kind::ManagerClosed) when it does not.
    fn check(&self) -> Result<()>;

    /// Takes over a segment. The segment has its name by now, and is on record with this process's tracker.
    ///
    /// # Errors
    /// [`Kind::ManagerClosed`](crate::Kind::ManagerClosed), and other errors of the keeper. The segment's creator must then
    /// unlink it.
    fn keep(&self, registration: &Registration, mapping: &Mapping) -> Result<()>;

    /// Records that this process has unlinked a segment that it keeps.
    fn unlinked(&self, identity: Identity);
}

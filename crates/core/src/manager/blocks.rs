//! What a manager keeps: in the process itself, or in a server for many.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Keeper;
use crate::tracker::protocol::Registration;
use crate::{Access, Error, Foreign, Identity, Kind, Mapping, Name, Result, sys, tracker};

/// The segments of one manager, all of them on record with this process's tracker too, which has the last word if this
/// process dies.
#[derive(Debug, Default)]
pub struct Blocks {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<Identity, Name>,
    /// How many there may be before those that somebody has unlinked by hand are looked for.
    limit: usize,
    has_ended: bool,
}

/// How many blocks are kept without a look at whether they are still there.
const FEW: usize = 64;

impl Blocks {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the table whole: each change to it is one call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a segment that another process has made and has on record with its own tracker.
    ///
    /// # Errors
    /// When there is no such segment.
    pub fn take_over(&self, registration: &Registration) -> Result<()> {
        let name = Name::new(&registration.name)?;
        let (mapping, identity) = sys::attach(&name, Access::ReadWrite, Foreign::Refuse)?;
        let mapping = Mapping::new(mapping);
        if identity != registration.identity {
            return Err(Error::new(Kind::NotFound, format!("another segment has the name '{name}' by now")));
        }
        tracker::register(registration.clone())?;
        self.keep(registration, &mapping)
    }

    /// Forgets a segment that is not there any more. One that is, is kept: whoever says otherwise is mistaken.
    pub fn forget_if_gone(&self, identity: Identity) {
        let mut state = self.state();
        if state.names.get(&identity).is_some_and(|name| !sys::is_linked(name, identity)) {
            state.names.remove(&identity);
            tracker::forget(identity);
        }
    }

    /// The names of what is there.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let mut state = self.state();
        state.prune();
        state.names.values().map(|name| name.as_str().to_owned()).collect()
    }

    /// Whether nothing can be kept any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Unlinks everything; quietly what somebody has unlinked before. Idempotent, but for what could not be unlinked: that is
    /// tried again.
    ///
    /// # Errors
    /// The first that a system call gave; everything else is unlinked all the same.
    pub fn end(&self) -> Result<()> {
        let mut state = self.state();
        state.has_ended = true;
        let mut result = Ok(());
        for (identity, name) in std::mem::take(&mut state.names) {
            match sys::unlink(&name, identity) {
                Err(e) if e.kind() != Kind::NotFound => {
                    state.names.insert(identity, name);
                    result = result.and(Err(e));
                }
                _ => tracker::forget(identity),
            }
        }
        result
    }
}

impl State {
    fn prune(&mut self) {
        self.names.retain(|identity, name| {
            let is_linked = sys::is_linked(name, *identity);
            if !is_linked {
                tracker::forget(*identity);
            }
            is_linked
        });
        self.limit = FEW.max(2 * self.names.len());
    }
}

impl Keeper for Blocks {
    fn check(&self) -> Result<()> {
        if self.has_ended() { Err(super::ended()) } else { Ok(()) }
    }

    fn keep(&self, registration: &Registration, mapping: &Mapping) -> Result<()> {
        let name = Name::new(&registration.name)?;
        let mut state = self.state();
        if state.has_ended {
            return Err(super::ended());
        }
        // Its memory is in use for as long as it is kept, so what is gone must not be kept for ever.
        if state.names.len() >= state.limit {
            state.prune();
        }
        tracker::keep_in_use(registration.identity, mapping);
        state.names.insert(registration.identity, name);
        Ok(())
    }

    fn unlinked(&self, identity: Identity) {
        if self.state().names.remove(&identity).is_some() {
            tracker::forget(identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{AttachOptions, CreateOptions, Lifetime, Segment};

    fn kept(blocks: &Arc<Blocks>) -> Segment {
        let keeper: Arc<dyn Keeper> = blocks.clone();
        Segment::create(64, &CreateOptions { keeper: Some(keeper), ..CreateOptions::default() }).unwrap()
    }

    fn exists(name: &str) -> bool {
        Segment::attach(&Name::new(name).unwrap(), AttachOptions::default()).is_ok()
    }

    #[test]
    fn what_is_kept_outlives_its_instance_and_ends_with_the_manager() {
        let blocks = Arc::new(Blocks::default());
        let segment = kept(&blocks);
        let name = segment.name().as_str().to_owned();
        assert!(!segment.is_owner());
        segment.dispose().unwrap();
        assert!(exists(&name));
        assert_eq!(blocks.list(), std::slice::from_ref(&name));
        blocks.end().unwrap();
        assert!(!exists(&name));
        blocks.end().unwrap();
    }

    #[test]
    fn what_is_unlinked_by_hand_is_forgotten() {
        let blocks = Arc::new(Blocks::default());
        let (first, second) = (kept(&blocks), kept(&blocks));
        first.unlink().unwrap();
        // By somebody whom the manager does not know.
        Segment::attach(second.name(), AttachOptions::default()).unwrap().unlink().unwrap();
        assert_eq!(blocks.list(), [""; 0]);
        blocks.end().unwrap();
    }

    #[test]
    fn after_the_end_nothing_is_made() {
        let blocks = Arc::new(Blocks::default());
        blocks.end().unwrap();
        let keeper: Arc<dyn Keeper> = blocks;
        let name = Name::random().unwrap();
        let options = CreateOptions { name: Some(name.clone()), keeper: Some(keeper), ..CreateOptions::default() };
        assert_eq!(Segment::create(64, &options).map_err(|e| e.kind()).unwrap_err(), Kind::ManagerClosed);
        assert!(!exists(name.as_str()));
    }

    #[test]
    #[cfg_attr(any(windows, feature = "portable-backend"), ignore = "this backend knows segments by their names alone")]
    fn a_segment_that_took_the_name_is_left_alone() {
        let blocks = Arc::new(Blocks::default());
        let segment = kept(&blocks);
        let name = segment.name().clone();
        Segment::attach(&name, AttachOptions::default()).unwrap().unlink().unwrap();
        let options =
            CreateOptions { name: Some(name.clone()), lifetime: Lifetime::Detached, ..CreateOptions::default() };
        let other = Segment::create(64, &options).unwrap();
        blocks.end().unwrap();
        assert!(exists(name.as_str()));
        other.unlink().unwrap();
    }

    #[test]
    fn a_segment_is_taken_over_by_what_it_is_and_not_by_its_name() {
        let segment =
            Segment::create(64, &CreateOptions { lifetime: Lifetime::Detached, ..CreateOptions::default() }).unwrap();
        let identity = Identity { device: 1, inode: 2 };
        let name = segment.name().as_str().to_owned();
        let registration = Registration { identity, size: 64, name, origin: String::new() };
        let blocks = Blocks::default();
        assert_eq!(blocks.take_over(&registration).map_err(|e| e.kind()), Err(Kind::NotFound));
        blocks.end().unwrap();
        assert!(exists(segment.name().as_str()));
        segment.unlink().unwrap();
    }
}

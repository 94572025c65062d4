//! The segments that a manager keeps: in the process itself, or in a server for many processes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use super::Keeper;
use crate::tracker::protocol::Registration;
use crate::{Error, Identity, Kind, Mapping, Name, Result, mutex, sys, tracker};

/// The segments of one manager. This process's tracker also has them on record, and unlinks them if this process dies.
#[derive(Debug, Default)]
pub struct Blocks {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<Identity, Name>,
    /// The block at which the next search for unlinked blocks begins.
    next_look: Option<Identity>,
    has_ended: bool,
}

/// How many blocks are checked each time that one is added. It is more than one, so that unlinked blocks are forgotten
/// faster than new ones come; and small, so that no call takes long.
const LOOKS: usize = 2;

/// Names of blocks, and where to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Some of the names.
    pub names: Vec<String>,
    /// The argument of [`Blocks::names_after`] for the following names; `None` when there are no more.
    pub next: Option<Identity>,
}

impl Blocks {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the table whole: each change to it is one call.
        mutex::lock(&self.state)
    }

    /// Takes over a segment that another process has created and has on record with its own tracker. Never waits.
    ///
    /// # Errors
    /// When the segment does not exist, or has no size. An errno `EAGAIN` means that a sweep is checking the segment:
    /// the caller may try again.
    pub fn take_over(&self, registration: &Registration) -> Result<()> {
        let name = Name::new(&registration.name)?;
        if self.state().names.get(&registration.identity) == Some(&name) {
            return Ok(());
        }
        let (mapping, identity) = sys::adopt(&name)?;
        let mapping = Mapping::new(mapping);
        if identity != registration.identity {
            return Err(Error::new(Kind::NotFound, format!("another segment has the name '{name}' by now")));
        }
        tracker::register(registration.clone())?;
        self.keep(registration, &mapping)
    }

    /// Forgets a segment that no longer exists. An existing one is kept, because then the request is wrong.
    pub fn forget_if_gone(&self, identity: Identity) {
        let mut state = self.state();
        if state.names.get(&identity).is_some_and(|name| !sys::is_linked(name, identity)) {
            state.names.remove(&identity);
            tracker::forget(identity);
        }
    }

    /// Returns the names of the existing blocks.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.names_after(None, usize::MAX).names
    }

    /// Returns the names of the existing blocks, from the block after `last` on, or from the first one. Checks at most
    /// `limit` blocks, so that it takes little time. Forgets blocks that were unlinked.
    #[must_use]
    pub fn names_after(&self, last: Option<Identity>, limit: usize) -> Names {
        let mut state = self.state();
        let found = state.look_after(last, limit);
        let next = if found.len() < limit { None } else { found.last().map(|(identity, _)| *identity) };
        Names { names: found.into_iter().filter_map(|(_, name)| name).collect(), next }
    }

    /// Returns whether the manager has ended and keeps nothing more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Unlinks everything, and ignores blocks that another process has unlinked. Idempotent, except that it retries
    /// blocks that could not be unlinked.
    ///
    /// # Errors
    /// The first error of a system call. All other blocks are unlinked nevertheless.
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
    /// Checks up to `limit` blocks after `last`. Returns their names, or `None` for those that no longer exist, which
    /// it forgets.
    fn look_after(&mut self, last: Option<Identity>, limit: usize) -> Vec<(Identity, Option<String>)> {
        let start = last.map_or(Bound::Unbounded, Bound::Excluded);
        let blocks = self.names.range((start, Bound::Unbounded)).take(limit);
        let found: Vec<_> = blocks
            .map(|(&identity, name)| (identity, sys::is_linked(name, identity).then(|| name.as_str().to_owned())))
            .collect();
        for (identity, _) in found.iter().filter(|(_, name)| name.is_none()) {
            self.names.remove(identity);
            tracker::forget(*identity);
        }
        found
    }

    /// Checks a few blocks, so that blocks unlinked by other processes are forgotten eventually: the memory of a block
    /// is in use as long as the block is kept.
    fn prune_some(&mut self) {
        let found = self.look_after(self.next_look, LOOKS);
        self.next_look = if found.len() < LOOKS { None } else { found.last().map(|(identity, _)| *identity) };
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
        state.prune_some();
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
    use std::time::Duration;

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
    fn a_kept_segment_outlives_its_instance_and_ends_with_the_manager() {
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
    fn blocks_that_were_unlinked_by_hand_are_forgotten() {
        let blocks = Arc::new(Blocks::default());
        let (first, second) = (kept(&blocks), kept(&blocks));
        first.unlink().unwrap();
        // As a process would that the manager does not know.
        Segment::attach(second.name(), AttachOptions::default()).unwrap().unlink().unwrap();
        assert_eq!(blocks.list(), [""; 0]);
        blocks.end().unwrap();
    }

    #[test]
    fn names_come_in_pieces_and_each_name_once() {
        let blocks = Arc::new(Blocks::default());
        let segments: Vec<_> = (0..5).map(|_| kept(&blocks)).collect();
        segments[2].unlink().unwrap();
        let (mut names, mut last, mut pieces) = (Vec::new(), None, 0);
        loop {
            let piece = blocks.names_after(last, 2);
            pieces += 1;
            names.extend(piece.names);
            last = piece.next;
            if last.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = [0, 1, 3, 4].map(|index: usize| segments[index].name().as_str().to_owned()).into();
        expected.sort();
        names.sort();
        assert_eq!((names, pieces), (expected, 3));
        blocks.end().unwrap();
    }

    #[test]
    fn blocks_that_were_unlinked_elsewhere_are_forgotten_as_new_ones_come() {
        let blocks = Arc::new(Blocks::default());
        for _ in 0..100 {
            Segment::attach(kept(&blocks).name(), AttachOptions::default()).unwrap().unlink().unwrap();
        }
        assert!(blocks.state().names.len() <= 3, "{} are kept", blocks.state().names.len());
        blocks.end().unwrap();
    }

    #[test]
    fn a_segment_that_is_registered_twice_is_kept_once() {
        let blocks = Arc::new(Blocks::default());
        let segment = kept(&blocks);
        blocks.take_over(&segment.registration("")).unwrap();
        assert_eq!(blocks.list(), [segment.name().as_str()]);
        blocks.end().unwrap();
    }

    #[test]
    #[cfg_attr(
        not(backend = "linux"),
        ignore = "this backend cannot have a segment without a size, or has a test of its own"
    )]
    fn a_segment_without_a_size_is_refused_without_waiting() {
        let name = Name::random().unwrap();
        let path = format!("/dev/shm/{name}");
        let file = std::fs::File::create_new(&path).unwrap();
        let identity = crate::stale::list().into_iter().find(|found| found.name == name.as_str()).unwrap().identity;
        let registration = Registration { identity, size: 1, name: name.as_str().to_owned(), origin: String::new() };
        // Attaching waits 200 ms for such a segment, each time. A busy machine delays some calls, not all.
        let times = [(); 10].map(|()| {
            let start = std::time::Instant::now();
            assert_eq!(Blocks::default().take_over(&registration).map_err(|e| e.kind()), Err(Kind::Layout));
            start.elapsed()
        });
        assert!(times.iter().any(|time| *time < Duration::from_millis(150)), "{times:?}");
        drop(file);
        std::fs::remove_file(path).unwrap();
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

//! A segment that gets its name when its contents are complete.

use std::sync::Arc;

use crate::segment::check_size;
use crate::tracker;
use crate::{CreateOptions, Error, Identity, Kind, Lifetime, Mapping, Name, Result, Segment, sys};

/// A segment without a name. Other processes cannot attach to it before [`publish`](Self::publish). When it is dropped,
/// or its process dies, it leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    name: Name,
    file: sys::Draft,
    mapping: Arc<Mapping>,
    identity: Identity,
    options: CreateOptions,
}

impl Draft {
    /// Creates a draft of `size` bytes, all zero, and this process's instance of it. The options need a name.
    ///
    /// # Errors
    /// As [`Segment::create`]; [`Kind::Unsupported`] where the system or the file system cannot hide a segment.
    pub fn new(size: usize, options: CreateOptions) -> Result<(Self, Segment)> {
        let bytes = check_size(size)?;
        if let Some(keeper) = &options.keeper {
            keeper.check()?;
        }
        let name = options.name.clone().ok_or_else(|| Error::new(Kind::InvalidValue, "a draft needs a name"))?;
        let (raw, identity, file) =
            sys::draft(&name, bytes, (options.mode, options.umask), options.lifetime, &options.memory)?;
        let mapping = Arc::new(Mapping::of_segment(raw, &name, identity));
        let segment = Segment::of_draft(&name, &mapping, identity, &options);
        Ok((Self { name, file, mapping, identity, options }, segment))
    }

    /// Gives the segment its name, with its current contents.
    ///
    /// # Errors
    /// [`Kind::Exists`] when the name was taken meanwhile; [`Kind::Closed`] when the instance was closed; and errors of
    /// its keeper. After an error, nothing stays behind.
    pub fn publish(self) -> Result<()> {
        let Self { name, file, mapping, identity, options } = self;
        if mapping.is_retired() {
            return Err(Error::closed("segment").on_segment(name.as_str()));
        }
        let registration = tracker::protocol::Registration {
            identity,
            size: mapping.len() as u64,
            name: name.as_str().to_owned(),
            origin: options.origin,
        };
        let is_owned = options.lifetime == Lifetime::Owned;
        if is_owned {
            tracker::register(registration.clone())?;
        }
        if let Err(e) = sys::publish(file, &name) {
            tracker::forget(identity);
            return Err(e);
        }
        if let Some(keeper) = options.keeper.filter(|_| is_owned)
            && let Err(e) = keeper.keep(&registration, &mapping)
        {
            // The contents are complete, but the manager that should keep them has ended.
            let _ = sys::unlink(&name, identity);
            tracker::forget(identity);
            return Err(e.on_segment(name.as_str()));
        }
        Ok(())
    }
}

#[cfg(all(test, any(backend = "linux", backend = "windows"), not(backend = "portable")))]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::AttachOptions;

    fn options() -> CreateOptions {
        CreateOptions { name: Some(Name::random().unwrap()), lifetime: Lifetime::Detached, ..CreateOptions::default() }
    }

    #[test]
    fn a_draft_cannot_be_attached_to_before_it_is_published_and_then_is_complete() {
        let options = options();
        let name = options.name.clone().unwrap();
        let (draft, segment) = Draft::new(64, options).unwrap();
        let attach = || Segment::attach(&name, AttachOptions::default());
        assert_eq!(attach().map_err(|e| e.kind()).unwrap_err(), Kind::NotFound);
        let first = |segment: &Segment| segment.mapping().bytes().unwrap().bytes(0..1).unwrap()[0].load(Relaxed);
        segment.mapping().bytes().unwrap().bytes(0..1).unwrap()[0].store(7, Relaxed);
        draft.publish().unwrap();
        assert_eq!(first(&attach().unwrap()), 7);
        segment.unlink().unwrap();
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let options = options();
        let name = options.name.clone().unwrap();
        drop(Draft::new(64, options).unwrap());
        assert_eq!(Segment::attach(&name, AttachOptions::default()).map_err(|e| e.kind()).unwrap_err(), Kind::NotFound);
    }

    #[test]
    fn a_draft_whose_name_was_taken_meanwhile_fails_and_leaves_the_other_segment_alone() {
        let options = options();
        let (draft, _segment) = Draft::new(64, options.clone()).unwrap();
        let other = Segment::create(8, &options).unwrap();
        assert_eq!(draft.publish().map_err(|e| e.kind()), Err(Kind::Exists));
        assert_eq!(Segment::attach(other.name(), AttachOptions::default()).unwrap().size(), 8);
        other.unlink().unwrap();
    }

    #[test]
    fn a_draft_whose_instance_was_closed_is_not_published() {
        let (draft, segment) = Draft::new(64, options()).unwrap();
        segment.close();
        assert_eq!(draft.publish().map_err(|e| e.kind()), Err(Kind::Closed));
    }
}

//! CPython's `ShareableList` over a mapping: the layout, plus patience with writers and the state of the mapping.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::layout::{self, Attempt, Header, Input, Layout, Slot, Value, Values, Wanted};
use crate::{Access, CreateOptions, Error, Kind, Mapping, Result, Segment};

/// How long a slot that somebody is writing is waited for. Writing takes microseconds; a writer that takes longer has
/// been stopped or killed.
const PATIENCE: Duration = Duration::from_millis(100);

/// Tries before the clock is asked and the processor offered to others.
const SPINS: u32 = 64;

/// A fixed number of slots in a segment.
#[derive(Clone, Debug)]
pub struct List {
    mapping: Arc<Mapping>,
    header: Header,
    access: Access,
    name: String,
}

impl List {
    /// Creates a segment that holds `values`. It has its name only when it is complete.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] for a value too long for a slot, and as [`Segment::create`].
    pub fn create(values: &(impl Values + ?Sized), options: &CreateOptions) -> Result<(Segment, Self)> {
        let header = layout::plan(values)?;
        let segment = Segment::create_with(header.total(), options, |bytes| layout::build(bytes, header, values))?;
        let list = Self::over(&segment, header);
        Ok((segment, list))
    }

    /// Finds the list in `segment`, in constant time.
    ///
    /// # Errors
    /// [`Kind::Layout`] when there is none, [`Kind::Closed`] when the segment is closed.
    pub fn attach(segment: &Segment) -> Result<Self> {
        let bytes = segment.mapping().bytes()?;
        let check = || {
            let header = Header::read(bytes)?;
            Layout::new(bytes, header)?.check_offsets()?;
            Ok(header)
        };
        let header = check().map_err(|e: Error| e.on_segment(segment.name().as_str()))?;
        Ok(Self::over(segment, header))
    }

    fn over(segment: &Segment, header: Header) -> Self {
        Self {
            mapping: Arc::clone(segment.mapping()),
            header,
            access: segment.access(),
            name: segment.name().as_str().to_owned(),
        }
    }

    /// Where the list's parts lie.
    #[must_use]
    pub fn header(&self) -> Header {
        self.header
    }

    /// Reads the value at `index`; the bytes of text go to `text`.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] past the end, [`Kind::Layout`] when the slot is none of a list's or was left half written,
    /// [`Kind::Closed`] after close.
    pub fn get<'s>(&self, index: usize, text: &'s mut Vec<u8>) -> Result<Value<'s>> {
        let slot = self.layout()?.slot(index).map_err(|e| self.located(e))?;
        let held = self.settle(&slot, || slot.read(text))?;
        held.into_value(index, text).map_err(|e| self.located(e))
    }

    /// Writes a value to the slot at `index`. Other processes see it at once.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] past the end and for a value that does not fit the slot, which keeps its old one then;
    /// [`Kind::Access`] on a read-only attachment, [`Kind::Closed`] after close.
    pub fn set(&self, index: usize, value: Input<'_>) -> Result<()> {
        let slot = self.slot_to_write(index)?;
        if self.patiently(|| slot.write(value))?.is_none() {
            // Whoever took the slot never finished: its value is lost, ours repairs the slot.
            self.settle(&slot, || slot.write_forcibly(value))?;
        }
        Ok(())
    }

    /// Adds `delta` to the integer at `index`, atomically across processes, and returns the sum.
    ///
    /// # Errors
    /// [`Kind::InvalidType`] when the slot holds no integer, [`Kind::OutOfRange`] past the end or past 64 bits, and as
    /// [`set`](Self::set).
    pub fn add(&self, index: usize, delta: i64) -> Result<i64> {
        let slot = self.slot_to_write(index)?;
        self.settle(&slot, || slot.add(delta))
    }

    /// The struct formats of all slots, one after the other, as CPython shows them.
    ///
    /// # Errors
    /// [`Kind::Layout`] for a format that is none, [`Kind::Closed`] after close.
    pub fn format(&self) -> Result<String> {
        let layout = self.layout()?;
        let mut text = String::new();
        for index in 0..layout.len() {
            let slot = layout.slot(index).map_err(|e| self.located(e))?;
            text.push_str(&self.settle(&slot, || slot.format())?.to_string());
        }
        Ok(text)
    }

    /// The index of the first slot from `from` on that holds `value`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn find(&self, value: Input<'_>, from: usize) -> Result<Option<usize>> {
        let layout = self.layout()?;
        let wanted = Wanted::new(value.into_value());
        let mut text = Vec::new();
        let mut from = from;
        while let Some(index) = layout.next_candidate(from, &wanted) {
            from = index + 1;
            let slot = layout.slot(index).map_err(|e| self.located(e))?;
            if self.settle(&slot, || slot.holds(&wanted.value, &mut text))? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// The number of slots that hold `value`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn count(&self, value: Input<'_>) -> Result<usize> {
        let mut count = 0;
        let mut from = 0;
        while let Some(index) = self.find(value, from)? {
            count += 1;
            from = index + 1;
        }
        Ok(count)
    }

    fn layout(&self) -> Result<Layout<'_>> {
        let bytes = self.mapping.bytes().map_err(|e| match e.kind() {
            Kind::Closed => self.located(Error::closed(&format!("list '{}'", self.name))),
            _ => self.located(e),
        })?;
        Layout::new(bytes, self.header).map_err(|e| self.located(e))
    }

    fn slot_to_write(&self, index: usize) -> Result<Slot<'_>> {
        if self.access == Access::ReadOnly {
            return Err(self.located(Error::new(
                Kind::Access,
                format!("the list '{}' was attached read-only; attach without readOnly to write", self.name),
            )));
        }
        self.layout()?.slot(index).map_err(|e| match e.kind() {
            Kind::OutOfRange => self.located(Error::new(Kind::OutOfRange, "assignment index out of range")),
            _ => self.located(e),
        })
    }

    /// What `attempt` comes to once no writer is in its way.
    fn settle<T>(&self, slot: &Slot<'_>, attempt: impl FnMut() -> Result<Attempt<T>>) -> Result<T> {
        self.patiently(attempt)?.ok_or_else(|| self.located(slot.stuck()))
    }

    /// As [`settle`](Self::settle), but `None` when the writer in the way must be dead.
    fn patiently<T>(&self, mut attempt: impl FnMut() -> Result<Attempt<T>>) -> Result<Option<T>> {
        let mut deadline = None;
        for tries in 0_u32.. {
            match attempt().map_err(|e| self.located(e))? {
                Attempt::Done(value) => return Ok(Some(value)),
                Attempt::Busy if tries < SPINS => std::hint::spin_loop(),
                Attempt::Busy => {
                    let now = Instant::now();
                    if now > *deadline.get_or_insert(now + PATIENCE) {
                        break;
                    }
                    thread::yield_now();
                }
            }
        }
        Ok(None)
    }

    fn located(&self, error: Error) -> Error {
        error.on_segment(&self.name)
    }
}

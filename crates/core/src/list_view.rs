//! A list over any bytes: the layout, and waiting for writers. It does not know segments.

use std::thread;
use std::time::{Duration, Instant};

use crate::layout::{Attempt, Header, Input, Layout, Slot, Value, Versions, Wanted};
use crate::{Access, Error, Kind, Remedy, Result, SharedBytes};

/// Tries before it checks the clock and yields the processor.
const SPINS: u32 = 64;

/// The operations on the slots of a list.
#[derive(Clone, Copy, Debug)]
pub struct ListView<'a> {
    layout: Layout<'a>,
    name: &'a str,
    access: Access,
    patience: Duration,
}

impl<'a> ListView<'a> {
    /// Finds the list in `bytes` and the offsets of its parts, in constant time.
    ///
    /// # Errors
    /// [`Kind::Layout`] when `bytes` do not hold a list.
    pub fn find_header(bytes: SharedBytes<'_>) -> Result<Header> {
        Self::find_header_expecting(bytes, |_| ())
    }

    /// Does the same, and calls `expect` with the places of bytes that this and reading the first or last slot will read, each
    /// before it is read.
    pub(crate) fn find_header_expecting(bytes: SharedBytes<'_>, expect: impl Fn(usize)) -> Result<Header> {
        let header = Header::read_expecting(bytes, &expect)?;
        header.ends().into_iter().for_each(&expect);
        Layout::new(bytes, header)?.check_offsets()?;
        Ok(header)
    }

    /// Views the list in `bytes` that `header` describes. Errors call it `name`. Waits for a slot that is being
    /// written, for at most `patience`.
    ///
    /// # Errors
    /// [`Kind::Layout`] when `bytes` is too small for it.
    pub fn new(
        bytes: SharedBytes<'a>,
        header: Header,
        name: &'a str,
        access: Access,
        patience: Duration,
    ) -> Result<Self> {
        let layout = Layout::new(bytes, header).map_err(|e| e.on_segment(name))?;
        Ok(Self { layout, name, access, patience })
    }

    /// Uses these version numbers.
    #[must_use]
    pub fn with_versions(self, versions: Option<Versions<'a>>) -> Self {
        Self { layout: self.layout.with_versions(versions), ..self }
    }

    /// As [`List::get`](crate::List::get).
    ///
    /// # Errors
    /// As there.
    pub fn get<'s>(&self, index: usize, text: &'s mut Vec<u8>) -> Result<Value<'s>> {
        let slot = self.slot(index)?;
        let held = self.settle(&slot, || slot.read(text))?;
        held.into_value(index, text).map_err(|e| self.located(e))
    }

    /// As [`List::set`](crate::List::set).
    ///
    /// # Errors
    /// As there.
    pub fn set(&self, index: usize, value: Input<'_>) -> Result<()> {
        let slot = self.slot_to_write(index)?;
        if self.patiently(|| slot.write(value))?.is_none() {
            // Its writer never finished, so that value is lost. This write repairs the slot.
            self.settle(&slot, || slot.write_forcibly(value))?;
        }
        Ok(())
    }

    /// As [`List::add`](crate::List::add).
    ///
    /// # Errors
    /// As there.
    pub fn add(&self, index: usize, delta: i64) -> Result<Value<'static>> {
        let slot = self.slot_to_write(index)?;
        self.settle(&slot, || slot.add(delta))
    }

    /// As [`List::format`](crate::List::format).
    ///
    /// # Errors
    /// As there.
    pub fn format(&self) -> Result<String> {
        let mut text = String::new();
        for index in 0..self.layout.len() {
            let slot = self.slot(index)?;
            text.push_str(&self.settle(&slot, || slot.format())?.to_string());
        }
        Ok(text)
    }

    /// As [`List::find`](crate::List::find).
    ///
    /// # Errors
    /// As there.
    pub fn find(&self, value: Input<'_>, from: usize) -> Result<Option<usize>> {
        let wanted = Wanted::new(value.into_value());
        let mut text = Vec::new();
        let mut from = from;
        while let Some(index) = self.layout.next_candidate(from, &wanted) {
            from = index + 1;
            let slot = self.slot(index)?;
            if self.settle(&slot, || slot.holds(&wanted.value, &mut text))? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// As [`List::count`](crate::List::count).
    ///
    /// # Errors
    /// As there.
    pub fn count(&self, value: Input<'_>) -> Result<usize> {
        let mut count = 0;
        let mut from = 0;
        while let Some(index) = self.find(value, from)? {
            count += 1;
            from = index + 1;
        }
        Ok(count)
    }

    /// As [`List::capacity`](crate::List::capacity).
    ///
    /// # Errors
    /// As there.
    pub fn capacity(&self, index: usize) -> Result<usize> {
        Ok(self.slot(index)?.bytes())
    }

    fn slot(&self, index: usize) -> Result<Slot<'a>> {
        self.layout.slot(index).map_err(|e| self.located(e))
    }

    fn slot_to_write(&self, index: usize) -> Result<Slot<'a>> {
        if self.access == Access::ReadOnly {
            return Err(self.located(
                Error::new(Kind::Access, format!("the list '{}' was attached read-only", self.name))
                    .with_remedy(Remedy::AttachToWrite),
            ));
        }
        self.slot(index).map_err(|e| match e.kind() {
            Kind::OutOfRange => self.located(Error::new(e.kind(), format!("assignment {}", e.message()))),
            _ => e,
        })
    }

    /// Returns the result of `attempt` once no writer interferes.
    fn settle<T>(&self, slot: &Slot<'_>, attempt: impl FnMut() -> Result<Attempt<T>>) -> Result<T> {
        self.patiently(attempt)?.ok_or_else(|| self.located(slot.stuck()))
    }

    /// As [`settle`](Self::settle), but `None` when the writer that interferes must be dead.
    fn patiently<T>(&self, mut attempt: impl FnMut() -> Result<Attempt<T>>) -> Result<Option<T>> {
        let mut deadline = None;
        for tries in 0_u32.. {
            match attempt().map_err(|e| self.located(e))? {
                Attempt::Done(value) => return Ok(Some(value)),
                Attempt::Busy if tries < SPINS => std::hint::spin_loop(),
                Attempt::Busy => {
                    let now = Instant::now();
                    if now > *deadline.get_or_insert(now + self.patience) {
                        break;
                    }
                    thread::yield_now();
                }
            }
        }
        Ok(None)
    }

    fn located(&self, error: Error) -> Error {
        error.on_segment(self.name)
    }
}

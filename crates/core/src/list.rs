//! CPython's `ShareableList` in a segment: the list's bytes and the segment that holds them.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::layout::{self, Header, Input, Value, Values, VersionPlaces, Versions};
use crate::{Access, CreateOptions, Error, Kind, ListView, Mapping, Name, Result, Segment};

/// How long to wait for a slot that is being written. Writing takes microseconds; a writer that takes longer was
/// stopped or killed.
const WRITER_TIMEOUT: Duration = Duration::from_millis(100);

/// A fixed number of slots in a segment.
#[derive(Clone, Debug)]
pub struct List {
    mapping: Arc<Mapping>,
    header: Header,
    versions: Option<VersionPlaces>,
    access: Access,
    name: String,
}

impl List {
    /// Creates a segment that holds `values`. The segment gets its name only when it is complete.
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
    /// [`Kind::Layout`] when the segment does not hold a list, [`Kind::Closed`] when the segment is closed.
    pub fn attach(segment: &Segment) -> Result<Self> {
        let mapping = segment.mapping();
        let header = ListView::find_header_expecting(mapping.bytes()?, |at| mapping.expect_access(at))
            .map_err(|e| e.on_segment(segment.name().as_str()))?;
        Ok(Self::over(segment, header))
    }

    /// Attaches to the list called `name`, or creates it with `values`, without a race between the two. Of the options,
    /// an existing list uses only the name.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`attach`](Self::attach); [`Kind::OutOfRange`] when the existing list has fewer
    /// slots than there are values.
    pub fn create_or_attach(
        name: &Name,
        values: &(impl Values + ?Sized),
        options: &CreateOptions,
    ) -> Result<(Segment, Self)> {
        let options = CreateOptions { name: Some(name.clone()), ..options.clone() };
        let attach = |segment: Segment| {
            let list = Self::attach_whole(&segment, values.len())?;
            Ok((segment, list))
        };
        let ((mut segment, list), swept) = Segment::open_or_create(name, attach, || Self::create(values, &options))?;
        segment.note(swept);
        Ok((segment, list))
    }

    /// Finds a list of at least `least` slots in `segment`.
    fn attach_whole(segment: &Segment, least: usize) -> Result<Self> {
        let deadline = Instant::now() + WRITER_TIMEOUT;
        loop {
            let list = Self::attach(segment)?;
            let found = list.header.len;
            if found >= least {
                return Ok(list);
            }
            // Where the system cannot hide a list that is being made, the list looks empty until it is complete.
            if found > 0 || Instant::now() > deadline {
                let name = segment.name();
                let message = format!("list '{name}' exists with {found} slots, fewer than the {least} values given");
                return Err(Error::new(Kind::OutOfRange, message).on_segment(name.as_str()));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn over(segment: &Segment, header: Header) -> Self {
        Self {
            mapping: Arc::clone(segment.mapping()),
            header,
            versions: VersionPlaces::after(segment.mapping().len()),
            access: segment.access(),
            name: segment.name().as_str().to_owned(),
        }
    }

    /// The offsets of the list's parts.
    #[must_use]
    pub fn header(&self) -> Header {
        self.header
    }

    /// Where the version numbers are, if there is room for them.
    #[must_use]
    pub fn versions(&self) -> Option<VersionPlaces> {
        self.versions
    }

    /// Reads the value at `index`. The bytes of text go to `text`.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] past the end, [`Kind::Layout`] when the slot is damaged or was left half written,
    /// [`Kind::Closed`] after close.
    pub fn get<'s>(&self, index: usize, text: &'s mut Vec<u8>) -> Result<Value<'s>> {
        self.checked(self.view()?.get(index, text))
    }

    /// Writes a value to the slot at `index`. Other processes see it at once.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] past the end, [`Kind::SlotFull`] for a value that does not fit the slot, which then keeps
    /// its old value, [`Kind::Access`] on a read-only attachment, [`Kind::Closed`] after close.
    pub fn set(&self, index: usize, value: Input<'_>) -> Result<()> {
        self.checked(self.view()?.set(index, value))
    }

    /// Adds `delta` to the integer at `index`, atomically across processes, and returns the sum as the slot holds it. A
    /// double must have an integer value, and stays a double.
    ///
    /// # Errors
    /// [`Kind::InvalidType`] when the slot holds no integer, [`Kind::OutOfRange`] past the end, past 64 bits, and when
    /// the slot holds a double and no double is exactly the sum; and as [`set`](Self::set).
    pub fn add(&self, index: usize, delta: i64) -> Result<Value<'static>> {
        self.checked(self.view()?.add(index, delta))
    }

    /// Returns the size of the slot at `index` in bytes: the longest text or bytes that it can hold.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn capacity(&self, index: usize) -> Result<usize> {
        self.checked(self.view()?.capacity(index))
    }

    /// Returns the struct formats of all slots, one after the other, as CPython shows them.
    ///
    /// # Errors
    /// [`Kind::Layout`] for an invalid format, [`Kind::Closed`] after close.
    pub fn format(&self) -> Result<String> {
        self.checked(self.view()?.format())
    }

    /// Returns the index of the first slot from `from` on that holds `value`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn find(&self, value: Input<'_>, from: usize) -> Result<Option<usize>> {
        self.checked(self.view()?.find(value, from))
    }

    /// Returns the number of slots that hold `value`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn count(&self, value: Input<'_>) -> Result<usize> {
        self.checked(self.view()?.count(value))
    }

    /// Returns the result of a use of the bytes, unless they were lost meanwhile: then it is one of zeros that no process
    /// wrote.
    fn checked<T>(&self, result: Result<T>) -> Result<T> {
        self.mapping.check().map_err(|e| e.on_segment(&self.name))?;
        result
    }

    fn view(&self) -> Result<ListView<'_>> {
        let blocks = self.mapping.blocks().map_err(|e| {
            let why = match e.kind() {
                Kind::Closed => Error::closed(&format!("list '{}'", self.name)),
                _ => e,
            };
            why.on_segment(&self.name)
        })?;
        let versions = self.versions.map(|places| Versions::at(blocks, places));
        Ok(ListView::new(blocks, self.header, &self.name, self.access, WRITER_TIMEOUT)?.with_versions(versions))
    }
}

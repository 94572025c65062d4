//! The open segments of this thread. JavaScript has a number for each, because an object with a finalizer would cost as
//! much as the system calls of an attach.
//!
//! A number is given once in the life of the process. So a number that is no longer open, was made up or comes from
//! another thread is an error, and never another segment.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue};
use napi::{Env, Result, sys};
use napi_derive::napi;
use shareable_core::{Access, Error, List, Segment, Swept};

use crate::buffer::{SharedBuffer, over_cells};
use crate::error::throw;

/// An open segment, and the list in it.
pub(crate) struct Open {
    pub(crate) segment: Segment,
    pub(crate) list: Option<List>,
}

impl Open {
    /// Returns the list in the segment.
    pub(crate) fn list(&self) -> shareable_core::Result<&List> {
        self.list.as_ref().ok_or_else(|| {
            let name = self.segment.name().as_str();
            Error::closed(&format!("list '{name}'")).on_segment(name)
        })
    }
}

/// Hashes numbers that no other process chooses: those below, which count up, or an address and a length.
#[derive(Default)]
pub(crate) struct Counted(u64);

/// Makes the hashers of tables whose keys are such numbers.
pub(crate) type ByNumbers = BuildHasherDefault<Counted>;

impl Hasher for Counted {
    fn finish(&self) -> u64 {
        // The table takes the place from the low bits, and compares the highest seven first.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(32) ^ number;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// The number of the next segment of any thread. 0 means none. Below 2^53 for 2,800 years at 100,000 a second.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The places of facts about a segment and the list in it. JavaScript reads them after the call that wrote them, and writes the
/// settings, a size, a time-out, or the number of a segment or slot before a call of `direct.rs` that needs them.
#[derive(Clone, Copy)]
pub(crate) enum Fact {
    Handle,
    Size,
    IsOwner,
    IsReadOnly,
    IsNew,
    SweptOwner,
    DeviceHigh,
    DeviceLow,
    InodeHigh,
    InodeLow,
    Length,
    DataStart,
    DataBytes,
    FormatsStart,
    CodesStart,
    FirstVersion,
    VersionMask,
    Settings,
    Index,
    Timeout,
}

/// The number of facts.
const FACTS: usize = Fact::Timeout as usize + 1;

thread_local! {
    /// Dropped when the thread ends, which is after the end of its environment.
    static OPEN: RefCell<HashMap<u64, Open, ByNumbers>> = RefCell::default();

    static LATEST: [Cell<f64>; FACTS] = const { [const { Cell::new(0.0) }; FACTS] };
}

fn tell(fact: Fact, value: f64) {
    LATEST.with(|facts| facts[fact as usize].set(value));
}

/// Returns what JavaScript has written, which may be any number.
pub(crate) fn told(fact: Fact) -> f64 {
    LATEST.with(|facts| facts[fact as usize].get())
}

/// The places of the facts in [`segment_facts`].
#[napi(object, object_from_js = false)]
pub struct NativeFactPlaces {
    /// The number of the segment, for the other functions.
    pub handle: u32,
    /// In bytes.
    pub size: u32,
    /// 1 when disposing of it unlinks it.
    pub is_owner: u32,
    /// 1 when writes stay in this process.
    pub is_read_only: u32,
    /// 1 when the call created the segment.
    pub is_new: u32,
    /// See [`swept_owner`].
    pub swept_owner: u32,
    /// With the inode, which segment of its name it is: the high 32 bits, because a double holds only 53.
    pub device_high: u32,
    /// The low 32 bits.
    pub device_low: u32,
    /// See the device.
    pub inode_high: u32,
    /// The low 32 bits.
    pub inode_low: u32,
    /// The number of slots of the list.
    pub length: u32,
    /// Where the list's data area starts.
    pub data_start: u32,
    /// The size of the data area.
    pub data_bytes: u32,
    /// Where the formats start.
    pub formats_start: u32,
    /// Where the codes start.
    pub codes_start: u32,
    /// Where the version number of slot 0 is; -1 when the list has none.
    pub first_version: u32,
    /// The number of a slot's version is its index by this mask.
    pub version_mask: u32,
    /// How to create, attach or end: the bits of `segment_settings`.
    pub settings: u32,
    /// The number of a slot.
    pub index: u32,
    /// How long to wait for a lock, in milliseconds.
    pub timeout: u32,
}

/// Returns where each fact is.
#[napi]
#[must_use]
pub fn fact_places() -> NativeFactPlaces {
    NativeFactPlaces {
        handle: Fact::Handle as u32,
        size: Fact::Size as u32,
        is_owner: Fact::IsOwner as u32,
        is_read_only: Fact::IsReadOnly as u32,
        is_new: Fact::IsNew as u32,
        swept_owner: Fact::SweptOwner as u32,
        device_high: Fact::DeviceHigh as u32,
        device_low: Fact::DeviceLow as u32,
        inode_high: Fact::InodeHigh as u32,
        inode_low: Fact::InodeLow as u32,
        length: Fact::Length as u32,
        data_start: Fact::DataStart as u32,
        data_bytes: Fact::DataBytes as u32,
        formats_start: Fact::FormatsStart as u32,
        codes_start: Fact::CodesStart as u32,
        first_version: Fact::FirstVersion as u32,
        version_mask: Fact::VersionMask as u32,
        settings: Fact::Settings as u32,
        index: Fact::Index as u32,
        timeout: Fact::Timeout as u32,
    }
}

/// Returns this thread's facts: doubles, which the functions that open a segment write.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn segment_facts(env: &Env) -> Result<SharedBuffer> {
    LATEST.with(|facts| over_cells(env, facts))
}

#[expect(clippy::cast_precision_loss, reason = "a number, size or offset is less than 2^53")]
fn to_number(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}

/// Returns the integer that a number from JavaScript is, if it is one and not negative.
fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates")]
    let integer = number as u64;
    to_number(integer).total_cmp(&number).is_eq().then_some(integer)
}

/// Returns the number of a slot that JavaScript has told. Not a whole number: one that no list has.
pub(crate) fn told_index() -> usize {
    // The sum makes a zero of a negative one.
    whole(told(Fact::Index) + 0.0).and_then(|index| index.try_into().ok()).unwrap_or(usize::MAX)
}

/// Adds a segment to the table, and writes its facts.
pub(crate) fn add(segment: Segment, list: Option<List>) {
    let number = NEXT.fetch_add(1, Relaxed);
    tell(Fact::Handle, to_number(number));
    tell_of(&segment);
    if let Some(list) = &list {
        tell_of_list(list);
    }
    OPEN.with_borrow_mut(|open| open.insert(number, Open { segment, list }));
}

/// Returns the process whose segment the call removed to get the name: -1 if it removed none, 0 if its owner is unknown.
pub(crate) fn swept_owner(segment: &Segment) -> f64 {
    owner_of(segment.swept())
}

/// Returns the former owner of a segment that was removed, by the same numbers.
pub(crate) fn owner_of(swept: Option<Swept>) -> f64 {
    swept.map_or(-1.0, |swept| swept.owner.unwrap_or(0).into())
}

fn tell_of(segment: &Segment) {
    tell(Fact::Size, to_number(segment.size()));
    tell(Fact::IsOwner, u32::from(segment.is_owner()).into());
    tell(Fact::IsReadOnly, u32::from(segment.access() == Access::ReadOnly).into());
    tell(Fact::IsNew, u32::from(segment.is_new()).into());
    tell(Fact::SweptOwner, swept_owner(segment));
    let identity = segment.identity();
    tell(Fact::DeviceHigh, to_number(identity.device >> 32));
    tell(Fact::DeviceLow, to_number(identity.device & 0xffff_ffff));
    tell(Fact::InodeHigh, to_number(identity.inode >> 32));
    tell(Fact::InodeLow, to_number(identity.inode & 0xffff_ffff));
}

/// Writes the facts about a list.
pub(crate) fn tell_of_list(list: &List) {
    let header = list.header();
    let versions = list.versions();
    tell(Fact::FirstVersion, versions.map_or(-1.0, |places| to_number(places.first)));
    tell(Fact::VersionMask, versions.map_or(0.0, |places| to_number(places.mask)));
    tell(Fact::Length, to_number(header.len));
    tell(Fact::DataStart, to_number(header.data_start()));
    tell(Fact::DataBytes, to_number(header.data_bytes));
    tell(Fact::FormatsStart, to_number(header.formats_start()));
    tell(Fact::CodesStart, to_number(header.codes_start()));
}

/// The number of an open segment, as JavaScript passes it. It may be any number.
pub struct Handle(f64);

impl FromNapiValue for Handle {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        // SAFETY: the caller's duty.
        unsafe { f64::from_napi_value(env, value) }.map(Self)
    }
}

impl ToNapiValue for Handle {
    unsafe fn to_napi_value(env: sys::napi_env, handle: Self) -> Result<sys::napi_value> {
        // SAFETY: the caller's duty.
        unsafe { f64::to_napi_value(env, handle.0) }
    }
}

impl Handle {
    /// Returns the number that JavaScript has told.
    pub(crate) fn told() -> Self {
        Self(told(Fact::Handle))
    }

    /// Returns the number, or 0 for what is no number of a segment.
    fn number(&self) -> u64 {
        whole(self.0).unwrap_or(0)
    }

    /// Runs `act` on the segment.
    ///
    /// # Errors
    /// [`Kind::Closed`](shareable_core::Kind::Closed) when the number is not that of an open segment of this thread; and
    /// those of `act`.
    pub(crate) fn with<T>(&self, env: &Env, act: impl FnOnce(&mut Open) -> Result<T>) -> Result<T> {
        let number = self.number();
        OPEN.with_borrow_mut(|open| match open.get_mut(&number) {
            Some(open) => act(open),
            None => Err(throw(env, &Error::closed("this segment"))),
        })
    }

    /// Takes the segment out of the table.
    pub(crate) fn take(&self) -> Option<Open> {
        let number = self.number();
        // At the end of the thread the table may not exist any more.
        OPEN.try_with(|open| open.borrow_mut().remove(&number)).ok().flatten()
    }
}

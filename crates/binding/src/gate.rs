//! Shared values, semaphores, events, readers-writer locks, barriers and conditions, for `gate/*.ts`. In the core, they
//! are one thing: a gate. These functions take and return numbers, because objects cost more than what they do.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use napi::bindgen_prelude::{External, Uint8ArraySlice, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use shareable_core::gate::{Gate, GateOptions, Outcome, Waited, Want};
use shareable_core::layout::gate::{self as layout, Purpose, at, entry};
use shareable_core::{AttachOptions, Error, Foreign, Kind, Name};

use crate::buffer::{SharedBuffer, View, detach, external};
use crate::error::OrThrow;
use crate::segment::{NativeCreateOptions, NativeFacts};
use crate::table::Handle;

/// The gates of one environment: the main thread's or a worker's. When it ends in any way, that is the death of its
/// participants.
pub struct GateEnvironment(Rc<RefCell<Vec<Weak<Gate>>>>);

impl GateEnvironment {
    fn add(&self, gate: &Arc<Gate>) {
        let mut gates = self.0.borrow_mut();
        // Only rarely, so that it costs next to nothing.
        if gates.len().is_power_of_two() {
            gates.retain(|gate| gate.strong_count() > 0);
        }
        gates.push(Arc::downgrade(gate));
    }
}

/// A gate, and its properties that never change.
#[napi(object, object_from_js = false)]
pub struct NativeGate {
    /// The handle for the other functions.
    pub handle: External<Arc<Gate>>,
    /// Without the leading slash.
    pub name: String,
    /// The number of this participant, which is also the value of the guard's word when it holds the guard.
    pub seat: u32,
    /// The most permits, readers or parties.
    pub limit: u32,
    /// The number of a value's codec.
    pub codec: u32,
    /// Bytes of a value at most.
    pub capacity: f64,
    /// Bytes from the first half of a value to the second.
    pub half: f64,
    /// The descriptor of the file to watch for changes; -1 without one.
    pub bell: i32,
}

#[expect(clippy::cast_precision_loss, reason = "at most 2^31")]
fn to_native(env: &Env, gate: &Arc<Gate>) -> Result<NativeGate> {
    let header = gate.header();
    Ok(NativeGate {
        handle: External::new(Arc::clone(gate)),
        name: gate.name().as_str().to_owned(),
        seat: gate.seat().into(),
        limit: header.limit,
        codec: header.codec,
        capacity: header.capacity as f64,
        half: header.half() as f64,
        bell: gate.bell().or_throw(env)?.unwrap_or(-1),
    })
}

/// What a gate is; see the core's `Purpose`.
#[napi]
#[allow(missing_docs, reason = "documented in the core")]
pub enum NativePurpose {
    Value = 1,
    Semaphore = 2,
    Event = 3,
    RwLock = 4,
    Barrier = 5,
    Condition = 6,
}

impl From<NativePurpose> for Purpose {
    fn from(purpose: NativePurpose) -> Self {
        match purpose {
            NativePurpose::Value => Self::Value,
            NativePurpose::Semaphore => Self::Semaphore,
            NativePurpose::Event => Self::Event,
            NativePurpose::RwLock => Self::RwLock,
            NativePurpose::Barrier => Self::Barrier,
            NativePurpose::Condition => Self::Condition,
        }
    }
}

/// Offsets, in elements of an `Int32Array` over the segment unless the field says otherwise; see the core's
/// `layout/gate`.
#[napi(object, object_from_js = false)]
pub struct GateLayout {
    /// The number that no other gate has: two elements.
    pub identity: u32,
    /// TAKEN.
    pub taken: u32,
    /// WRITER.
    pub writer: u32,
    /// DIED.
    pub died: u32,
    /// PHASE.
    pub phase: u32,
    /// BROKEN.
    pub broken: u32,
    /// WAITING.
    pub waiting: u32,
    /// The word of the guard.
    pub guard: u32,
    /// VERSION, in elements of a `Float64Array`.
    pub version: u32,
    /// The third word of the entry of seat 0.
    pub held: u32,
    /// Elements per entry.
    pub entry: u32,
    /// The half of a value with an even version, in bytes: its length, in 8 bytes, and then the value.
    pub values: u32,
    /// The value of the third word of an entry whose participant holds only the write lock, as a signed number.
    pub writes: i32,
    /// The most bytes of a value.
    pub max_capacity: f64,
    /// The most participants.
    pub participants: u32,
}

/// Returns the offsets.
#[napi(catch_unwind)]
#[must_use]
pub fn gate_layout() -> GateLayout {
    #[expect(clippy::cast_possible_truncation, reason = "small constants")]
    let word = |offset: usize| (offset / size_of::<i32>()) as u32;
    #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
    let version = (at::VERSION / size_of::<f64>()) as u32;
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    let max_capacity = layout::MAX_CAPACITY as f64;
    GateLayout {
        identity: word(at::IDENTITY),
        taken: word(at::TAKEN),
        writer: word(at::WRITER),
        died: word(at::DIED),
        phase: word(at::PHASE),
        broken: word(at::BROKEN),
        waiting: word(at::WAITING),
        guard: word(at::GUARD),
        version,
        held: word(at::ENTRIES + entry::HELD),
        entry: word(entry::BYTES),
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        values: at::VALUES as u32,
        writes: entry::WRITES.cast_signed(),
        max_capacity,
        participants: u32::from(layout::SEATS) - 1,
    }
}

/// Makes the environment of gates. Call it once.
#[napi(catch_unwind)]
pub fn gate_environment(env: &Env) -> Result<External<GateEnvironment>> {
    let gates: Rc<RefCell<Vec<Weak<Gate>>>> = Rc::default();
    env.add_env_cleanup_hook(Rc::clone(&gates), |gates| {
        for gate in gates.borrow_mut().drain(..).filter_map(|gate| gate.upgrade()) {
            gate.abandon();
        }
    })?;
    Ok(External::new(GateEnvironment(gates)))
}

/// Creates a gate. With `is_shared`, attaches to the one of that name if there is one.
#[napi(catch_unwind)]
// Not `expect`: napi-rs also puts the attribute on a function without arguments.
#[allow(clippy::too_many_arguments, reason = "an object for them would cost more than the call")]
pub fn create_gate(
    env: &Env,
    environment: &External<GateEnvironment>,
    options: NativeCreateOptions,
    is_shared: bool,
    purpose: NativePurpose,
    limit: u32,
    codec: u32,
    capacity: f64,
    first: Uint8ArraySlice<'_>,
) -> Result<NativeGate> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked in TypeScript")]
    let gate =
        GateOptions { purpose: purpose.into(), limit, codec: codec as u16, capacity: capacity as u64, first: &first };
    let create = || {
        let options = options.check()?;
        match options.name.clone().filter(|_| is_shared) {
            Some(name) => Gate::create_or_attach(&name, &gate, &options),
            None => Gate::create(&gate, &options),
        }
    };
    let gate = Arc::new(create().or_throw(env)?);
    environment.add(&gate);
    to_native(env, &gate)
}

/// Attaches to a gate.
#[napi(catch_unwind)]
pub fn attach_gate(
    env: &Env,
    environment: &External<GateEnvironment>,
    name: String,
    allow_foreign: bool,
    purpose: NativePurpose,
) -> Result<NativeGate> {
    let foreign = if allow_foreign { Foreign::Allow } else { Foreign::Refuse };
    let options = AttachOptions { foreign, ..AttachOptions::default() };
    let gate = Arc::new(Name::new(&name).and_then(|name| Gate::attach(&name, purpose.into(), options)).or_throw(env)?);
    environment.add(&gate);
    to_native(env, &gate)
}

/// Makes an ArrayBuffer over the gate's segment. Call it once per gate.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn gate_buffer(env: &Env, gate: &External<Arc<Gate>>) -> Result<SharedBuffer> {
    gate.mapping().bytes().or_throw(env)?;
    external(env, gate.mapping(), View::Segment)
}

/// Converts milliseconds to a duration.
fn duration(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
}

/// What to wait for: 0 a permit, 1 a read lock, 2 the write lock, 3 a phase other than `phase`.
fn want(number: u32, phase: u32) -> shareable_core::Result<Want> {
    match number {
        0 => Ok(Want::Permit),
        1 => Ok(Want::Read),
        2 => Ok(Want::Write),
        3 => Ok(Want::Change(phase)),
        _ => Err(Error::new(Kind::InvalidValue, format!("{number} is nothing to wait for"))),
    }
}

/// Throws if another process has truncated the gate's segment.
#[napi(catch_unwind)]
pub fn gate_check(env: &Env, gate: &External<Arc<Gate>>) -> Result<()> {
    gate.mapping().check().or_throw(env)
}

/// Takes what is wanted if that is possible now. Returns 0, or 1 when a participant died that held it; -1 when it is not
/// possible.
#[napi(catch_unwind)]
pub fn gate_try(env: &Env, gate: &External<Arc<Gate>>, wanted: u32, phase: u32) -> Result<i32> {
    let taken = want(wanted, phase).and_then(|want| gate.try_take(want)).or_throw(env)?;
    Ok(taken.map_or(-1, i32::from))
}

/// As [`gate_try`], blocking until that is possible or `timeout` milliseconds have passed since the call with `is_first`.
/// Returns -2 every 50 ms, so that the thread can be terminated. Then call it again.
#[napi(catch_unwind)]
pub fn gate_wait(
    env: &Env,
    gate: &External<Arc<Gate>>,
    wanted: u32,
    phase: u32,
    timeout: f64,
    is_first: bool,
) -> Result<i32> {
    let progress = want(wanted, phase).and_then(|want| gate.wait(want, duration(timeout), is_first)).or_throw(env)?;
    Ok(match progress {
        Waited::Ready { recovered } => recovered.into(),
        Waited::TimedOut => -1,
        Waited::Again => -2,
    })
}

/// Requests a notification through the bell. Returns `true` when [`gate_try`] is worth a call now.
#[napi(catch_unwind)]
pub fn gate_arm(env: &Env, gate: &External<Arc<Gate>>, wanted: u32, phase: u32) -> Result<bool> {
    want(wanted, phase).and_then(|want| gate.arm(want)).or_throw(env)
}

/// Ends what [`gate_arm`] began. Returns `false` when that is not possible now.
#[napi(catch_unwind)]
pub fn gate_rest(env: &Env, gate: &External<Arc<Gate>>) -> Result<bool> {
    gate.rest().or_throw(env)
}

/// Gives back a permit or a lock. Returns `false` when this participant did not hold it.
#[napi(catch_unwind)]
pub fn gate_give(env: &Env, gate: &External<Arc<Gate>>, wanted: u32) -> Result<bool> {
    want(wanted, 0).and_then(|want| gate.give(want)).or_throw(env)
}

/// Leaves the guard, when a compare-and-swap cannot.
#[napi(catch_unwind)]
pub fn gate_leave(env: &Env, gate: &External<Arc<Gate>>) -> Result<()> {
    gate.leave().or_throw(env)
}

/// Sets or clears an event.
#[napi(catch_unwind)]
pub fn gate_set(env: &Env, gate: &External<Arc<Gate>>, is_set: bool) -> Result<()> {
    gate.set(is_set).or_throw(env)
}

/// Notifies waiters of a condition.
#[napi(catch_unwind)]
pub fn gate_notify(env: &Env, gate: &External<Arc<Gate>>, count: u32) -> Result<()> {
    gate.notify(usize::try_from(count).unwrap_or(usize::MAX)).or_throw(env)
}

/// Arrives at a barrier. Returns how many parties arrived before, and the phase; `null` when the barrier is broken.
#[napi(catch_unwind)]
pub fn gate_arrive(env: &Env, gate: &External<Arc<Gate>>) -> Result<Option<Vec<u32>>> {
    Ok(gate.arrive().or_throw(env)?.map(|arrival| vec![arrival.index, arrival.phase]))
}

/// Returns what became of a phase: 0 not all parties have arrived, 1 all have, 2 it was broken.
#[napi(catch_unwind)]
pub fn gate_outcome(env: &Env, gate: &External<Arc<Gate>>, phase: u32) -> Result<u32> {
    Ok(match gate.outcome(phase).or_throw(env)? {
        Outcome::Open => 0,
        Outcome::Passed => 1,
        Outcome::Broken => 2,
    })
}

/// Breaks a barrier; with a phase, only if that is not over.
#[napi(catch_unwind)]
pub fn gate_shatter(env: &Env, gate: &External<Arc<Gate>>, phase: Option<u32>) -> Result<()> {
    gate.shatter(phase).or_throw(env)
}

/// Makes a barrier usable again.
#[napi(catch_unwind)]
pub fn gate_mend(env: &Env, gate: &External<Arc<Gate>>) -> Result<()> {
    gate.mend().or_throw(env)
}

/// Copies the latest value into `target` from byte 8 on, and its version, as a double, into the bytes before. Returns its
/// length; when that is longer than the target, nothing was copied.
#[napi(catch_unwind)]
pub fn gate_read(env: &Env, gate: &External<Arc<Gate>>, mut target: Uint8ArraySlice<'_>) -> Result<f64> {
    // SAFETY: JavaScript runs only on this thread, and waits for this call; the package has made the array for this.
    let target = unsafe { target.as_mut() };
    let Some((version_bytes, value)) = target.split_first_chunk_mut::<8>() else {
        return Err(Error::new(Kind::InvalidValue, "the target has no room for a version")).or_throw(env);
    };
    let (version, length) = gate.read(value).or_throw(env)?;
    *version_bytes = version.to_le_bytes();
    #[expect(clippy::cast_precision_loss, reason = "at most 2^31")]
    Ok(length as f64)
}

/// Writes the first `length` bytes of `source` as the value. Returns its version; -1 when another participant is updating
/// the value.
#[napi(catch_unwind)]
pub fn gate_write(env: &Env, gate: &External<Arc<Gate>>, source: Uint8ArraySlice<'_>, length: u32) -> Result<f64> {
    let value = usize::try_from(length).ok().and_then(|length| source.get(..length));
    let value =
        value.ok_or_else(|| Error::new(Kind::InvalidValue, "the value is longer than its memory")).or_throw(env)?;
    Ok(gate.write(value).or_throw(env)?.unwrap_or(-1.0))
}

/// Closes the gate and detaches `buffer`. Returns `false` when the runtime did not detach the buffer.
#[napi(catch_unwind)]
pub fn close_gate(
    env: &Env,
    gate: &External<Arc<Gate>>,
    #[napi(ts_arg_type = "ArrayBuffer")] buffer: Unknown<'_>,
) -> bool {
    let is_detached = detach(env, &buffer, gate.mapping(), View::Segment);
    gate.close();
    is_detached
}

/// Unlinks the gate's segment.
#[napi(catch_unwind)]
pub fn unlink_gate(env: &Env, gate: &External<Arc<Gate>>) -> Result<()> {
    gate.unlink().or_throw(env)
}

/// Ends an instance's use of a gate. Unlinks it if the instance is the owner and no process has unlinked it.
#[napi(catch_unwind)]
pub fn dispose_gate(env: &Env, gate: &External<Arc<Gate>>) -> Result<()> {
    gate.dispose().or_throw(env)
}

/// What tools that observe the package want to know of a gate.
#[napi(catch_unwind)]
pub fn gate_facts(gate: &External<Arc<Gate>>) -> NativeFacts {
    gate.segment().into()
}

/// What an observer can see of a gate.
#[napi(object, object_from_js = false)]
pub struct NativeGateSummary {
    /// What it is.
    pub purpose: u32,
    /// The most permits, readers or parties.
    pub limit: u32,
    /// Permits or read locks that are held; parties that have arrived.
    pub taken: u32,
    /// Whether a participant holds the write lock.
    pub is_writing: bool,
    /// The phase; odd for an event that is set.
    pub phase: u32,
    /// Whether the barrier is broken.
    pub is_broken: bool,
    /// Participants that wait.
    pub waiting: u32,
    /// How many values there have been.
    pub version: f64,
    /// The number of a value's codec.
    pub codec: u32,
    /// Bytes of a value at most.
    pub capacity: f64,
}

/// Observes the gate in a segment without changing it. Returns `null` for a segment without a gate.
#[napi(catch_unwind)]
pub fn find_gate(env: &Env, #[napi(ts_arg_type = "number")] segment: Handle) -> Result<Option<NativeGateSummary>> {
    let found = segment.with(env, |open| Ok(open.segment.mapping().bytes().and_then(layout::Summary::read)))?;
    match found {
        Err(error) if error.kind() == Kind::Layout => Ok(None),
        Err(error) => Err(error).or_throw(env),
        #[expect(clippy::cast_precision_loss, reason = "at most 2^31")]
        Ok(found) => Ok(Some(NativeGateSummary {
            purpose: found.header.purpose as u32,
            limit: found.header.limit,
            taken: found.taken,
            is_writing: found.is_writing,
            phase: found.phase,
            is_broken: found.is_broken,
            waiting: found.waiting,
            version: found.version,
            codec: found.header.codec,
            capacity: found.header.capacity as f64,
        })),
    }
}

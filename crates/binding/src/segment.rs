//! Segments, for `shared-memory.ts`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use napi::bindgen_prelude::{External, Object, ToNapiValue};
use napi::{Env, Result, sys};
use napi_derive::napi;
use shareable_core::{
    CreateOptions, Draft, Error, Identity, Kind, Lifetime, Memory, Name, Segment, Umask, page_size as core_page_size,
};

use crate::buffer::{SharedBuffer, over_static};
use crate::direct::options_of;
use crate::error::{NativeError, OrThrow, throw};
use crate::table::{self, Handle};
use crate::text;

/// How to create a segment.
#[napi(object, object_to_js = false)]
pub struct NativeCreateOptions {
    /// A random one if absent.
    pub name: Option<String>,
    /// Whether the creator owns the segment.
    pub track: bool,
    /// Permission bits.
    pub mode: u32,
    /// Whether the umask does not apply to them.
    pub exact_mode: bool,
    /// Whether each page gets its memory at its first access.
    pub sparse: Option<bool>,
    /// Where the program creates it.
    pub origin: Option<String>,
    /// The manager that takes the segment over.
    pub manager: Option<u32>,
}

impl NativeCreateOptions {
    fn lifetime(&self) -> Lifetime {
        if self.track { Lifetime::Owned } else { Lifetime::Detached }
    }

    pub(crate) fn check(self) -> shareable_core::Result<CreateOptions> {
        let lifetime = self.lifetime();
        let name = self.name.map(|name| Name::new(&name)).transpose()?;
        let keeper = self.manager.map(crate::manager::keeper).transpose()?;
        let umask = if self.exact_mode { Umask::Ignored } else { Umask::Applies };
        let memory = if self.sparse == Some(true) { Memory::Sparse } else { Memory::Reserved };
        let origin = self.origin.unwrap_or_default();
        Ok(CreateOptions { name, lifetime, mode: self.mode, umask, memory, origin, keeper })
    }
}

/// Converts a JavaScript number to a number of bytes.
pub(crate) fn to_bytes(size: f64) -> shareable_core::Result<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the guard")]
    if size.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&size) {
        return Ok(size as usize);
    }
    Err(Error::new(Kind::OutOfRange, format!("{size} is not a number of bytes")))
}

/// The random name of a new segment; `None` for a chosen name, which the caller has.
pub struct RandomName(Option<Name>);

impl RandomName {
    /// Adds a new segment to the table, and returns its name if JavaScript does not have it.
    pub(crate) fn of_new(segment: Segment, is_chosen: bool, list: Option<shareable_core::List>) -> Self {
        let name = (!is_chosen).then(|| segment.name().clone());
        table::add(segment, list);
        Self(name)
    }
}

impl ToNapiValue for RandomName {
    unsafe fn to_napi_value(env: sys::napi_env, name: Self) -> Result<sys::napi_value> {
        match name.0 {
            // SAFETY: the caller's duty.
            None => unsafe { <()>::to_napi_value(env, ()) },
            Some(name) => text::ascii(&Env::from_raw(env), name.as_str()),
        }
    }
}

/// Creates a segment of zeros, and writes the facts about it. Returns its name if it is a random one.
#[napi(catch_unwind, ts_return_type = "string | undefined")]
pub fn create_segment(
    env: &Env,
    size: f64,
    settings: u32,
    name: Option<String>,
    origin: Option<String>,
    manager: Option<u32>,
) -> Result<RandomName> {
    let is_chosen = name.is_some();
    let create = || {
        let options = CreateOptions {
            name: name.map(|name| Name::new(&name)).transpose()?,
            origin: origin.unwrap_or_default(),
            keeper: manager.map(crate::manager::keeper).transpose()?,
            ..options_of(settings)
        };
        Segment::create(to_bytes(size)?, &options)
    };
    create().or_throw(env).map(|segment| RandomName::of_new(segment, is_chosen, None))
}

/// Creates a segment of zeros that gets its name by [`publish_draft`], and writes the facts about it.
#[napi(catch_unwind)]
pub fn draft_segment(env: &Env, size: f64, options: NativeCreateOptions) -> Result<External<RefCell<Option<Draft>>>> {
    let create = || Draft::new(to_bytes(size)?, options.check()?);
    let (draft, segment) = create().or_throw(env)?;
    table::add(segment, None);
    Ok(External::new(RefCell::new(Some(draft))))
}

/// Gives a draft its name. Does nothing the second time.
#[napi(catch_unwind)]
pub fn publish_draft(env: &Env, draft: &External<RefCell<Option<Draft>>>) -> Result<()> {
    let draft = draft.borrow_mut().take();
    draft.map_or(Ok(()), Draft::publish).or_throw(env)
}

/// Drops a draft, so that its memory is freed with its mapping.
#[napi(catch_unwind)]
pub fn drop_draft(draft: &External<RefCell<Option<Draft>>>) {
    drop(draft.borrow_mut().take());
}

/// Creates a segment with the contents of an open one, and writes the facts about it. It is complete before another process
/// can attach to it, except where the system has no means for that.
#[napi(catch_unwind)]
pub fn copy_segment(
    env: &Env,
    #[napi(ts_arg_type = "number")] segment: Handle,
    options: NativeCreateOptions,
) -> Result<()> {
    let copy =
        segment.with(env, |open| options.check().and_then(|options| open.segment.copy(&options)).or_throw(env))?;
    table::add(copy, None);
    Ok(())
}

/// The result of [`create_segment_later`]: a segment, for [`claim_creation`], or an error.
#[napi(object, object_from_js = false)]
pub struct NativeCreation {
    /// The name of the segment.
    pub name: Option<String>,
    /// The facts of an error, as other functions throw them.
    pub error: Option<NativeError>,
}

/// A segment that JavaScript does not have yet. If its environment ends first, nothing stays behind.
struct Unclaimed(Option<Segment>);

impl Unclaimed {
    fn claim(mut self) -> Option<Segment> {
        self.0.take()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(segment) = self.0.take() {
            let _ = segment.unlink();
            segment.close();
        }
    }
}

/// Creates a segment of zeros on its own thread: reserving gigabytes takes long, and libuv needs its few threads for
/// files. When the promise is fulfilled, [`claim_creation`] with the same number gives JavaScript the segment. Until then,
/// [`cancel_creation`] cancels it.
#[napi(catch_unwind, ts_return_type = "Promise<NativeCreation>")]
pub fn create_segment_later(env: &Env, size: f64, options: NativeCreateOptions, id: u32) -> Result<Object<'_>> {
    type Resolver = Box<dyn FnOnce(Env) -> Result<NativeCreation> + Send>;
    let check = || Ok((to_bytes(size)?, options.check()?));
    let (size, mut options) = check().or_throw(env)?;
    let is_cancelled = Arc::new(AtomicBool::new(false));
    CREATIONS.with_borrow_mut(|creations| creations.0.insert(id, Arc::clone(&is_cancelled)));
    if let Memory::Reserved = options.memory {
        options.memory = Memory::ReservedUnless(is_cancelled);
    }
    let (deferred, promise) = env.create_deferred::<NativeCreation, Resolver>()?;
    let spawned = thread::Builder::new().name("shareable-create".to_owned()).spawn(move || {
        let created = Segment::create(size, &options).map(|segment| Unclaimed(Some(segment)));
        deferred.resolve(Box::new(move |_| {
            // No JavaScript may run any more, because its thread is being terminated.
            CREATIONS.with_borrow_mut(|creations| creations.0.remove(&id));
            Ok(match created {
                Ok(unclaimed) => {
                    let name = unclaimed.0.as_ref().map(|segment| segment.name().as_str().to_owned());
                    CREATED.with_borrow_mut(|created| created.insert(id, unclaimed));
                    NativeCreation { name, error: None }
                }
                Err(e) => NativeCreation { name: None, error: Some((&e).into()) },
            })
        }));
    });
    spawned.map_err(|e| {
        let error = Error::new(Kind::System, format!("cannot start a thread to create a segment: {e}"));
        throw(env, &error.with_os("pthread_create", e.raw_os_error()))
    })?;
    Ok(promise)
}

/// The flags that cancel the running creations of an environment, by the numbers that JavaScript chose. They are cancelled when
/// its thread ends.
#[derive(Default)]
struct Creations(HashMap<u32, Arc<AtomicBool>>);

impl Drop for Creations {
    fn drop(&mut self) {
        self.0.values().for_each(|is_cancelled| is_cancelled.store(true, Relaxed));
    }
}

thread_local! {
    static CREATIONS: RefCell<Creations> = RefCell::default();

    /// The segments of those that have succeeded, until JavaScript claims them or the thread ends.
    static CREATED: RefCell<HashMap<u32, Unclaimed>> = RefCell::new(HashMap::new());
}

/// Opens the segment that the [`create_segment_later`] with that number has created, and writes the facts about it.
#[napi(catch_unwind)]
pub fn claim_creation(env: &Env, id: u32) -> Result<()> {
    let unclaimed = CREATED.with_borrow_mut(|created| created.remove(&id));
    let segment = unclaimed.and_then(Unclaimed::claim).ok_or_else(|| Error::closed("this segment")).or_throw(env)?;
    table::add(segment, None);
    Ok(())
}

/// Cancels the [`create_segment_later`] with that number, and removes what it has created.
#[napi(catch_unwind)]
pub fn cancel_creation(id: u32) {
    drop(CREATED.with_borrow_mut(|created| created.remove(&id)));
    CREATIONS.with_borrow(|creations| {
        if let Some(is_cancelled) = creations.0.get(&id) {
            is_cancelled.store(true, Relaxed);
        }
    });
}

/// What [`attach_unless_stale`] found.
#[napi(object, object_from_js = false)]
pub struct NativeAttempt {
    /// It attached to a segment, and wrote the facts about it.
    pub is_attached: bool,
    /// The process whose segment was removed: -1 if none was, 0 if its owner is unknown.
    pub swept_owner: f64,
}

/// Attaches to a segment if there is one, and removes it instead if its owner is dead and no process uses it.
#[napi(catch_unwind)]
pub fn attach_unless_stale(env: &Env, name: String) -> Result<NativeAttempt> {
    let attach = || Segment::attach_unless_stale(&Name::new(&name)?);
    let (segment, swept) = attach().or_throw(env)?;
    let is_attached = segment.is_some();
    if let Some(segment) = segment {
        table::add(segment, None);
    }
    Ok(NativeAttempt { is_attached, swept_owner: table::owner_of(swept) })
}

/// Attaches to a segment, or creates it, and writes the facts about it.
#[napi(catch_unwind)]
pub fn create_or_attach_segment(env: &Env, name: String, size: f64, options: NativeCreateOptions) -> Result<()> {
    let open = || Segment::create_or_attach(&Name::new(&name)?, to_bytes(size)?, &options.check()?);
    open().or_throw(env).map(|segment| table::add(segment, None))
}

/// Throws if another process has truncated the segment.
#[napi(catch_unwind)]
pub fn check_segment(env: &Env, #[napi(ts_arg_type = "number")] segment: Handle) -> Result<()> {
    segment.with(env, |open| open.segment.mapping().check().or_throw(env))
}

/// Reinstalls the handler that survives truncated segments, if the program has replaced it.
#[napi(catch_unwind)]
pub fn renew_fault_handler() {
    shareable_core::renew_fault_handler();
}

/// Returns a number that changes whenever any segment of this process turns out to be truncated. Check it before
/// calling [`check_segment`].
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn segment_losses(env: &Env) -> Result<SharedBuffer> {
    over_static(env, shareable_core::losses())
}

/// What tools that observe the package want to know of a segment.
#[napi(object, object_from_js = false)]
pub struct NativeFacts {
    /// In bytes.
    pub size: f64,
    /// Whether disposing of it unlinks it.
    pub is_owner: bool,
    /// Whether this instance created it.
    pub is_new: bool,
    /// The process whose segment was removed to get the name: -1 if none was, 0 if its owner is unknown.
    pub swept_owner: f64,
}

impl From<&Segment> for NativeFacts {
    fn from(segment: &Segment) -> Self {
        Self {
            size: to_double(segment.size()),
            is_owner: segment.is_owner(),
            is_new: segment.is_new(),
            swept_owner: table::swept_owner(segment),
        }
    }
}

/// Unlinks the segment.
#[napi(catch_unwind)]
pub fn unlink_segment(env: &Env, #[napi(ts_arg_type = "number")] segment: Handle) -> Result<()> {
    segment.with(env, |open| open.segment.unlink().or_throw(env))
}

/// Unlinks a segment that was closed, by the facts about it: the device and the inode, each in two halves.
#[napi(catch_unwind)]
pub fn unlink_closed(
    env: &Env,
    name: String,
    device_high: u32,
    device_low: u32,
    inode_high: u32,
    inode_low: u32,
) -> Result<()> {
    let whole = |high, low| u64::from(high) << 32 | u64::from(low);
    let identity = Identity { device: whole(device_high, device_low), inode: whole(inode_high, inode_low) };
    let unlink = || Segment::unlink_closed(&Name::new(&name)?, identity);
    unlink().or_throw(env)
}

/// Forgets a segment whose object was collected. Never closes the mapping: a buffer may still use it.
#[napi(catch_unwind)]
pub fn drop_segment(#[napi(ts_arg_type = "number")] segment: Handle) {
    drop(segment.take());
}

/// A segment that this process owns, has mapped, or both.
#[napi(object, object_from_js = false)]
pub struct NativeHeldSegment {
    /// Its name.
    pub name: String,
    /// In bytes.
    pub size: f64,
    /// Whether it is unlinked when this process ends.
    pub is_owned: bool,
    /// How many times this process has it mapped.
    pub mappings: u32,
    /// Where the program created it.
    pub origin: String,
}

#[expect(clippy::cast_precision_loss, reason = "a mapping has fewer than 2^53 bytes on every 64-bit system")]
fn to_double(bytes: usize) -> f64 {
    bytes as f64
}

/// Returns all segments that this process owns or has mapped, by name.
#[napi(catch_unwind)]
#[must_use]
pub fn process_segments() -> Vec<NativeHeldSegment> {
    let segments = shareable_core::held_segments().into_iter();
    segments
        .map(|held| NativeHeldSegment {
            name: held.name,
            size: to_double(held.size),
            is_owned: held.is_owned,
            mappings: u32::try_from(held.mappings).unwrap_or(u32::MAX),
            origin: held.origin,
        })
        .collect()
}

/// Returns the bytes per memory page.
#[napi]
#[must_use]
pub fn page_size() -> f64 {
    to_double(core_page_size())
}

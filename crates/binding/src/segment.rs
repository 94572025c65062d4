//! Segments, for `shared-memory.ts`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use napi::bindgen_prelude::{External, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use shareable_core::{
    Access, AttachOptions, CreateOptions, Draft, Error, Foreign, Kind, Lifetime, Memory, Name, Segment, Umask,
    page_size as core_page_size, round_up_to_page,
};

use crate::buffer::{SharedBuffer, detach, external, over_static};
use crate::error::{NativeError, OrThrow, throw};

/// A segment, and its properties that never change.
#[napi(object, object_from_js = false)]
pub struct NativeSegment {
    /// The handle for the other functions.
    pub handle: External<Segment>,
    /// Without the leading slash.
    pub name: String,
    /// In bytes.
    pub size: f64,
    /// In bytes, rounded up to whole pages.
    pub mapped_size: f64,
    /// Whether disposing of it unlinks it.
    pub is_owner: bool,
    /// Whether writes stay in this process.
    pub is_read_only: bool,
}

#[expect(clippy::cast_precision_loss, reason = "a mapping has fewer than 2^53 bytes on every 64-bit system")]
fn to_number(bytes: usize) -> f64 {
    bytes as f64
}

impl From<Segment> for NativeSegment {
    fn from(segment: Segment) -> Self {
        Self {
            name: segment.name().as_str().to_owned(),
            size: to_number(segment.size()),
            mapped_size: to_number(round_up_to_page(segment.size(), core_page_size()).unwrap_or(segment.size())),
            is_owner: segment.is_owner(),
            is_read_only: segment.access() == Access::ReadOnly,
            handle: External::new(segment),
        }
    }
}

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

/// Creates a segment of zeros.
#[napi(catch_unwind)]
pub fn create_segment(env: &Env, size: f64, options: NativeCreateOptions) -> Result<NativeSegment> {
    let create = || Segment::create(to_bytes(size)?, &options.check()?);
    create().or_throw(env).map(Into::into)
}

/// A segment without a name.
#[napi(object, object_from_js = false)]
pub struct NativeDraft {
    /// The handle for [`publish_draft`] and [`drop_draft`].
    pub draft: External<RefCell<Option<Draft>>>,
    /// This process's instance of it.
    pub segment: NativeSegment,
}

/// Creates a segment of zeros that gets its name by [`publish_draft`].
#[napi(catch_unwind)]
pub fn draft_segment(env: &Env, size: f64, options: NativeCreateOptions) -> Result<NativeDraft> {
    let create = || Draft::new(to_bytes(size)?, options.check()?);
    let (draft, segment) = create().or_throw(env)?;
    Ok(NativeDraft { draft: External::new(RefCell::new(Some(draft))), segment: segment.into() })
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

/// The result of [`create_segment_later`]: one of the two.
#[napi(object, object_from_js = false)]
pub struct NativeCreation {
    /// The segment.
    pub segment: Option<NativeSegment>,
    /// The facts of an error, as other functions throw them.
    pub error: Option<NativeError>,
}

/// A segment that JavaScript does not have yet. If its environment ends first, nothing stays behind.
struct Unclaimed(Option<Segment>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(segment) = self.0.take() {
            let _ = segment.unlink();
            segment.close();
        }
    }
}

/// Creates a segment of zeros on its own thread: reserving gigabytes takes long, and libuv needs its few threads for
/// files. [`cancel_creation`] with the same number cancels it.
#[napi(catch_unwind, ts_return_type = "Promise<NativeCreation>")]
pub fn create_segment_later(env: &Env, size: f64, options: NativeCreateOptions, id: u32) -> Result<Object<'_>> {
    type Resolver = Box<dyn FnOnce(Env) -> Result<NativeCreation> + Send>;
    let check = || Ok((to_bytes(size)?, options.check()?));
    let (size, mut options) = check().or_throw(env)?;
    let is_cancelled = Arc::new(AtomicBool::new(false));
    CREATIONS.with_borrow_mut(|creations| creations.insert(id, Arc::clone(&is_cancelled)));
    if let Memory::Reserved = options.memory {
        options.memory = Memory::ReservedUnless(is_cancelled);
    }
    let (deferred, promise) = env.create_deferred::<NativeCreation, Resolver>()?;
    let spawned = thread::Builder::new().name("shareable-create".to_owned()).spawn(move || {
        let created = Segment::create(size, &options).map(|segment| Unclaimed(Some(segment)));
        deferred.resolve(Box::new(move |_| {
            CREATIONS.with_borrow_mut(|creations| creations.remove(&id));
            Ok(match created {
                Ok(mut unclaimed) => NativeCreation { segment: unclaimed.0.take().map(Into::into), error: None },
                Err(e) => NativeCreation { segment: None, error: Some((&e).into()) },
            })
        }));
    });
    spawned.map_err(|e| {
        let error = Error::new(Kind::System, format!("cannot start a thread to create a segment: {e}"));
        throw(env, &error.with_os("pthread_create", e.raw_os_error()))
    })?;
    Ok(promise)
}

thread_local! {
    /// The flags that cancel the running creations of this environment, by the numbers that JavaScript chose.
    static CREATIONS: RefCell<HashMap<u32, Arc<AtomicBool>>> = RefCell::new(HashMap::new());
}

/// Cancels the [`create_segment_later`] with that number.
#[napi(catch_unwind)]
pub fn cancel_creation(id: u32) {
    CREATIONS.with_borrow(|creations| {
        if let Some(is_cancelled) = creations.get(&id) {
            is_cancelled.store(true, Relaxed);
        }
    });
}

/// Attaches to a segment.
#[napi(catch_unwind)]
pub fn attach_segment(env: &Env, name: String, read_only: bool, allow_foreign: bool) -> Result<NativeSegment> {
    let options = AttachOptions {
        access: if read_only { Access::ReadOnly } else { Access::ReadWrite },
        foreign: if allow_foreign { Foreign::Allow } else { Foreign::Refuse },
    };
    let attach = || Segment::attach(&Name::new(&name)?, options);
    attach().or_throw(env).map(Into::into)
}

/// Attaches to a segment, or creates it.
#[napi(catch_unwind)]
pub fn create_or_attach_segment(
    env: &Env,
    name: String,
    size: f64,
    options: NativeCreateOptions,
) -> Result<NativeSegment> {
    let open = || Segment::create_or_attach(&Name::new(&name)?, to_bytes(size)?, &options.check()?);
    open().or_throw(env).map(Into::into)
}

/// Makes an ArrayBuffer over the segment. Every call makes another one.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn segment_buffer(env: &Env, segment: &External<Segment>) -> Result<SharedBuffer> {
    segment.mapping().bytes().or_throw(env)?;
    external(env, segment.mapping())
}

/// Throws if another process has truncated the segment.
#[napi(catch_unwind)]
pub fn check_segment(env: &Env, segment: &External<Segment>) -> Result<()> {
    segment.mapping().check().or_throw(env)
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
}

impl From<&Segment> for NativeFacts {
    fn from(segment: &Segment) -> Self {
        Self { size: to_number(segment.size()), is_owner: segment.is_owner(), is_new: segment.is_new() }
    }
}

/// Returns whether this instance created the segment. Not a property of [`NativeSegment`], because that costs time.
#[napi(catch_unwind)]
pub fn segment_facts(segment: &External<Segment>) -> NativeFacts {
    (&**segment).into()
}

/// Closes the segment and detaches `buffer`, which [`segment_buffer`] made. Returns `false` when the runtime did not
/// detach the buffer; even then its memory no longer shows the segment.
#[napi(catch_unwind)]
pub fn close_segment(
    env: &Env,
    segment: &mut External<Segment>,
    #[napi(ts_arg_type = "ArrayBuffer | undefined")] buffer: Option<Unknown<'_>>,
) -> bool {
    let is_detached = buffer.is_none_or(|buffer| detach(env, &buffer, segment.mapping()));
    segment.close_alone();
    is_detached
}

/// Unlinks the segment.
#[napi(catch_unwind)]
pub fn unlink_segment(env: &Env, segment: &External<Segment>) -> Result<()> {
    segment.unlink().or_throw(env)
}

/// Closes the segment as [`close_segment`] does, and unlinks it if the instance is the owner and no process has
/// unlinked it.
#[napi(catch_unwind)]
pub fn dispose_segment(
    env: &Env,
    segment: &mut External<Segment>,
    #[napi(ts_arg_type = "ArrayBuffer | undefined")] buffer: Option<Unknown<'_>>,
) -> Result<bool> {
    let is_detached = buffer.is_none_or(|buffer| detach(env, &buffer, segment.mapping()));
    segment.dispose_alone().or_throw(env)?;
    Ok(is_detached)
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

/// Returns all segments that this process owns or has mapped, by name.
#[napi(catch_unwind)]
#[must_use]
pub fn process_segments() -> Vec<NativeHeldSegment> {
    let segments = shareable_core::held_segments().into_iter();
    segments
        .map(|held| NativeHeldSegment {
            name: held.name,
            size: to_number(held.size),
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
    to_number(core_page_size())
}

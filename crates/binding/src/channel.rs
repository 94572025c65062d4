//! Channels, for `channel/*.ts`. TypeScript handles every message; these functions handle rarer events. They take and
//! return numbers, because objects cost more than the message.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use napi::bindgen_prelude::{External, Uint8ArraySlice, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use shareable_core::channel::{Channel, ChannelOptions, Entered, Found, Part, Side, Waited};
use shareable_core::layout::channel::{self as layout, Role, at};
use shareable_core::{AttachOptions, Foreign, Kind, Name};

use crate::buffer::{SharedBuffer, View, detach, external};
use crate::error::OrThrow;
use crate::segment::{NativeCreateOptions, NativeFacts};
use crate::table::Handle;

/// The channels of one environment: the main thread's or a worker's. When it ends in any way, the other participants
/// learn that its participants have ended.
pub struct ChannelEnvironment(Rc<RefCell<Vec<Weak<Channel>>>>);

impl ChannelEnvironment {
    fn add(&self, channel: &Arc<Channel>) {
        let mut channels = self.0.borrow_mut();
        // Only rarely, so that it costs next to nothing.
        if channels.len().is_power_of_two() {
            channels.retain(|channel| channel.strong_count() > 0);
        }
        channels.push(Arc::downgrade(channel));
    }
}

/// A channel, and its properties that never change.
#[napi(object, object_from_js = false)]
pub struct NativeChannel {
    /// The handle for the other functions.
    pub handle: External<Arc<Channel>>,
    /// Without the leading slash.
    pub name: String,
    /// The value of the word of a lock when this participant holds it; 0 when the lock is free.
    pub seat: u32,
    /// Bytes of the ring.
    pub capacity: f64,
    /// The codec's number.
    pub codec: u32,
    /// How many producers there will be; 0: unknown.
    pub producers: u32,
    /// Bytes of one message at most; 0: no limit.
    pub max_message: f64,
    /// The descriptor of the file to watch for changes; -1 without one.
    pub bell: i32,
}

#[expect(clippy::cast_precision_loss, reason = "at most 2^31, and 2^53 by the caller")]
fn to_native(env: &Env, channel: &Arc<Channel>) -> Result<NativeChannel> {
    let header = channel.header();
    Ok(NativeChannel {
        handle: External::new(Arc::clone(channel)),
        name: channel.name().as_str().to_owned(),
        seat: channel.seat().into(),
        capacity: header.capacity as f64,
        codec: header.codec,
        producers: header.producers,
        max_message: header.max_message as f64,
        bell: channel.bell().or_throw(env)?.unwrap_or(-1),
    })
}

/// Offsets, in elements of an `Int32Array` over the segment unless the field says bytes; see the core's
/// `layout/channel`.
#[napi(object, object_from_js = false)]
pub struct ChannelLayout {
    /// TAIL.
    pub tail: u32,
    /// HEAD.
    pub head: u32,
    /// The word of the lock SEND.
    pub send: u32,
    /// The word of the lock RECEIVE.
    pub receive: u32,
    /// The flags of waiting receivers.
    pub receivers: u32,
    /// The flags of waiting senders.
    pub senders: u32,
    /// The bits of flags that tell of waiters.
    pub waiting: u32,
    /// The offset, from flags, of the seat that must not be overtaken.
    pub hungry: u32,
    /// A bit of flags: the waiter wants the bell.
    pub bell: u32,
    /// How many producers have ended.
    pub ended: u32,
    /// How many producers have died.
    pub died: u32,
    /// The state of the whole channel.
    pub state: u32,
    /// A bit of the state: all sending has ended, or waiting messages are discarded.
    pub is_shut: u32,
    /// A bit of the state: waiting messages are discarded.
    pub is_discarded: u32,
    /// The ring, in bytes.
    pub ring: u32,
    /// The kind of a message in one piece.
    pub whole: u32,
    /// The kind of padding.
    pub padding: u32,
    /// Added to the kind of a message that a consumer has started to read in place.
    pub touched: u32,
}

/// Returns the offsets.
#[napi(catch_unwind)]
#[must_use]
pub fn channel_layout() -> ChannelLayout {
    #[expect(clippy::cast_possible_truncation, reason = "small constants")]
    let word = |offset: usize| (offset / size_of::<i32>()) as u32;
    #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
    let ring = layout::RING as u32;
    ChannelLayout {
        tail: word(at::TAIL),
        head: word(at::HEAD),
        send: word(at::SEND),
        receive: word(at::RECEIVE),
        receivers: word(at::RECEIVERS),
        senders: word(at::SENDERS),
        waiting: layout::WAITING,
        hungry: word(at::HUNGRY),
        bell: layout::BELL,
        ended: word(at::ENDED),
        died: word(at::DIED),
        state: word(at::STATE),
        is_shut: layout::State::SHUT | layout::State::DISCARD,
        is_discarded: layout::State::DISCARD,
        ring,
        whole: layout::Kind::Whole as u32,
        padding: layout::Kind::Padding as u32,
        touched: layout::TOUCHED.into(),
    }
}

/// Makes the environment of channels. Call it once.
#[napi(catch_unwind)]
pub fn channel_environment(env: &Env) -> Result<External<ChannelEnvironment>> {
    let channels: Rc<RefCell<Vec<Weak<Channel>>>> = Rc::default();
    env.add_env_cleanup_hook(Rc::clone(&channels), |channels| {
        for channel in channels.borrow_mut().drain(..).filter_map(|channel| channel.upgrade()) {
            channel.give_up();
        }
    })?;
    Ok(External::new(ChannelEnvironment(channels)))
}

/// Creates a channel. With `is_shared`, attaches to the one of that name if there is one.
#[napi(catch_unwind)]
// Not `expect`: napi-rs also puts the attribute on a function without arguments.
#[allow(clippy::too_many_arguments, reason = "an object for them would cost more than the call")]
pub fn create_channel(
    env: &Env,
    environment: &External<ChannelEnvironment>,
    options: NativeCreateOptions,
    is_shared: bool,
    capacity: f64,
    codec: u32,
    producers: u32,
    max_message: f64,
) -> Result<NativeChannel> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "safe integers, checked in TypeScript")]
    let channel =
        ChannelOptions { capacity: capacity as u64, codec: codec as u16, producers, max_message: max_message as u64 };
    let create = || {
        let options = options.check()?;
        match options.name.clone().filter(|_| is_shared) {
            Some(name) => Channel::create_or_attach(&name, &channel, &options),
            None => Channel::create(&channel, &options),
        }
    };
    let channel = Arc::new(create().or_throw(env)?);
    environment.add(&channel);
    to_native(env, &channel)
}

/// Attaches to a channel.
#[napi(catch_unwind)]
pub fn attach_channel(
    env: &Env,
    environment: &External<ChannelEnvironment>,
    name: String,
    allow_foreign: bool,
) -> Result<NativeChannel> {
    let foreign = if allow_foreign { Foreign::Allow } else { Foreign::Refuse };
    let attach = || Channel::attach(&Name::new(&name)?, AttachOptions { foreign, ..AttachOptions::default() });
    let channel = Arc::new(attach().or_throw(env)?);
    environment.add(&channel);
    to_native(env, &channel)
}

/// Makes an ArrayBuffer over the channel's segment. Call it once per channel.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn channel_buffer(env: &Env, channel: &External<Arc<Channel>>) -> Result<SharedBuffer> {
    channel.mapping().bytes().or_throw(env)?;
    external(env, channel.mapping(), View::Segment)
}

/// Makes an ArrayBuffer over the channel's segment for the program to use, which can move it away.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn lend_channel_buffer(env: &Env, channel: &External<Arc<Channel>>) -> Result<SharedBuffer> {
    channel.mapping().bytes().or_throw(env)?;
    external(env, channel.mapping(), View::Lent)
}

/// Converts milliseconds to a duration.
fn duration(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
}

fn side(is_senders: bool) -> Side {
    if is_senders { Side::Senders } else { Side::Receivers }
}

/// The outcomes of waiting, as in `waits.ts`.
fn to_number(waited: Waited) -> i32 {
    match waited {
        Waited::Ready => 0,
        Waited::Again => 1,
        Waited::TimedOut => 2,
        Waited::Ended => 3,
        Waited::Died(_) => 4,
        Waited::NoConsumer => 5,
    }
}

/// Takes the lock of a side, blocking for at most 50 ms. Returns 0, or 1 when there is time left, or 2 when it was not
/// free in time. `is_first` is set when a wait of at most `timeout` milliseconds begins.
#[napi(catch_unwind)]
pub fn channel_enter(
    env: &Env,
    channel: &External<Arc<Channel>>,
    is_senders: bool,
    timeout: f64,
    is_first: bool,
) -> Result<i32> {
    let entered = channel.enter(side(is_senders), duration(timeout), is_first).or_throw(env)?;
    Ok(match entered {
        Entered::Taken { .. } => 0,
        Entered::Again => 1,
        Entered::TimedOut => 2,
    })
}

/// Releases the lock of a side, when a compare-and-swap cannot.
#[napi(catch_unwind)]
pub fn channel_leave(env: &Env, channel: &External<Arc<Channel>>, is_senders: bool) -> Result<bool> {
    channel.leave(side(is_senders)).or_throw(env)
}

/// Returns whether another waiter must be served first.
#[napi(catch_unwind)]
pub fn channel_must_stand_back(env: &Env, channel: &External<Arc<Channel>>, is_senders: bool) -> Result<bool> {
    channel.must_stand_back(side(is_senders)).or_throw(env)
}

/// Wakes the waiters of a side.
#[napi(catch_unwind)]
pub fn channel_notify(env: &Env, channel: &External<Arc<Channel>>, is_senders: bool) -> Result<()> {
    channel.notify(side(is_senders)).or_throw(env)
}

/// Checks for a message, or for room for `length` bytes. Returns an outcome: see `waits.ts`.
#[napi(catch_unwind)]
pub fn channel_look(env: &Env, channel: &External<Arc<Channel>>, is_senders: bool, length: u32) -> Result<i32> {
    channel.look(side(is_senders), length).or_throw(env).map(to_number)
}

/// As [`channel_look`], and requests a notification when something changes. `waited`: milliseconds up to now.
#[napi(catch_unwind)]
pub fn channel_arm(
    env: &Env,
    channel: &External<Arc<Channel>>,
    is_senders: bool,
    length: u32,
    waited: f64,
) -> Result<i32> {
    channel.arm(side(is_senders), length, duration(waited)).or_throw(env).map(to_number)
}

/// Waits for a message, or for room for `length` bytes, blocking for at most 50 ms.
#[napi(catch_unwind)]
pub fn channel_wait(
    env: &Env,
    channel: &External<Arc<Channel>>,
    is_senders: bool,
    length: u32,
    timeout: f64,
    spin: f64,
    is_first: bool,
) -> Result<i32> {
    let spin = duration(spin / 1000.0);
    channel.wait(side(is_senders), length, duration(timeout), spin, is_first).or_throw(env).map(to_number)
}

/// Registers this participant as a sender, or as a receiver.
#[napi(catch_unwind)]
pub fn channel_join(env: &Env, channel: &External<Arc<Channel>>, is_producer: bool) -> Result<()> {
    channel.join(if is_producer { Role::PRODUCER } else { Role::CONSUMER }).or_throw(env)
}

/// Ends the sending of this participant.
#[napi(catch_unwind)]
pub fn channel_end(env: &Env, channel: &External<Arc<Channel>>) -> Result<()> {
    channel.end().or_throw(env)
}

/// Ends the sending of all participants.
#[napi(catch_unwind)]
pub fn channel_shutdown(env: &Env, channel: &External<Arc<Channel>>, is_immediate: bool) -> Result<()> {
    channel.shutdown(is_immediate).or_throw(env)
}

/// Returns how many producers have died since the last call by this participant.
#[napi(catch_unwind)]
pub fn channel_mourn(env: &Env, channel: &External<Arc<Channel>>) -> Result<u32> {
    channel.mourn().or_throw(env)
}

/// Returns the numbers of producers and consumers that are attached and alive.
#[napi(catch_unwind)]
pub fn channel_peers(env: &Env, channel: &External<Arc<Channel>>) -> Result<Vec<u32>> {
    let peers = channel.peers().or_throw(env)?;
    Ok(vec![peers.producers, peers.consumers])
}

/// Returns what is at the head of the ring: -1 for nothing, -2 for a message in one piece, else the length in bytes of
/// a message in fragments.
#[napi(catch_unwind)]
pub fn channel_begin(env: &Env, channel: &External<Arc<Channel>>) -> Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a length past 2^53 is refused as well")]
    Ok(match channel.begin().or_throw(env)? {
        Found::Nothing => -1.0,
        Found::Whole(_) => -2.0,
        Found::First(total) => total as f64,
    })
}

/// Drops the frame at the head of the ring.
#[napi(catch_unwind)]
pub fn channel_skip(env: &Env, channel: &External<Arc<Channel>>) -> Result<()> {
    channel.skip().or_throw(env)
}

/// Receives the fragments of a message that have arrived. Returns the bytes received in total, or -1 when the message
/// was cut off.
#[napi(catch_unwind)]
pub fn channel_receive_part(
    env: &Env,
    channel: &External<Arc<Channel>>,
    mut target: Uint8ArraySlice<'_>,
    offset: f64,
) -> Result<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what this function returned before")]
    let offset = offset as u64;
    // SAFETY: JavaScript runs only on this thread, and waits for this call; the package or its caller has made the
    // array for receiving.
    let target = unsafe { target.as_mut() };
    #[expect(clippy::cast_precision_loss, reason = "at most the length of an array")]
    Ok(match channel.receive_part(target, offset).or_throw(env)? {
        Part::Arrived(arrived) => arrived as f64,
        Part::Cut => -1.0,
    })
}

/// Sends the fragments of a message that there is room for: the byte `lead`, unless that is negative, and then `rest`.
/// Returns the bytes sent in total.
#[napi(catch_unwind)]
pub fn channel_send_part(
    env: &Env,
    channel: &External<Arc<Channel>>,
    lead: i32,
    rest: Uint8ArraySlice<'_>,
    offset: f64,
) -> Result<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what this function returned before")]
    let sent = channel.send_part(u8::try_from(lead).ok(), &rest, offset as u64).or_throw(env)?;
    #[expect(clippy::cast_precision_loss, reason = "at most the length of an array")]
    Ok(sent as f64)
}

/// Closes the channel and detaches `buffer`, and `lent`, which [`lend_channel_buffer`] made last. Returns `false` when the
/// runtime did not detach both.
#[napi(catch_unwind)]
pub fn close_channel(
    env: &Env,
    channel: &External<Arc<Channel>>,
    #[napi(ts_arg_type = "ArrayBuffer")] buffer: Unknown<'_>,
    #[napi(ts_arg_type = "ArrayBuffer | undefined")] lent: Option<Unknown<'_>>,
) -> bool {
    let is_detached = detach(env, &buffer, channel.mapping(), View::Segment);
    let is_lent_detached = lent.is_none_or(|lent| detach(env, &lent, channel.mapping(), View::Lent));
    channel.close();
    is_detached && is_lent_detached
}

/// Unlinks the channel's segment.
#[napi(catch_unwind)]
pub fn unlink_channel(env: &Env, channel: &External<Arc<Channel>>) -> Result<()> {
    channel.unlink().or_throw(env)
}

/// Ends an instance's use of a channel. Unlinks it if the instance is the owner and no process has unlinked it.
#[napi(catch_unwind)]
pub fn dispose_channel(env: &Env, channel: &External<Arc<Channel>>) -> Result<()> {
    channel.dispose().or_throw(env)
}

/// What an observer can see of a channel.
#[napi(object, object_from_js = false)]
pub struct NativeChannelSummary {
    /// Bytes of the ring.
    pub capacity: f64,
    /// Bytes of the waiting messages, with their frames.
    pub used: f64,
    /// The codec's number.
    pub codec: u32,
    /// The number of senders.
    pub producers: u32,
    /// The number of receivers.
    pub consumers: u32,
    /// Whether all sending has ended.
    pub is_shut: bool,
}

/// Observes the channel in a segment without changing it. Returns `null` for a segment without a channel.
#[napi(catch_unwind)]
pub fn find_channel(
    env: &Env,
    #[napi(ts_arg_type = "number")] segment: Handle,
) -> Result<Option<NativeChannelSummary>> {
    let found = segment.with(env, |open| Ok(open.segment.mapping().bytes().and_then(layout::Summary::read)))?;
    match found {
        Err(error) if error.kind() == Kind::Layout => Ok(None),
        Err(error) => Err(error).or_throw(env),
        #[expect(clippy::cast_precision_loss, reason = "at most 2^31")]
        Ok(found) => Ok(Some(NativeChannelSummary {
            capacity: found.header.capacity as f64,
            used: found.used as f64,
            codec: found.header.codec,
            producers: found.producers,
            consumers: found.consumers,
            is_shut: found.is_shut,
        })),
    }
}

/// What tools that observe the package want to know of a channel. Not among the properties above, because they cost time.
#[napi(catch_unwind)]
pub fn channel_facts(channel: &External<Arc<Channel>>) -> NativeFacts {
    channel.segment().into()
}

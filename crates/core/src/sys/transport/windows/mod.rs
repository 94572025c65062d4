//! How managers communicate on Windows: by named pipes and TCP, through the crate `mio`. Only [`wait`] blocks.
//!
//! A member's end of a pipe does not use `mio`, which starts reads in advance: any thread may use such an end, and Wine
//! loses bytes that arrive for a thread that has ended.
//!
//! `mio` reports once that an operation has become possible. This module remembers that until a try fails, so that
//! [`wait`] can be called repeatedly, as on other systems.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Poll, Registry, Token};

use crate::mutex;

mod listener;
mod pipe;
mod server;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use listener::Listener;
pub(crate) use server::{Server, prepare_server, starter};
pub(crate) use stream::Stream;

/// The operations that are known to be possible without waiting.
#[derive(Debug, Default)]
struct Readiness {
    readable: AtomicBool,
    writable: AtomicBool,
}

impl Readiness {
    /// Runs `try_it`, unless `flag` shows that it would fail.
    fn attempt<T>(flag: &AtomicBool, try_it: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if !flag.load(Acquire) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let outcome = try_it();
        if outcome.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock) {
            flag.store(false, Release);
        }
        outcome
    }
}

/// Receives the events of the sockets that are registered with it.
#[derive(Debug)]
struct Reactor {
    poll: Mutex<(Poll, Events)>,
    registry: Registry,
    known: Mutex<BTreeMap<Token, Arc<Readiness>>>,
    next: AtomicUsize,
}

impl Reactor {
    fn new() -> io::Result<Arc<Self>> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let (known, next) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Arc::new(Self { poll: Mutex::new((poll, Events::with_capacity(64))), registry, known, next }))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Token, Arc<Readiness>>> {
        mutex::lock(&self.known)
    }

    /// Receives events, and waits at most `patience` for them.
    fn turn(&self, patience: Option<Duration>) -> io::Result<()> {
        self.turn_by(&mut mutex::lock(&self.poll), patience)
    }

    /// Receives events, unless another thread does.
    fn turn_if_idle(&self) {
        if let Ok(mut poll) = self.poll.try_lock() {
            // The next wait returns the error too.
            let _ = self.turn_by(&mut poll, Some(Duration::ZERO));
        }
    }

    fn turn_by(&self, (poll, events): &mut (Poll, Events), patience: Option<Duration>) -> io::Result<()> {
        poll.poll(events, patience)?;
        let known = self.known();
        for event in events.iter() {
            let Some(readiness) = known.get(&event.token()) else { continue };
            let is_over = event.is_error() || event.is_read_closed() || event.is_write_closed();
            readiness.readable.fetch_or(event.is_readable() || is_over, AcqRel);
            readiness.writable.fetch_or(event.is_writable() || is_over, AcqRel);
        }
        Ok(())
    }
}

/// A socket, and what is known about it.
#[derive(Debug)]
struct Registered<S: Source> {
    /// `None` only at the end of the drop.
    socket: Option<S>,
    token: Token,
    readiness: Arc<Readiness>,
    reactor: Arc<Reactor>,
}

impl<S: Source> Registered<S> {
    /// No operation counts as possible until it is reported, or `is_ready` is set.
    fn new(mut socket: S, reactor: Arc<Reactor>, is_ready: bool) -> io::Result<Self> {
        let token = Token(reactor.next.fetch_add(1, Relaxed));
        let readiness = Arc::new(Readiness { readable: is_ready.into(), writable: is_ready.into() });
        reactor.known().insert(token, Arc::clone(&readiness));
        let interests = mio::Interest::READABLE | mio::Interest::WRITABLE;
        let registered = reactor.registry.register(&mut socket, token, interests);
        let socket = Self { socket: Some(socket), token, readiness, reactor };
        registered.map(|()| socket)
    }

    fn get(&self) -> &S {
        self.socket.as_ref().expect("it is there until the drop")
    }
}

impl<S: Source> Drop for Registered<S> {
    fn drop(&mut self) {
        self.reactor.known().remove(&self.token);
        self.socket = None;
        // The other end learns of the end only when the system has completed the operations of this one. A thread that
        // waits at this moment handles that.
        self.reactor.turn_if_idle();
    }
}

/// A socket that can be waited for.
trait Waited: std::fmt::Debug {
    /// The poll that waits for it; `None` where waiting takes pauses.
    fn reactor(&self) -> Option<&Arc<Reactor>>;
    fn is_readable(&self) -> bool;
    fn is_writable(&self) -> bool;
}

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest<'a> {
    socket: &'a dyn Waited,
    to_write: bool,
}

impl<'a> Interest<'a> {
    /// Waits for bytes to read, or the end.
    #[expect(private_bounds, reason = "the streams and the listener are all there is")]
    pub(crate) fn to_read(socket: &'a impl Waited) -> Self {
        Self { socket, to_write: false }
    }

    /// Waits for room to write.
    #[expect(private_bounds, reason = "the streams and the listener are all there is")]
    pub(crate) fn to_write(socket: &'a impl Waited) -> Self {
        Self { socket, to_write: true }
    }

    fn is_met(self) -> bool {
        if self.to_write { self.socket.is_writable() } else { self.socket.is_readable() }
    }
}

/// Waits until one of `interests` is met, for at most `patience`. Returns which are. An interest may turn out not to be
/// met, which the next call on the socket returns. All interests must belong to one process's server, or to one stream.
pub(crate) fn wait(interests: &[Interest<'_>], patience: Option<Duration>) -> io::Result<Vec<bool>> {
    let Some(first) = interests.first() else { return Ok(Vec::new()) };
    let Some(reactor) = first.socket.reactor() else { return Err(io::ErrorKind::Unsupported.into()) };
    debug_assert!(interests.iter().all(|i| i.socket.reactor().is_some_and(|other| Arc::ptr_eq(other, reactor))));
    let is_met = interests.iter().any(|interest| interest.is_met());
    // Events of the others count too, even if some are met already.
    match reactor.turn(if is_met { Some(Duration::ZERO) } else { patience }) {
        Err(e) if e.kind() != io::ErrorKind::Interrupted => Err(e),
        _ => Ok(interests.iter().map(|interest| interest.is_met()).collect()),
    }
}

/// Waits for one interest until `deadline`.
fn wait_until(interest: Interest<'_>, deadline: Instant) -> io::Result<()> {
    loop {
        let now = Instant::now();
        if now >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if wait(&[interest], Some(deadline - now))?[0] {
            return Ok(());
        }
    }
}

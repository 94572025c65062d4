//! A thread that waits for locks on behalf of one that must not block.

use std::io;
use std::mem;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::algorithm::{Turn, slice};
use super::{Lock, Poll, Taken};
use crate::{Result, sys};

/// What the thread sleeps when there is nothing to wait for; new work wakes it.
const IDLE: Duration = Duration::from_hours(1);

const STACK: usize = 256 * 1024;

/// Waits for any number of locks, in one thread that starts with the first of them and ends with the value.
pub struct Waiter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Changes whenever the thread has to look around.
    signal: AtomicU32,
    is_stopping: AtomicBool,
    queue: Mutex<Vec<Entry>>,
    on_grant: Box<dyn Fn(u32) + Send + Sync>,
}

struct Entry {
    id: u32,
    lock: Arc<Lock>,
    turn: Turn,
    since: Instant,
    /// When to look after the holder.
    next_look: Instant,
}

impl Waiter {
    /// `on_grant` is called on the waiter's thread, with the number of a lock that has just been acquired; it must not block.
    pub fn new(on_grant: impl Fn(u32) + Send + Sync + 'static) -> Self {
        let shared = Shared {
            signal: AtomicU32::new(0),
            is_stopping: AtomicBool::new(false),
            queue: Mutex::default(),
            on_grant: Box::new(on_grant),
        };
        Self { shared: Arc::new(shared), thread: None }
    }

    /// Acquires `lock` again and again, each time that the last one has been [taken over](Self::take) and released, until
    /// [`unwant`](Self::unwant). `id` is the caller's name for it.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn want(&mut self, id: u32, lock: &Arc<Lock>) -> io::Result<()> {
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name("shareable-lock".to_owned()).stack_size(STACK);
            self.thread = Some(builder.spawn(move || shared.run())?);
        }
        lock.want();
        let mut queue = self.shared.queue();
        if queue.iter().all(|entry| entry.id != id) {
            let now = Instant::now();
            let turn = Turn::new(lock.seat());
            queue.push(Entry { id, lock: Arc::clone(lock), turn, since: now, next_look: now });
        }
        drop(queue);
        self.shared.wake();
        Ok(())
    }

    /// Gives up waiting for `lock`, and releases it if it was just acquired.
    pub fn unwant(&self, id: u32, lock: &Lock) {
        lock.unwant();
        self.shared.queue().retain(|entry| entry.id != id);
        self.shared.wake();
    }

    /// Takes over the lock of which `on_grant` has told. `None` when it is another's by now.
    ///
    /// # Errors
    /// As [`Lock::try_acquire`].
    pub fn take(&self, lock: &Lock) -> Result<Option<Taken>> {
        let taken = lock.take_grant();
        self.shared.wake();
        taken
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Release);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported already.
            let _ = thread.join();
        }
        for Entry { lock, .. } in mem::take(&mut *self.shared.queue()) {
            lock.unwant();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Each change is one call.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.signal.fetch_add(1, Release);
        sys::seat::wake_one(&self.signal);
    }

    fn run(&self) {
        loop {
            let signal = self.signal.load(Acquire);
            if self.is_stopping.load(Acquire) {
                return;
            }
            let (busy, timeout) = self.look();
            let locks = busy.iter().filter_map(|(lock, seen)| Some((lock.word().ok()?, *seen)));
            let words: Vec<_> = [(&self.signal, signal)].into_iter().chain(locks).collect();
            sys::seat::wait(&words, timeout);
        }
    }

    /// Tries every lock. Gives those that others hold, and how long to sleep.
    fn look(&self) -> (Vec<(Arc<Lock>, u32)>, Duration) {
        let mut busy = Vec::new();
        let mut timeout = IDLE;
        for entry in &mut *self.queue() {
            let now = Instant::now();
            let waited = now - entry.since;
            let pause = slice(waited);
            let is_over = now >= entry.next_look;
            if is_over {
                entry.next_look = now + pause;
            }
            match entry.lock.poll(entry.turn, waited, is_over && !waited.is_zero()) {
                Poll::Idle => {}
                Poll::Granted => {
                    (entry.turn, entry.since) = (Turn::new(entry.lock.seat()), now);
                    (self.on_grant)(entry.id);
                }
                Poll::Busy(seen) => {
                    entry.turn.slept();
                    busy.push((Arc::clone(&entry.lock), seen));
                }
            }
            timeout = timeout.min(entry.next_look.saturating_duration_since(now).max(Duration::from_micros(100)));
        }
        (busy, timeout)
    }
}

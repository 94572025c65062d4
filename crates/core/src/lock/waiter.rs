//! A thread that waits for locks on behalf of threads that must not block.

use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::algorithm::{Sleep, slice};
use super::{Lock, Poll, Taken};
use crate::{Result, mutex, sys};

/// How long the thread sleeps when it waits for nothing. Every relevant change wakes it.
const IDLE: Duration = Duration::from_hours(1);

/// The shortest sleep.
const SHORTEST: Duration = Duration::from_micros(100);

/// A pause after a panic, so that repeated panics do not use a whole processor.
const AFTER_PANIC: Duration = Duration::from_millis(10);

const STACK: usize = 256 * 1024;

/// Waits for any number of locks in one thread. The thread starts with the first lock and ends with the value.
pub struct Waiter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Changes whenever the thread must check its tables.
    signal: AtomicU32,
    is_stopping: AtomicBool,
    queue: Mutex<Queue>,
    on_grant: Box<dyn Fn(u32) + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    /// The alarms: when to call which, independently of the locks.
    alarms: Vec<(u32, Instant)>,
}

struct Entry {
    id: u32,
    lock: Arc<Lock>,
    /// When to check the holder; `None` before the first sleep.
    next_look: Option<Instant>,
}

impl Waiter {
    /// Makes a waiter. It calls `on_grant` on its thread, with the number of a lock that it has just acquired or of an
    /// [alarm](Self::alarm). `on_grant` must not block.
    pub fn new(on_grant: impl Fn(u32) + Send + Sync + 'static) -> Self {
        let shared = Shared {
            signal: AtomicU32::new(0),
            is_stopping: AtomicBool::new(false),
            queue: Mutex::default(),
            on_grant: Box::new(on_grant),
        };
        Self { shared: Arc::new(shared), thread: None }
    }

    /// Acquires `lock`, and again each time that it was [taken over](Self::take) and released, until
    /// [`unwant`](Self::unwant). `id` is the caller's name for it.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn want(&mut self, id: u32, lock: &Arc<Lock>) -> io::Result<()> {
        self.start()?;
        lock.want();
        let mut queue = self.shared.queue();
        if queue.entries.iter().all(|entry| entry.id != id) {
            queue.entries.push(Entry { id, lock: Arc::clone(lock), next_look: None });
        }
        drop(queue);
        self.shared.wake();
        Ok(())
    }

    /// Stops waiting for `lock`, and releases it if it was just acquired.
    pub fn unwant(&self, id: u32, lock: &Lock) {
        lock.unwant();
        self.shared.queue().entries.retain(|entry| entry.id != id);
        self.shared.wake();
    }

    /// Calls `on_grant` with `id` once, after `delay`, by the clock of the system. A delay past the clock's end never
    /// ends.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn alarm(&mut self, id: u32, delay: Duration) -> io::Result<()> {
        self.start()?;
        if let Some(end) = Instant::now().checked_add(delay) {
            self.shared.queue().alarms.push((id, end));
            self.shared.wake();
        }
        Ok(())
    }

    /// Cancels an [alarm](Self::alarm).
    pub fn silence(&self, id: u32) {
        self.shared.queue().alarms.retain(|&(other, _)| other != id);
    }

    /// Takes over the lock that `on_grant` has announced. Returns `None` when another participant has it by now.
    ///
    /// # Errors
    /// As [`Lock::try_acquire`].
    pub fn take(&self, lock: &Lock) -> Result<Option<Taken>> {
        let taken = lock.take_grant();
        self.shared.wake();
        taken
    }

    fn start(&mut self) -> io::Result<()> {
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name("shareable-lock".to_owned()).stack_size(STACK);
            self.thread = Some(builder.spawn(move || shared.run())?);
        }
        Ok(())
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
        for Entry { lock, .. } in mem::take(&mut self.shared.queue().entries) {
            lock.unwant();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Each change is one call.
        mutex::lock(&self.queue)
    }

    fn wake(&self) {
        self.signal.fetch_add(1, Release);
        sys::seat::wake_one(&self.signal);
    }

    /// Continues after a panic, which ends the wait that caused it and no other.
    fn run(&self) {
        while panic::catch_unwind(AssertUnwindSafe(|| self.rounds())).is_err() {
            thread::sleep(AFTER_PANIC);
        }
    }

    fn rounds(&self) {
        let mut must_look = false;
        loop {
            let signal = self.signal.load(Acquire);
            if self.is_stopping.load(Acquire) {
                return;
            }
            let (busy, timeout) = self.look(must_look);
            let locks = busy.iter().filter_map(|(lock, sleep)| Some(lock.words().ok()?.sleep(*sleep)));
            let words: Vec<_> = [(&self.signal, signal)].into_iter().chain(locks).collect();
            let deaths: Vec<_> = busy.iter().filter_map(|(lock, _)| lock.death_of_holder()).collect();
            let is_over = !sys::seat::wait_or_death(&words, &deaths, timeout);
            must_look = is_over && !deaths.is_empty();
        }
    }

    /// Tries every lock, also those whose holders are dead if `must_look` or if it is time for that. Returns those that
    /// others hold, and how long to sleep.
    fn look(&self, must_look: bool) -> (Vec<(Arc<Lock>, Sleep)>, Duration) {
        let mut busy = Vec::new();
        let mut timeout = IDLE;
        let mut queue = self.queue();
        let now = Instant::now();
        let due: Vec<_> = queue.alarms.extract_if(.., |&mut (_, end)| end <= now).collect();
        for &(_, end) in &queue.alarms {
            timeout = timeout.min(end.saturating_duration_since(now));
        }
        for entry in &mut queue.entries {
            let is_over = entry.next_look.is_some_and(|look| must_look || now >= look);
            match entry.lock.poll(is_over) {
                Poll::Idle => entry.next_look = None,
                Poll::Granted => {
                    entry.next_look = None;
                    (self.on_grant)(entry.id);
                }
                Poll::Busy(sleep, waited) => {
                    if is_over || entry.next_look.is_none() {
                        entry.next_look = now.checked_add(slice(waited));
                    }
                    let pause = entry.next_look.map_or(IDLE, |look| look.saturating_duration_since(now));
                    timeout = timeout.min(pause.max(SHORTEST));
                    busy.push((Arc::clone(&entry.lock), sleep));
                }
            }
        }
        drop(queue);
        for (id, _) in due {
            (self.on_grant)(id);
        }
        (busy, timeout)
    }
}

//! Participants in threads of one process, which have their own seats as processes do. `give_up` does what the kernel
//! does when one dies.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc;
use std::thread;

use super::word::{DIED, HOLDER, RESERVED, WAITERS};
use super::*;
use crate::Lifetime;

const LONG: Duration = Duration::from_secs(20);
const CLEAN: Option<Taken> = Some(Taken { recovered: false });
const RECOVERED: Option<Taken> = Some(Taken { recovered: true });

/// A lock whose name is unlinked when the value drops.
struct Fresh(Lock);

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = self.0.unlink();
    }
}

fn fresh() -> Fresh {
    Fresh(Lock::create(&CreateOptions { lifetime: Lifetime::Detached, ..CreateOptions::default() }).unwrap())
}

impl Fresh {
    fn join(&self) -> Lock {
        Lock::attach(self.0.name(), AttachOptions::default()).unwrap()
    }

    fn word(&self) -> &AtomicU32 {
        self.0.words().unwrap().word()
    }
}

fn acquire(lock: &Lock) -> Option<Taken> {
    lock.acquire(LONG).unwrap()
}

#[test]
fn a_free_lock_is_zero_and_a_held_one_its_holders_seat() {
    let lock = fresh();
    assert_eq!(lock.word().load(SeqCst), 0);
    assert_eq!(lock.0.try_acquire().unwrap(), CLEAN);
    assert_eq!(lock.word().load(SeqCst), u32::from(lock.0.seat()));
    assert!(lock.0.release());
    assert_eq!(lock.word().load(SeqCst), 0);
    assert!(!lock.0.release());
}

#[test]
fn only_one_participant_has_the_lock() {
    let lock = fresh();
    let other = lock.join();
    assert_ne!(lock.0.seat(), other.seat());
    assert_eq!(acquire(&lock.0), CLEAN);
    assert_eq!(other.try_acquire().unwrap(), None);
    assert_eq!(other.acquire(Duration::from_millis(5)).unwrap(), None);
    assert!(!other.release());
    lock.0.release();
    assert_eq!(acquire(&other), CLEAN);
}

#[test]
fn no_increment_is_lost() {
    const ROUNDS: u64 = 20_000;
    let lock = fresh();
    let count = AtomicU64::new(0);
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| {
            scope.spawn(|| {
                let lock = lock.join();
                for _ in 0..ROUNDS {
                    assert_eq!(acquire(&lock), CLEAN);
                    count.store(count.load(Relaxed) + 1, Relaxed);
                    assert!(lock.release());
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert_eq!(count.load(Relaxed), 4 * ROUNDS);
    assert_eq!(acquire(&lock.0), CLEAN);
}

#[test]
fn a_death_is_told_to_the_next_holder_and_to_no_other() {
    let lock = fresh();
    for _ in 0..20 {
        let victim = lock.join();
        acquire(&victim).unwrap();
        let recoveries: usize = thread::scope(|scope| {
            let waiting: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let lock = lock.join();
                        let taken = acquire(&lock);
                        lock.release();
                        usize::from(taken == RECOVERED)
                    })
                })
                .collect();
            victim.give_up();
            waiting.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(recoveries, 1);
    }
}

#[test]
fn a_seat_that_is_taken_over_does_not_make_the_dead_look_alive() {
    let lock = fresh();
    let victim = lock.join();
    acquire(&victim).unwrap();
    victim.give_up();
    let heir = loop {
        let next = lock.join();
        if next.seat() == victim.seat() {
            break next;
        }
        // Seats are handed out in turn.
        lock.0.mapping().bytes().unwrap().words(64..72).unwrap()[0].store(victim.seat().into(), SeqCst);
    };
    assert_eq!(lock.word().load(SeqCst), DIED);
    assert_eq!(lock.0.try_acquire().unwrap(), RECOVERED);
    lock.0.release();
    assert_eq!(acquire(&heir), CLEAN);
}

#[test]
fn a_death_after_a_recovery_is_recovered_too() {
    let lock = fresh();
    for _ in 0..3 {
        let victim = lock.join();
        acquire(&victim).unwrap();
        victim.give_up();
        let next = lock.join();
        assert_eq!(acquire(&next), RECOVERED);
        next.give_up();
    }
    assert_eq!(acquire(&lock.0), RECOVERED);
    lock.0.release();
    assert_eq!(acquire(&lock.0), CLEAN);
}

#[test]
fn any_word_of_an_untrusted_writer_is_taken_over_or_times_out() {
    let lock = fresh();
    let other = lock.join();
    let (mine, others) = (u32::from(lock.0.seat()), u32::from(other.seat()));
    let words = [0, 1, 2, 0x1234, HOLDER, WAITERS, RESERVED, DIED, 1 << 19, 1 << 31, u32::MAX, mine, others];
    for word in words.into_iter().flat_map(|word| [word, word | WAITERS, word | RESERVED | WAITERS, word | 1 << 30]) {
        lock.word().store(word, SeqCst);
        let taken = lock.0.acquire(Duration::from_millis(20)).unwrap();
        assert_eq!(taken.is_none(), word & HOLDER == others, "{word:#x}");
        assert_eq!(lock.0.release(), taken.is_some(), "{word:#x}");
        lock.word().store(word, SeqCst);
        lock.0.release();
    }
}

#[test]
fn a_lock_that_is_reserved_for_a_dead_sleeper_can_be_taken_by_a_try() {
    let lock = fresh();
    lock.word().store(RESERVED, SeqCst);
    assert_eq!(lock.0.try_acquire().unwrap(), CLEAN);
    lock.0.release();
    lock.word().store(RESERVED | WAITERS | DIED, SeqCst);
    assert_eq!(lock.0.try_acquire().unwrap(), RECOVERED);
}

#[test]
fn a_lock_full_of_noise_ends_no_process() {
    let lock = fresh();
    let other = lock.join();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut noise = 0x2545_F491_u32;
            while !is_over.load(Relaxed) {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                lock.word().store(noise, Relaxed);
            }
        });
        for _ in 0..200 {
            let _ = other.acquire(Duration::from_millis(1)).unwrap();
            let _ = other.try_acquire().unwrap();
            other.release();
        }
        is_over.store(true, Relaxed);
        writer.join().unwrap();
    });
}

#[test]
fn after_close_every_use_is_an_error_or_nothing() {
    let lock = fresh();
    let other = lock.join();
    other.close();
    other.close();
    assert_eq!(other.try_acquire().unwrap_err().kind(), Kind::Closed);
    assert_eq!(other.acquire(LONG).unwrap_err().kind(), Kind::Closed);
    assert!(!other.release());
    assert_eq!(acquire(&lock.0), CLEAN);
}

#[test]
fn a_segment_that_holds_no_lock_is_a_layout_error() {
    for size in [1, 8, 64, header::SIZE, 10_000] {
        let options = CreateOptions { lifetime: Lifetime::Detached, ..CreateOptions::default() };
        let segment = Segment::create(size, &options).unwrap();
        let error = Lock::attach(segment.name(), AttachOptions::default()).unwrap_err();
        segment.unlink().unwrap();
        assert_eq!(error.kind(), Kind::Layout);
        assert_eq!(error.segment(), Some(segment.name().as_str()));
    }
}

#[test]
fn a_waiter_acquires_one_lock_after_another_has_it_and_again() {
    let lock = fresh();
    let mine = Arc::new(lock.join());
    let (granted, grants) = mpsc::channel();
    let mut waiter = Waiter::new(move |id| granted.send(id).unwrap());
    acquire(&lock.0).unwrap();
    waiter.want(7, &mine).unwrap();
    assert!(grants.recv_timeout(Duration::from_millis(30)).is_err());
    lock.0.release();
    for _ in 0..3 {
        assert_eq!(grants.recv_timeout(LONG), Ok(7));
        assert_eq!(waiter.take(&mine).unwrap(), CLEAN);
        assert_eq!(lock.0.try_acquire().unwrap(), None);
        mine.release();
    }
    assert_eq!(grants.recv_timeout(LONG), Ok(7));
    waiter.unwant(7, &mine);
    assert_eq!(waiter.take(&mine).unwrap(), None);
    assert_eq!(acquire(&lock.0), CLEAN);
}

#[test]
fn a_waiter_waits_for_many_locks_at_once() {
    let locks: Vec<_> = (0..200).map(|_| fresh()).collect();
    let mine: Vec<_> = locks.iter().map(|lock| Arc::new(lock.join())).collect();
    let (granted, grants) = mpsc::channel();
    let mut waiter = Waiter::new(move |id| granted.send(id).unwrap());
    for (id, (lock, mine)) in (0..200).zip(locks.iter().zip(&mine)) {
        acquire(&lock.0).unwrap();
        waiter.want(id, mine).unwrap();
    }
    for (id, (lock, mine)) in (0..200).zip(locks.iter().zip(&mine)).rev() {
        lock.0.release();
        assert_eq!(grants.recv_timeout(LONG), Ok(id));
        assert_eq!(waiter.take(mine).unwrap(), CLEAN);
        waiter.unwant(id, mine);
    }
}

#[test]
fn a_waiter_finds_that_the_holder_died() {
    let lock = fresh();
    let mine = Arc::new(lock.join());
    let (granted, grants) = mpsc::channel();
    let mut waiter = Waiter::new(move |id| granted.send(id).unwrap());
    acquire(&lock.0).unwrap();
    waiter.want(1, &mine).unwrap();
    lock.0.give_up();
    assert_eq!(grants.recv_timeout(LONG), Ok(1));
    assert_eq!(waiter.take(&mine).unwrap(), RECOVERED);
}

#[test]
fn a_waiter_that_ends_leaves_the_lock_to_others() {
    let lock = fresh();
    let mine = Arc::new(lock.join());
    let (granted, grants) = mpsc::channel();
    let mut waiter = Waiter::new(move |id| granted.send(id).unwrap());
    waiter.want(1, &mine).unwrap();
    assert_eq!(grants.recv_timeout(LONG), Ok(1));
    drop(waiter);
    assert_eq!(acquire(&lock.0), CLEAN);
}

#[test]
fn acquire_takes_over_the_lock_that_its_waiter_has_acquired() {
    let lock = fresh();
    let mine = Arc::new(lock.join());
    let (granted, grants) = mpsc::channel();
    let mut waiter = Waiter::new(move |id| granted.send(id).unwrap());
    waiter.want(1, &mine).unwrap();
    assert_eq!(grants.recv_timeout(LONG), Ok(1));
    assert_eq!(mine.try_acquire().unwrap(), None);
    assert_eq!(acquire(&mine), CLEAN);
    assert_eq!(waiter.take(&mine).unwrap(), None);
    mine.release();
    assert_eq!(grants.recv_timeout(LONG), Ok(1));
    assert_eq!(waiter.take(&mine).unwrap(), CLEAN);
}

#[test]
fn slices_grow_from_half_a_millisecond_to_twenty() {
    assert_eq!(algorithm::slice(Duration::ZERO), Duration::from_micros(500));
    assert_eq!(algorithm::slice(Duration::from_millis(160)), Duration::from_millis(10));
    assert_eq!(algorithm::slice(LONG), Duration::from_millis(20));
}

/// Registers `lock` as having waited for two milliseconds, and does nothing more, as a stopped process would.
fn wait_and_stop(lock: &Lock) {
    let mut state = lock.state();
    let seat = state.seat.clone().unwrap();
    let shared = Shared { words: lock.words().unwrap(), seat: &seat };
    assert!(matches!(state.turn.attempt(&shared, Duration::from_millis(2)), Attempt::Busy(_)));
}

#[test]
fn a_lock_is_reserved_for_a_waiter_and_kept_from_those_that_try() {
    // After 100 ms it is no longer reserved, so a round says nothing if this thread was stopped for that long.
    loop {
        let lock = fresh();
        let (waiter, other) = (lock.join(), lock.join());
        acquire(&lock.0).unwrap();
        wait_and_stop(&waiter);
        let start = Instant::now();
        lock.0.release();
        let others = [other.try_acquire().unwrap(), other.acquire(Duration::ZERO).unwrap()];
        if start.elapsed() > Duration::from_millis(90) {
            continue;
        }
        assert_eq!(others, [None, None]);
        assert_eq!(waiter.try_acquire().unwrap(), CLEAN);
        waiter.release();
        assert_eq!(other.try_acquire().unwrap(), CLEAN);
        return;
    }
}

#[test]
fn a_waiter_that_is_stopped_delays_others_once() {
    let lock = fresh();
    let (stopped, other) = (lock.join(), lock.join());
    acquire(&lock.0).unwrap();
    wait_and_stop(&stopped);
    lock.0.release();
    assert_eq!(acquire(&other), CLEAN);
    other.release();
    assert_eq!(lock.0.try_acquire().unwrap(), CLEAN);
    lock.0.release();
    // It continues where it was.
    assert_eq!(acquire(&stopped), CLEAN);
}

#[test]
fn a_waiter_that_dies_delays_no_other() {
    let lock = fresh();
    let (dead, other) = (lock.join(), lock.join());
    acquire(&lock.0).unwrap();
    wait_and_stop(&dead);
    dead.give_up();
    lock.0.release();
    assert_eq!(other.try_acquire().unwrap(), CLEAN);
}

#[test]
fn the_oldest_waiter_is_first_and_more_waiters_than_places_are_all_served() {
    let lock = fresh();
    acquire(&lock.0).unwrap();
    let waiters: Vec<_> = (0..40).map(|_| lock.join()).collect();
    thread::scope(|scope| {
        let acquire_once = |waiter| {
            assert_eq!(acquire(waiter), CLEAN);
            assert!(waiter.release());
        };
        let threads: Vec<_> = waiters.iter().map(|waiter| scope.spawn(move || acquire_once(waiter))).collect();
        lock.0.release();
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert_eq!(acquire(&lock.0), CLEAN);
}

#[test]
fn a_try_recovers_a_dead_holders_lock() {
    let lock = fresh();
    for timeout in [None, Some(Duration::ZERO)] {
        let victim = lock.join();
        acquire(&victim).unwrap();
        victim.give_up();
        let taken = timeout.map_or_else(|| lock.0.try_acquire(), |timeout| lock.0.acquire(timeout));
        assert_eq!(taken.unwrap(), RECOVERED);
        lock.0.release();
    }
}

#[test]
fn a_panic_ends_neither_the_waiters_thread_nor_other_waits() {
    let lock = fresh();
    let mine = Arc::new(lock.join());
    let (granted, grants) = mpsc::channel();
    let is_first = AtomicBool::new(true);
    let mut waiter = Waiter::new(move |id| {
        granted.send(id).unwrap();
        assert!(!is_first.swap(false, SeqCst), "a panic on purpose");
    });
    waiter.want(1, &mine).unwrap();
    for _ in 0..2 {
        assert_eq!(grants.recv_timeout(LONG), Ok(1));
        assert_eq!(waiter.take(&mine).unwrap(), CLEAN);
        mine.release();
    }
}

#[test]
fn an_alarm_rings_once_and_one_that_was_taken_back_does_not() {
    let (rang, rings) = mpsc::channel();
    let mut waiter = Waiter::new(move |id| rang.send(id).unwrap());
    waiter.alarm(1, Duration::MAX).unwrap();
    // Long enough that it is taken back in time on a busy machine.
    let time = Duration::from_secs(1);
    waiter.alarm(2, time).unwrap();
    waiter.silence(2);
    waiter.alarm(3, time + Duration::from_millis(20)).unwrap();
    assert_eq!(rings.recv_timeout(LONG), Ok(3));
    drop(waiter);
    assert!(rings.recv().is_err());
}

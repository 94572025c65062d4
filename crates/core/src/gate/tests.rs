use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use super::*;
use crate::layout::gate::{Words, at, entry};

fn create(purpose: Purpose, limit: u32) -> Gate {
    Gate::create(&GateOptions::of(purpose, limit), &CreateOptions::default()).unwrap()
}

fn attach(gate: &Gate) -> Gate {
    Gate::attach(gate.name(), gate.header().purpose, AttachOptions::default()).unwrap()
}

fn wait(gate: &Gate, want: Want, timeout: Duration) -> Waited {
    let mut waited = gate.wait(want, timeout, true).unwrap();
    while waited == Waited::Again {
        waited = gate.wait(want, timeout, false).unwrap();
    }
    waited
}

const LONG: Duration = Duration::from_secs(20);
const READY: Waited = Waited::Ready { recovered: false };

#[test]
fn permits_are_taken_and_given_back() {
    let gate = create(Purpose::Semaphore, 2);
    let other = attach(&gate);
    assert_eq!(gate.try_take(Want::Permit).unwrap(), Some(false));
    assert_eq!(other.try_take(Want::Permit).unwrap(), Some(false));
    assert_eq!(gate.try_take(Want::Permit).unwrap(), None);
    assert_eq!(wait(&gate, Want::Permit, Duration::from_millis(5)), Waited::TimedOut);
    assert!(other.give(Want::Permit).unwrap());
    assert!(!other.give(Want::Permit).unwrap(), "it holds none");
    assert_eq!(wait(&gate, Want::Permit, LONG), READY);
    gate.dispose().unwrap();
}

#[test]
fn a_participant_that_is_abandoned_is_dead_for_the_others() {
    let gate = create(Purpose::Semaphore, 1);
    let other = attach(&gate);
    assert_eq!(other.try_take(Want::Permit).unwrap(), Some(false));
    other.abandon();
    assert_eq!(wait(&gate, Want::Permit, LONG), Waited::Ready { recovered: true });
    gate.give(Want::Permit).unwrap();
    let closing = attach(&gate);
    closing.try_take(Want::Permit).unwrap();
    closing.close();
    assert_eq!(gate.try_take(Want::Permit).unwrap(), Some(false), "closed in good order");
    gate.dispose().unwrap();
}

#[test]
fn threads_hold_no_more_permits_than_there_are() {
    let gate = create(Purpose::Semaphore, 2);
    let inside = std::sync::atomic::AtomicU32::new(0);
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| {
            scope.spawn(|| {
                let own = attach(&gate);
                for _ in 0..300 {
                    assert_eq!(wait(&own, Want::Permit, LONG), READY);
                    assert!(inside.fetch_add(1, SeqCst) < 2);
                    thread::yield_now();
                    inside.fetch_sub(1, SeqCst);
                    assert!(own.give(Want::Permit).unwrap());
                }
                own.close();
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
    gate.dispose().unwrap();
}

#[test]
fn no_words_of_an_untrusted_writer_make_a_participant_misbehave() {
    for purpose in [Purpose::Semaphore, Purpose::RwLock, Purpose::Barrier, Purpose::Condition, Purpose::Event] {
        for garbage in [1, 0xFFFF, u32::MAX, 1 << 31, 0x0101_0101] {
            let gate = create(purpose, 2);
            let words = Words::new(gate.mapping().bytes().unwrap()).unwrap();
            for word in [at::TAKEN, at::WRITER, at::DIED, at::PHASE, at::BROKEN, at::WAITING, at::TOP] {
                words.word(word).store(garbage, SeqCst);
            }
            for seat in [1, 2, 500, SEATS - 1] {
                for field in [entry::STATE, entry::SINCE, entry::HELD, entry::MARK] {
                    words.entry(seat, field).store(garbage, SeqCst);
                }
            }
            for want in [Want::Permit, Want::Read, Want::Write, Want::Change(garbage)] {
                // Any answer is right.
                let _ = gate.try_take(want).unwrap();
                let _ = wait(&gate, want, Duration::from_millis(1));
                let _ = gate.arm(want).unwrap();
                let _ = gate.give(want).unwrap();
            }
            assert!(gate.rest().unwrap());
            let _ = gate.arrive().unwrap();
            let _ = gate.outcome(garbage).unwrap();
            gate.set(true).unwrap();
            gate.notify(3).unwrap();
            gate.mend().unwrap();
            let other = attach(&gate);
            other.close();
            gate.dispose().unwrap();
        }
    }
}

#[test]
fn a_guard_that_names_a_participant_that_does_not_exist_is_recovered() {
    let gate = create(Purpose::Semaphore, 1);
    let words = Words::new(gate.mapping().bytes().unwrap()).unwrap();
    for garbage in [700, u32::from(gate.seat()), u32::MAX] {
        words.word(at::GUARD).store(garbage, SeqCst);
        assert_eq!(gate.try_take(Want::Permit).unwrap(), Some(false), "{garbage}");
        assert!(gate.give(Want::Permit).unwrap());
    }
    gate.dispose().unwrap();
}

#[test]
fn a_participant_that_does_not_block_waits_50_ms_for_a_guard_that_another_keeps() {
    let gate = create(Purpose::Semaphore, 1);
    let other = attach(&gate);
    let words = Words::new(gate.mapping().bytes().unwrap()).unwrap();
    words.word(at::GUARD).store(other.seat().into(), SeqCst);
    assert_eq!(gate.try_take(Want::Permit).unwrap(), None);
    assert!(!gate.arm(Want::Permit).unwrap());
    assert!(!gate.rest().unwrap());
    words.word(at::GUARD).store(0, SeqCst);
    assert!(gate.arm(Want::Permit).unwrap(), "a permit is free");
    assert!(gate.rest().unwrap());
    other.close();
    gate.dispose().unwrap();
}

/// Time in which a participant does not run tells nothing about the holder of the guard: a container that is paused, and a
/// machine that sleeps, stop both.
#[test]
#[cfg(backend = "unix")]
fn a_participant_that_was_frozen_while_it_waited_for_the_guard_goes_on_waiting() {
    let gate = create(Purpose::Barrier, 2);
    let words = Words::new(gate.mapping().bytes().unwrap()).unwrap();
    let child = gate
        .with(|_, _| {
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact", "gate::tests::child_that_attaches"])
                .env(NAME, gate.name().as_str())
                .spawn()
                .unwrap();
            // A waiter sets a flag beside the number of the holder.
            while words.word(at::GUARD).load(SeqCst) == u32::from(gate.seat()) {
                thread::sleep(Duration::from_millis(1));
            }
            signal(&child, "STOP");
            thread::sleep(Duration::from_millis(5500));
            signal(&child, "CONT");
            // So that it looks at the guard again while that is not free.
            thread::sleep(Duration::from_millis(300));
            Ok((child, Calls::default()))
        })
        .unwrap();
    assert!({ child }.wait().unwrap().success());
    gate.dispose().unwrap();
}

/// By the shell, because only `sys` calls the system.
#[cfg(backend = "unix")]
fn signal(child: &std::process::Child, name: &str) {
    let command = format!("kill -{name} {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

#[cfg(backend = "unix")]
const NAME: &str = "SHAREABLE_TEST_GATE";

#[test]
#[cfg(backend = "unix")]
#[ignore = "what another test starts"]
fn child_that_attaches() {
    let name = Name::new(&std::env::var(NAME).unwrap()).unwrap();
    Gate::attach(&name, Purpose::Barrier, AttachOptions::default()).unwrap().close();
}

#[test]
fn the_latest_value_is_read_whole() {
    let options = GateOptions { capacity: 100, first: b"one", ..GateOptions::of(Purpose::Value, 0) };
    let gate = Gate::create(&options, &CreateOptions::default()).unwrap();
    let other = attach(&gate);
    let mut target = [0; 100];
    assert_eq!(other.read(&mut target).unwrap(), (1.0, 3));
    assert_eq!(gate.write(b"three").unwrap(), Some(2.0));
    assert_eq!(other.read(&mut target).unwrap(), (2.0, 5));
    assert_eq!(&target[..5], b"three");
    assert_eq!(other.read(&mut target[..4]).unwrap().1, 5);
    assert_eq!(other.try_take(Want::Write).unwrap(), Some(false));
    assert_eq!(gate.write(b"no").unwrap(), None);
    other.abandon();
    assert_eq!(wait(&gate, Want::Write, LONG), READY);
    assert_eq!(gate.write(b"yes").unwrap(), Some(3.0));
    gate.dispose().unwrap();
}

#[test]
fn a_gate_of_another_kind_and_a_wrong_limit_are_refused() {
    let gate = create(Purpose::Event, 0);
    let wrong = Gate::attach(gate.name(), Purpose::Barrier, AttachOptions::default()).unwrap_err();
    assert_eq!(wrong.kind(), Kind::Layout);
    assert_eq!(wrong.segment(), Some(gate.name().as_str()));
    gate.dispose().unwrap();
    let none = Gate::create(&GateOptions::of(Purpose::Semaphore, 0), &CreateOptions::default());
    assert_eq!(none.unwrap_err().kind(), Kind::Layout);
}

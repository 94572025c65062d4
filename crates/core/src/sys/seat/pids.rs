//! Seats in a table in the lock's own segment: each contains the number of its process and a digest of that process's
//! start time. The participants need not have the same folder, environment variable or user.
//!
//! A participant takes a seat by one compare-and-swap of its entry, from free or from a process that has ended. A process
//! cannot take part if the system does not tell it whether another participant has ended. If the system stops to tell that
//! later, the other counts as alive: a lock whose holder cannot be examined is never recovered.
//!
//! ```text
//! table  = identifier:u64 numbering:u64 entry[1..=1000]     at byte 512 of the lock's segment
//! entry  = 0, or digest:u32 pid:u32
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

use super::Seating;
use crate::sys::birth::{Life, life_of, numbering};
use crate::sys::fault;
use crate::sys::memory::{Mapping, Region as _, attach_within};
use crate::{Access, Error, Foreign, Identity, Kind, Name, Result, SharedBytes};

/// The offset of the table in a lock's segment.
pub(crate) const TABLE: Option<Range<usize>> = Some(BYTES);

const BYTES: Range<usize> = START..START + (FIRST + SEATS as usize) * size_of::<u64>();

const START: usize = 512;

/// The number of seats of a lock.
const SEATS: u16 = 1000;

/// The number of words before the entries. Seats are numbered from 1.
const FIRST: usize = 2;

/// How long to wait until a new lock's segment has its size.
const PATIENCE: Duration = Duration::from_millis(200);

/// A seat: an entry that contains this process's value until the value drops.
#[derive(Debug)]
pub(crate) struct Seat {
    /// This seat's own mapping, which other parts of the lock cannot close.
    mapping: Mapping,
    number: u16,
    /// The value that this process writes into entries.
    own: u64,
    pid: u32,
    #[cfg(all(backend = "windows", not(backend = "portable")))]
    watched: super::death::Watched,
}

impl Seating for Seat {
    fn take(name: &Name, identity: Identity, identifier: u64, first: u16) -> Result<Self> {
        // The caller is attached already, and has decided whether it trusts the segment's user.
        let (mapping, found) = attach_within(name, Access::ReadWrite, Foreign::Allow, PATIENCE)?;
        if found.device != 0 && found != identity {
            return Err(fault::not_found(name));
        }
        let pid = process::id();
        let (Life::Since(start), Some(numbering)) = (life_of(pid), numbering()) else {
            return Err(refused(name, "the system does not report when this process started"));
        };
        let own = entry(pid, start);
        let table =
            table(&mapping).ok_or_else(|| Error::layout(format!("segment '{name}' has no room for participants")))?;
        // Where segments have no identities, the lock's number distinguishes it from a later one of the same name.
        if !is_or_becomes(&table[0], identifier) {
            return Err(fault::not_found(name));
        }
        if !is_or_becomes(&table[1], numbering) {
            return Err(refused(name, "its other participants are in another process namespace"));
        }
        let mut lives = Lives::default();
        if let Some(pid) = unexaminable(table, &mut lives) {
            return Err(refused(
                name,
                &format!("the system does not report whether its participant, process {pid}, lives"),
            ));
        }
        for number in seats_from((first % (SEATS + 1)).max(1)) {
            if claim(&table[at(number)], own, &mut lives) {
                return Ok(Self {
                    mapping,
                    number,
                    own,
                    pid,
                    #[cfg(all(backend = "windows", not(backend = "portable")))]
                    watched: super::death::Watched::default(),
                });
            }
        }
        Err(Error::new(Kind::System, format!("segment '{name}' has {SEATS} participants, and no room for more"))
            .on_segment(name.as_str()))
    }

    fn number(&self) -> u16 {
        self.number
    }

    fn in_other<T>(&self, number: u16, f: impl FnOnce() -> T) -> Option<T> {
        // A number beyond the table was written by an untrusted writer. No process can have that seat.
        if number == 0 || number > SEATS {
            return Some(f());
        }
        let entry = table(&self.mapping)?.get(at(number))?;
        if !claim(entry, self.own, &mut Lives::default()) {
            return None;
        }
        let result = f();
        // Fails when an untrusted writer has changed the entry, which then no longer belongs to this process.
        let _ = entry.compare_exchange(self.own, 0, AcqRel, Relaxed);
        Some(result)
    }

    #[cfg(all(backend = "windows", not(backend = "portable")))]
    fn death_of(&self, number: u16) -> Option<super::Death> {
        if number == 0 || number > SEATS {
            return None;
        }
        let seen = table(&self.mapping)?.get(at(number))?.load(Acquire);
        if seen == 0 || seen == self.own {
            return None;
        }
        let pid = pid_of(seen);
        self.watched.of(seen, || crate::sys::birth::open_living(pid, |start| entry(pid, start) == seen))
    }

    /// The table is removed with the segment.
    fn unlinked(&self) {}

    /// No process could receive it.
    fn ring(&self) {}

    /// Not available on these systems.
    fn bell(&self) -> Option<i32> {
        None
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // A child of fork(2) has a copy of the value, but its parent has the seat.
        if process::id() == self.pid
            && let Some(table) = table(&self.mapping)
        {
            let _ = table[at(self.number)].compare_exchange(self.own, 0, Release, Relaxed);
        }
    }
}

/// Returns all seats, from `first` on and then from the beginning.
fn seats_from(first: u16) -> impl Iterator<Item = u16> {
    (first..=SEATS).chain(1..first)
}

fn at(number: u16) -> usize {
    FIRST - 1 + usize::from(number)
}

/// Returns the table; `None` when the segment is too small for it.
fn table(mapping: &Mapping) -> Option<&[AtomicU64]> {
    // SAFETY: the contract of `Region`: `len` bytes at a page-aligned start are mapped, readable and writable, until
    // the mapping drops, which the borrow prevents. This crate accesses them only atomically.
    let bytes = unsafe { SharedBytes::new(mapping.start(), mapping.len()) };
    bytes.words(BYTES)
}

/// Returns the value that a process writes into the entries of its seats. Never 0.
fn entry(pid: u32, start: u64) -> u64 {
    // Mixes the bits of a start time that change most into the whole digest.
    let digest = start.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    u64::from(pid) << 32 | digest.max(1)
}

fn pid_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

/// What the system has reported, during one call, about the processes that entries name. One process can have many seats,
/// and each question costs several system calls. By entries, not by numbers of processes: a process that ends later and
/// leaves its number to another one is at worst taken for a living one.
#[derive(Default)]
struct Lives(BTreeMap<u64, Life>);

impl Lives {
    fn of(&mut self, entry: u64) -> Life {
        *self.0.entry(entry).or_insert_with(|| life_of(pid_of(entry)))
    }

    /// Returns whether the process that has taken an entry has ended; `false` when that is unknown.
    fn has_ended(&mut self, entry: u64) -> bool {
        match self.of(entry) {
            Life::Since(start) => self::entry(pid_of(entry), start) != entry,
            Life::Over => true,
            Life::Unknown => false,
        }
    }
}

/// Returns a process that has a seat, and of which the system does not report whether it has ended.
fn unexaminable(table: &[AtomicU64], lives: &mut Lives) -> Option<u32> {
    let mut entries = table[FIRST..].iter().map(|entry| entry.load(Acquire)).filter(|&entry| entry != 0);
    entries.find(|&entry| lives.of(entry) == Life::Unknown).map(pid_of)
}

/// Takes an entry that is free or belongs to an ended process. Returns `false` when a process has it, or may have it.
fn claim(entry: &AtomicU64, own: u64, lives: &mut Lives) -> bool {
    let seen = entry.load(Acquire);
    (seen == 0 || seen != own && lives.has_ended(seen)) && entry.compare_exchange(seen, own, AcqRel, Relaxed).is_ok()
}

/// Returns whether the word has this value, and sets it if the word is 0.
fn is_or_becomes(word: &AtomicU64, value: u64) -> bool {
    word.compare_exchange(0, value, AcqRel, Acquire).is_ok() || word.load(Acquire) == value
}

fn refused(name: &Name, why: &str) -> Error {
    Error::new(
        Kind::Unsupported,
        format!("segment '{name}' cannot be used here: {why}, so a crashed participant could not be detected"),
    )
    .on_segment(name.as_str())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::process::{Child, Command, Stdio};

    use super::*;
    #[cfg(all(backend = "windows", not(backend = "portable")))]
    use crate::sys::birth::may_live;
    use crate::sys::memory::{create, unlink};
    use crate::{Lifetime, Memory, Umask};

    /// A segment with room for a table, until the value drops.
    struct Fresh {
        name: Name,
        mapping: Mapping,
        identity: Identity,
    }

    impl Fresh {
        fn new() -> Self {
            let name = Name::random().unwrap();
            let size = NonZeroUsize::new(BYTES.end).unwrap();
            let mode = (0o600, Umask::default());
            let (mapping, identity) =
                create(&name, size, mode, Lifetime::Detached, &Memory::default(), &mut |_, _| Ok(())).unwrap();
            Self { name, mapping, identity }
        }

        fn take(&self, first: u16) -> Result<Seat> {
            Seat::take(&self.name, self.identity, 7, first)
        }

        fn entry(&self, number: u16) -> &AtomicU64 {
            &table(&self.mapping).unwrap()[at(number)]
        }
    }

    impl Drop for Fresh {
        fn drop(&mut self) {
            let _ = unlink(&self.name, self.identity);
        }
    }

    /// Runs this program again, so that it waits for the end of its input. Returns it and its value in entries.
    fn another() -> (Child, u64) {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "sys::seat::pids::tests::child_that_waits"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let Life::Since(start) = life_of(child.id()) else { panic!("the system says when a child started") };
        let entry = entry(child.id(), start);
        (child, entry)
    }

    #[test]
    #[ignore = "what the other tests start"]
    fn child_that_waits() {
        let _ = std::io::stdin().read_line(&mut String::new());
    }

    #[test]
    fn seats_differ_and_are_free_after_the_drop() {
        let fresh = Fresh::new();
        let one = fresh.take(5).unwrap();
        let other = fresh.take(5).unwrap();
        assert_ne!(one.number(), other.number());
        assert_eq!(one.in_other(other.number(), || ()), None);
        let number = other.number();
        drop(other);
        assert_eq!(fresh.entry(number).load(Acquire), 0);
        assert_eq!(one.in_other(number, || ()), Some(()));
        assert_eq!(fresh.entry(number).load(Acquire), 0);
    }

    #[test]
    fn the_seat_of_a_process_is_free_when_it_has_ended() {
        let fresh = Fresh::new();
        let seat = fresh.take(1).unwrap();
        let (mut child, theirs) = another();
        fresh.entry(77).store(theirs, Release);
        assert_eq!(seat.in_other(77, || ()), None);
        assert_ne!(fresh.take(76).unwrap().number(), 77);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seat.in_other(77, || fresh.entry(77).load(Acquire)), Some(seat.own));
        assert_eq!(fresh.entry(77).load(Acquire), 0);
    }

    #[test]
    fn a_process_that_has_the_number_of_a_dead_one_is_not_taken_for_it() {
        let fresh = Fresh::new();
        let seat = fresh.take(1).unwrap();
        let (mut child, theirs) = another();
        fresh.entry(77).store(theirs ^ 1, Release);
        assert_eq!(seat.in_other(77, || ()), Some(()));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn participants_of_another_numbering_of_processes_are_refused() {
        let fresh = Fresh::new();
        table(&fresh.mapping).unwrap()[1].store(u64::MAX, Release);
        assert_eq!(fresh.take(1).unwrap_err().kind(), Kind::Unsupported);
    }

    #[test]
    fn a_segment_that_has_got_the_name_since_is_not_found() {
        let fresh = Fresh::new();
        let _seat = fresh.take(1).unwrap();
        assert_eq!(Seat::take(&fresh.name, fresh.identity, 8, 1).unwrap_err().kind(), Kind::NotFound);
    }

    #[test]
    fn the_last_seat_is_taken_and_then_none_is_left() {
        let fresh = Fresh::new();
        let seats: Vec<_> = (0..SEATS).map(|_| fresh.take(3).unwrap()).collect();
        let mut numbers: Vec<_> = seats.iter().map(Seat::number).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=SEATS));
        assert_eq!(fresh.take(3).unwrap_err().kind(), Kind::System);
    }

    #[test]
    #[cfg(all(backend = "windows", not(backend = "portable")))]
    fn a_sleeper_is_told_at_once_that_the_process_of_a_seat_has_ended() {
        use std::sync::atomic::AtomicU32;
        use std::thread;
        use std::time::Instant;

        use crate::sys::seat::wait_or_death;

        const LONG: Duration = Duration::from_mins(1);

        let fresh = Fresh::new();
        let seat = fresh.take(1).unwrap();
        let (mut child, theirs) = another();
        let number = 77;
        assert!(seat.death_of(number).is_none(), "nobody has the seat");
        assert!(seat.death_of(seat.number()).is_none(), "a process does not wait for its own end");
        fresh.entry(number).store(theirs ^ 1, Release);
        assert!(seat.death_of(number).is_none(), "another process had the number");
        fresh.entry(number).store(theirs, Release);
        let deaths = [seat.death_of(number).unwrap(), seat.death_of(number).unwrap()];
        let word = AtomicU32::new(0);
        assert!(!wait_or_death(&[(&word, 0)], &deaths, Duration::from_millis(5)), "the time is over");
        super::super::wake_one(&word);
        assert!(wait_or_death(&[(&word, 0)], &deaths, LONG), "a wake-up is told from a death");
        let start = Instant::now();
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| wait_or_death(&[(&word, 0)], &deaths, LONG));
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(!sleeper.join().unwrap());
        });
        assert!(start.elapsed() < LONG);
        assert_eq!(seat.in_other(number, || ()), Some(()));
        assert!(seat.death_of(number).is_none(), "the seat is free");
    }

    /// An elevated process refuses others as this one does.
    #[test]
    #[cfg(all(backend = "windows", not(backend = "portable")))]
    fn a_participant_that_refuses_to_be_opened_is_alive() {
        use std::thread;
        use std::time::Instant;

        use crate::sys::access_list::tests::refuse_all;

        const LONG: Duration = Duration::from_mins(1);

        let fresh = Fresh::new();
        let seat = fresh.take(1).unwrap();
        let (mut child, theirs) = another();
        let number = 77;
        fresh.entry(number).store(theirs, Release);
        refuse_all(&child);
        assert_eq!(life_of(child.id()), Life::Unknown, "the system asks for the access list of a process");
        assert!(may_live(child.id(), 1));
        assert_eq!(seat.in_other(number, || ()), None);
        assert!(seat.death_of(number).is_none());
        assert_eq!(fresh.take(1).unwrap_err().kind(), Kind::Unsupported);
        child.kill().unwrap();
        child.wait().unwrap();
        // An ended process refuses too, and has its number until the last handle of it is closed.
        assert_eq!(life_of(child.id()), Life::Unknown);
        assert_eq!(seat.in_other(number, || ()), None);
        drop(child);
        // The system has handles of its own, and closes them soon after: nothing reports that.
        let start = Instant::now();
        while seat.in_other(number, || ()).is_none() {
            assert!(start.elapsed() < LONG, "no process has the number any more");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(fresh.entry(number).load(Acquire), 0);
        assert!(fresh.take(number).is_ok(), "the seat of the ended process refuses nobody");
    }

    #[test]
    fn any_entry_of_an_untrusted_writer_is_survived() {
        let fresh = Fresh::new();
        let seat = fresh.take(1).unwrap();
        for garbage in [1, u64::MAX, 1 << 32, u64::from(u32::MAX) << 32, seat.own ^ 1] {
            fresh.entry(9).store(garbage, Release);
            // Both are right: the number may happen to belong to a process that this one may not examine.
            let _ = seat.in_other(9, || ());
        }
        for number in [0, SEATS + 1, u16::MAX] {
            assert_eq!(seat.in_other(number, || ()), Some(()));
        }
    }
}

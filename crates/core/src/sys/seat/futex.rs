//! Linux: seats are byte-range locks on the segment's own file, and sleep is the kernel's futex.

use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::thread::{ClockId, futex};

use super::Seating;
use crate::sys::fault;
use crate::sys::memory::{failed, os};
use crate::{Access, Error, Identity, Kind, Name, Result};

/// The offset of the bytes that represent seats: far past the end of any segment, because a lock does not need existing
/// bytes.
const FIRST: i64 = 1 << 40;

/// The part of a lock's segment that holds seats: none on Linux.
pub(crate) const TABLE: Option<Range<usize>> = None;

/// Seats are numbered from 1 to this.
const MAX_SEAT: u16 = u16::MAX;

/// Returns all seats, from `first` on and then from the beginning.
fn seats_from(first: u16) -> impl Iterator<Item = u16> {
    (first.max(1)..=MAX_SEAT).chain(1..first)
}

/// The maximum number of words of one futex_waitv.
const WAITV_MAX: usize = 128;

/// A seat: a lock of an open file description, fcntl(2) `F_OFD_SETLK`. The kernel drops it when the last descriptor
/// closes, which is when this value drops or the process ends in any way, but not when the process is stopped.
#[derive(Debug)]
pub(crate) struct Seat {
    file: OwnedFd,
    number: u16,
}

impl Seating for Seat {
    /// Each call opens the file again, to get its own description.
    fn take(name: &Name, identity: Identity, _identifier: u64, first: u16) -> Result<Self> {
        let file = os::open(name, Access::ReadWrite).map_err(|errno| failed("open", errno, name))?;
        let stat = fstat(&file).map_err(|errno| failed("fstat", errno, name))?;
        if os::identity(&stat) != identity {
            return Err(fault::not_found(name));
        }
        for number in seats_from(first) {
            match set(file.as_fd(), number, libc::F_WRLCK) {
                Ok(()) => return Ok(Self { file, number }),
                Err(Errno::AGAIN | Errno::ACCESS) => {}
                Err(errno) => return Err(failed("fcntl", errno, name)),
            }
        }
        Err(Error::new(Kind::System, format!("lock '{name}' has {MAX_SEAT} participants, and no room for more"))
            .on_segment(name.as_str()))
    }

    fn number(&self) -> u16 {
        self.number
    }

    fn in_other<T>(&self, number: u16, f: impl FnOnce() -> T) -> Option<T> {
        set(self.file.as_fd(), number, libc::F_WRLCK).ok()?;
        let result = f();
        // Cannot fail: this participant has the byte. If it did, the seat would be lost until this value drops.
        let _ = set(self.file.as_fd(), number, libc::F_UNLCK);
        Some(result)
    }

    /// A seat leaves nothing behind except what ends with the file.
    fn unlinked(&self) {}

    /// Changes both times of the file, which inotify(7) reports as IN_ATTRIB; for the access time alone it reports
    /// IN_ACCESS, which Node.js does not watch for. The modification time may be the mark by which a sweep recognizes the
    /// file, so it gets the value that it has.
    fn ring(&self) {
        let Ok(stat) = rustix::fs::fstat(&self.file) else { return };
        let last_access = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        #[allow(
            clippy::cast_possible_wrap,
            clippy::unnecessary_cast,
            reason = "the widths differ between architectures"
        )]
        let last_modification = Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ };
        // Fails for users that do not own the file; sleepers check again after a while by themselves.
        let _ = rustix::fs::futimens(&self.file, &rustix::fs::Timestamps { last_access, last_modification });
    }

    fn bell(&self) -> Option<i32> {
        Some(self.file.as_raw_fd())
    }
}

/// Locks or unlocks the byte of a seat, without waiting.
fn set(file: BorrowedFd<'_>, number: u16, kind: i32) -> Result<(), Errno> {
    // SAFETY: all zeros are a valid `flock`, a struct of integers.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    #[expect(clippy::cast_possible_truncation, reason = "the constants fit the field")]
    let (kind, whence) = (kind as i16, libc::SEEK_SET as i16);
    (range.l_type, range.l_whence, range.l_start, range.l_len) = (kind, whence, FIRST + i64::from(number), 1);
    // SAFETY: F_OFD_SETLK reads the struct, which lives through the call and whose l_pid is 0 as required; the
    // descriptor is open.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, ptr::from_ref(&range)) } {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}

pub(crate) fn wait(words: &[(&AtomicU32, u32)], timeout: Duration) -> bool {
    let waited = match *words {
        [(word, seen)] => futex::wait(word, futex::Flags::empty(), seen, Some(&timespec(timeout))),
        _ => wait_any(words, timeout),
    };
    match waited {
        // A changed word (AGAIN) and a signal are reasons to check again, like a wake-up.
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => true,
        Err(Errno::TIMEDOUT) => false,
        // A kernel before 5.16 or a filter of system calls, without futex_waitv; or a word that is no longer mapped.
        Err(_) => {
            thread::sleep(timeout.min(Duration::from_millis(1)));
            words.iter().any(|(word, seen)| word.load(std::sync::atomic::Ordering::Relaxed) != *seen)
        }
    }
}

fn wait_any(words: &[(&AtomicU32, u32)], timeout: Duration) -> Result<(), Errno> {
    let futexes: Vec<_> = words
        .iter()
        .take(WAITV_MAX)
        .map(|&(word, seen)| {
            let mut wait = futex::Wait::new();
            wait.val = u64::from(seen);
            wait.uaddr = futex::WaitPtr::new(word.as_ptr().cast());
            wait.flags = futex::WaitFlags::SIZE_U32;
            wait
        })
        .collect();
    let end = clock().checked_add(timeout).map(timespec);
    futex::waitv(&futexes, futex::WaitvFlags::empty(), end.as_ref(), ClockId::Monotonic).map(drop)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), tv_nsec: duration.subsec_nanos().into() }
}

pub(crate) fn clock() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // By libc, because the way in which rustix finds the vDSO crashes under valgrind, which counts the core's instructions.
    // SAFETY: the pointer is to a value of that type, which lives through the call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    debug_assert_eq!(status, 0, "every Linux has this clock");
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs().try_into().unwrap_or(0))
}

/// Not private to the process, so that other processes wake.
pub(crate) fn wake_one(word: &AtomicU32) -> bool {
    futex::wake(word, futex::Flags::empty(), 1).is_ok_and(|woken| woken > 0)
}

/// Not private to the process, so that other processes wake.
pub(crate) fn wake_all(word: &AtomicU32) {
    // No thread sleeps, or the word is no longer mapped: there is nothing to wake.
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX.unsigned_abs());
}

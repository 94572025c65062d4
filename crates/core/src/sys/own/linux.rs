//! Linux: a page that the kernel fills with zeros in every child, madvise(2) MADV_WIPEONFORK. Zeros mean "not known", so
//! a child asks the system again instead of using what its parent has.

use std::ptr;
use std::sync::LazyLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::Result;

/// The random numbers that one call of the system supplies. A larger number makes that call longer and no cheaper per
/// number.
const NUMBERS: usize = 128;

/// The contents of the page. All zeros is a valid value, in which nothing is known.
#[derive(Debug)]
struct Page {
    /// 0 when it is not known.
    pid: AtomicU32,
    /// The number of random numbers that were taken.
    taken: AtomicUsize,
    /// Two words per random number, each 0 once it was taken.
    random: [[AtomicU64; 2]; NUMBERS],
}

/// `None` where the kernel cannot wipe pages: before 4.14, and in emulators.
static PAGE: LazyLock<Option<&'static Page>> = LazyLock::new(|| {
    let len = rustix::param::page_size();
    debug_assert!(size_of::<Page>() <= len);
    // SAFETY: the system picks addresses that are free.
    let start =
        unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }.ok()?;
    // SAFETY: the range was mapped above, and nothing uses it yet.
    if unsafe { madvise(start, len, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: as above.
        let _ = unsafe { munmap(start, len) };
        return None;
    }
    // SAFETY: the page is mapped for the rest of the process, large enough, aligned, and zeros, which are a valid `Page`.
    // Its fields are atomic, and the kernel wipes them only in a child, before that runs.
    Some(unsafe { &*start.cast::<Page>() })
});

pub(in crate::sys) fn process_id() -> u32 {
    let Some(page) = *PAGE else { return std::process::id() };
    match page.pid.load(Relaxed) {
        0 => {
            let pid = std::process::id();
            page.pid.store(pid, Relaxed);
            pid
        }
        pid => pid,
    }
}

pub(in crate::sys) fn random_bits() -> Result<u128> {
    if let Some(page) = *PAGE {
        let place = page.taken.fetch_add(1, Acquire);
        if let Some(words) = page.random.get(place) {
            // Each word is taken once, whatever other threads do. A zero was never filled, or a slow thread took it.
            let [low, high] = [words[0].swap(0, Relaxed), words[1].swap(0, Relaxed)];
            if low != 0 && high != 0 {
                return Ok(u128::from(high) << 64 | u128::from(low));
            }
        } else if place == NUMBERS {
            // Only one thread gets here until it starts the count again.
            refill(page)?;
        }
    }
    super::fresh_bits()
}

fn refill(page: &Page) -> Result<()> {
    let mut bytes = [0; NUMBERS * size_of::<u128>()];
    let filled = super::fill(&mut bytes);
    if filled.is_ok() {
        for (word, bytes) in page.random.as_flattened().iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
    }
    // After a failure, the next calls find zeros and ask the system.
    page.taken.store(0, Release);
    filled
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn the_process_has_the_number_that_the_system_gives_it() {
        assert_eq!([process_id(), process_id()], [std::process::id(); 2]);
    }

    #[test]
    fn no_random_number_comes_twice_also_when_threads_take_them_at_the_same_time() {
        let take = || (0..10 * NUMBERS).map(|_| random_bits().unwrap()).collect::<Vec<_>>();
        let threads = [(); 4].map(|()| std::thread::spawn(take));
        let numbers: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), 4 * 10 * NUMBERS);
    }

    #[test]
    fn a_child_of_fork_has_its_own_number_and_takes_none_of_its_parents_random_numbers() {
        // The second half comes from the page.
        let mut numbers: HashSet<_> = (0..NUMBERS + 2).map(|_| random_bits().unwrap()).collect();
        assert_ne!(process_id(), 0);
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        // SAFETY: the child makes only system calls and touches the page, and ends by _exit(2).
        let child = unsafe { libc::fork() };
        if child == 0 {
            let mut facts = [0; 24];
            facts[..8].copy_from_slice(&u64::from(process_id()).to_ne_bytes());
            facts[8..].copy_from_slice(&random_bits().unwrap_or(0).to_ne_bytes());
            let _ = writer.write_all(&facts);
            // SAFETY: ends the child without the test's handlers.
            unsafe { libc::_exit(0) };
        }
        let mut facts = [0; 24];
        reader.read_exact(&mut facts).unwrap();
        // SAFETY: waits for the child made above.
        unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
        assert_eq!(u64::from_ne_bytes(facts[..8].try_into().unwrap()), u64::from(child.cast_unsigned()));
        numbers.extend((0..4 * NUMBERS).map(|_| random_bits().unwrap()));
        let bits = u128::from_ne_bytes(facts[8..].try_into().unwrap());
        assert!(bits != 0 && !numbers.contains(&bits), "the child has a random number of its parent");
    }
}

//! Whether this process has room for one more mapping, and enough left for its runtime. An engine that cannot map
//! memory ends the process, so this module must refuse earlier.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use rustix::process::Resource;

use super::seldom::Seldom;

/// The resource that is nearly used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// `vm.max_map_count`.
    Mappings { used: usize, limit: usize },
    /// `RLIMIT_AS`, in bytes.
    Addresses { used: u64, limit: u64 },
}

/// Counts the mappings of segments in this process.
static OURS: AtomicUsize = AtomicUsize::new(0);

/// How many mappings there may be before the process's mappings are counted. Counting takes milliseconds when there are
/// many.
static CHECKED_UP_TO: AtomicUsize = AtomicUsize::new(1024);

/// The part of the mappings that is left to the rest of the process.
const SPARE_PART: usize = 16;

/// Bytes of address space that are left to the rest of the process; of a small limit, an eighth.
const SPARE_BYTES: u64 = 32 << 20;

/// One counted mapping.
#[derive(Debug)]
pub(super) struct Place(());

impl Place {
    /// Counts one more mapping, of `len` bytes, if there is room for it.
    pub(super) fn take(len: usize) -> Result<Self, Shortage> {
        check_addresses(len)?;
        let place = Self::take_unchecked();
        let ours = OURS.load(Relaxed);
        if ours > CHECKED_UP_TO.load(Relaxed) {
            // Half of the remaining mappings, because other code maps memory too.
            CHECKED_UP_TO.store(ours + mappings_left()? / 2, Relaxed);
        }
        Ok(place)
    }

    /// Counts one more mapping.
    pub(super) fn take_unchecked() -> Self {
        OURS.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        OURS.fetch_sub(1, Relaxed);
    }
}

/// Returns how many mappings this process may still add, without the spared ones.
fn mappings_left() -> Result<usize, Shortage> {
    let (Some(limit), Some(used)) = (read_number("/proc/sys/vm/max_map_count"), count_lines("/proc/self/maps")) else {
        // Only Linux has this limit, and only procfs shows it. Elsewhere the kernel must refuse.
        return Ok(usize::MAX / 2);
    };
    left(used, limit).ok_or(Shortage::Mappings { used, limit })
}

fn left(used: usize, limit: usize) -> Option<usize> {
    (limit - limit / SPARE_PART).checked_sub(used).filter(|&left| left > 0)
}

fn check_addresses(len: usize) -> Result<(), Shortage> {
    static UNLIMITED: Seldom = Seldom::new();
    let Some(limit) = UNLIMITED.limit(Resource::As) else { return Ok(()) };
    let Some(pages) = read_number("/proc/self/statm") else { return Ok(()) };
    let used = (pages * rustix::param::page_size()) as u64;
    let spare = SPARE_BYTES.min(limit / 8);
    if used.saturating_add(len as u64).saturating_add(spare) > limit {
        return Err(Shortage::Addresses { used, limit });
    }
    Ok(())
}

/// Returns the number at the start of a file of procfs.
fn read_number(path: &str) -> Option<usize> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn count_lines(path: &str) -> Option<usize> {
    let mut file = File::open(path).ok()?;
    let mut block = vec![0; 1 << 16];
    let mut lines = 0;
    loop {
        let read = file.read(&mut block).ok()?;
        if read == 0 {
            return Some(lines);
        }
        lines += block[..read].split(|&byte| byte == b'\n').count() - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixteenth_of_the_mappings_is_left_to_others() {
        assert_eq!(left(0, 1600), Some(1500));
        assert_eq!(left(1499, 1600), Some(1));
        assert_eq!(left(1500, 1600), None);
        assert_eq!(left(2000, 1600), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_mappings_of_this_process_are_counted() {
        assert!(count_lines("/proc/self/maps").is_some_and(|lines| lines > 10));
        assert!(mappings_left().is_ok_and(|left| left > 0 && left < usize::MAX / 2));
    }
}

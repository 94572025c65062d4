//! macOS: sysctl(3) with `KERN_PROC_PID`, which reports the processes of all users.

use std::ffi::c_int;
use std::ptr;

use super::Life;

/// The whole machine has one numbering.
const MACHINE: u64 = 1;

/// The part of `kinfo_proc` of `<sys/sysctl.h>` that is read, on 64-bit systems. It begins with `extern_proc` of
/// `<sys/proc.h>`, which begins with the start time.
#[repr(C)]
#[derive(Clone, Copy)]
struct Process {
    start_seconds: i64,
    start_microseconds: i32,
    /// Padding of a `timeval`, and two pointers of the kernel, as 32-bit words.
    unused: [u32; 5],
    flags: i32,
    state: u8,
    /// The rest of `kinfo_proc`, which has 648 bytes, and some room.
    rest: [u8; 1024],
}

/// `SZOMB` of `<sys/proc.h>`: it has ended, and only its parent has not been notified yet.
const ZOMBIE: u8 = 5;

pub(super) fn life_of(pid: u32) -> Life {
    let Ok(number) = c_int::try_from(pid) else { return Life::Over };
    let mut query = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, number];
    let mut found =
        Process { start_seconds: 0, start_microseconds: 0, unused: [0; 5], flags: 0, state: 0, rest: [0; 1024] };
    let mut size = size_of::<Process>();
    // SAFETY: the query has four numbers; the call writes at most `size` bytes to the structure, which has that size, and
    // their number to `size`. Any bytes are a value of the structure, which is made of integers.
    let status =
        unsafe { libc::sysctl(query.as_mut_ptr(), 4, (&raw mut found).cast(), &raw mut size, ptr::null_mut(), 0) };
    match (status, size) {
        (0, 0) => Life::Over,
        (0, _) if found.state == ZOMBIE => Life::Over,
        (0, _) if size > size_of::<Process>() - found.rest.len() => Life::Since(
            found
                .start_seconds
                .unsigned_abs()
                .wrapping_mul(1_000_000)
                .wrapping_add(u64::from(found.start_microseconds.unsigned_abs())),
        ),
        // A sandbox may forbid it.
        _ => Life::Unknown,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "Linux can fail here")]
pub(super) fn numbering() -> Option<u64> {
    Some(MACHINE)
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn the_fields_are_where_the_system_puts_them() {
        assert_eq!((offset_of!(Process, flags), offset_of!(Process, state)), (32, 36));
    }

    #[test]
    fn this_process_has_started_and_a_number_that_is_too_large_has_not() {
        assert!(matches!(life_of(std::process::id()), Life::Since(start) if start > 1_000_000_000_000_000));
        assert_eq!(life_of(u32::MAX), Life::Over);
        assert_eq!(life_of(99_999_999), Life::Over);
    }

    #[test]
    fn the_start_time_is_the_same_as_that_of_proc_pidinfo() {
        let mut found = std::mem::MaybeUninit::<libc::proc_bsdinfo>::uninit();
        let size = c_int::try_from(size_of::<libc::proc_bsdinfo>()).unwrap();
        let pid = c_int::try_from(std::process::id()).unwrap();
        // SAFETY: the call writes at most `size` bytes to the structure, which has that size.
        let written = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, found.as_mut_ptr().cast(), size) };
        assert_eq!(written, size);
        // SAFETY: the call has filled the structure.
        let found = unsafe { found.assume_init() };
        let start = found.pbi_start_tvsec * 1_000_000 + found.pbi_start_tvusec;
        assert_eq!(life_of(std::process::id()), Life::Since(start));
    }
}

//! macOS: proc_pidinfo(3), which works for processes of the same user, and for root for all processes.

use std::ffi::c_int;
use std::mem::MaybeUninit;

use rustix::io::Errno;

use super::Life;

/// The whole machine has one numbering.
const MACHINE: u64 = 1;

pub(super) fn life_of(pid: u32) -> Life {
    let Ok(number) = c_int::try_from(pid) else { return Life::Over };
    let mut found = MaybeUninit::<libc::proc_bsdinfo>::uninit();
    let size = size_of::<libc::proc_bsdinfo>();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "a structure of some hundred bytes"
    )]
    let room = size as c_int;
    // SAFETY: the call writes at most `room` bytes to the structure, which has that size.
    let written = unsafe { libc::proc_pidinfo(number, libc::PROC_PIDTBSDINFO, 0, found.as_mut_ptr().cast(), room) };
    if written == room {
        // SAFETY: the call has filled the structure, which is made of integers.
        let found = unsafe { found.assume_init() };
        return Life::Since(found.pbi_start_tvsec.wrapping_mul(1_000_000).wrapping_add(found.pbi_start_tvusec));
    }
    match Errno::from_io_error(&std::io::Error::last_os_error()) {
        // Fails for a zombie too, which has ended.
        Some(Errno::SRCH) => Life::Over,
        _ => Life::Unknown,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "Linux can fail here")]
pub(super) fn numbering() -> Option<u64> {
    Some(MACHINE)
}

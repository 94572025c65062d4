//! Windows: GetProcessTimes, which works for every process that this one may open.

use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, FILETIME, GetLastError, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, WaitForSingleObject,
};

use super::Life;

/// The whole machine has one numbering.
const MACHINE: u64 = 1;

pub(super) fn life_of(pid: u32) -> Life {
    open(pid).map_or_else(|life| life, |process| look(&process))
}

/// Opens the process that has the number `pid`, if it has not ended and `is_meant` accepts its start time. The handle is
/// signaled when the process ends.
#[cfg(not(backend = "portable"))]
pub(in crate::sys) fn open_living(pid: u32, is_meant: impl FnOnce(u64) -> bool) -> Option<OwnedHandle> {
    let process = open(pid).ok()?;
    matches!(look(&process), Life::Since(start) if is_meant(start)).then_some(process)
}

/// Opens a process; otherwise returns what is known about it.
fn open(pid: u32) -> Result<OwnedHandle, Life> {
    // SAFETY: the call takes only numbers.
    let raw = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, 0, pid) };
    if raw.is_null() {
        // SAFETY: the call takes no arguments, and reads the error that the call before has set for this thread.
        return Err(meaning(unsafe { GetLastError() }));
    }
    // SAFETY: the handle was opened above, and nothing else closes it.
    Ok(unsafe { OwnedHandle::from_raw_handle(raw) })
}

/// Returns what the error of a process that cannot be opened tells. One error says that no process has the number. Any other
/// one says nothing: an elevated process, a protected one and one of another user can refuse this one, and live.
fn meaning(error: u32) -> Life {
    if error == ERROR_INVALID_PARAMETER { Life::Over } else { Life::Unknown }
}

fn look(process: &OwnedHandle) -> Life {
    // SAFETY: the handle is open. A process that has ended is signaled; its number stays taken while a handle is open.
    if unsafe { WaitForSingleObject(process.as_raw_handle(), 0) } == WAIT_OBJECT_0 {
        return Life::Over;
    }
    // SAFETY: the structure is made of integers, for which zeros are values.
    let mut times: [FILETIME; 4] = unsafe { mem::zeroed() };
    let [created, ended, kernel, user] = &mut times;
    // SAFETY: the handle is open, and the call writes one structure to each of four places.
    if unsafe { GetProcessTimes(process.as_raw_handle(), created, ended, kernel, user) } == 0 {
        return Life::Unknown;
    }
    Life::Since(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}

#[expect(clippy::unnecessary_wraps, reason = "Linux can fail here")]
pub(super) fn numbering() -> Option<u64> {
    Some(MACHINE)
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Foundation::{
        ERROR_ACCESS_DENIED, ERROR_GEN_FAILURE, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY,
        ERROR_PRIVILEGE_NOT_HELD, ERROR_SUCCESS,
    };

    use super::*;

    #[test]
    fn a_process_that_cannot_be_opened_has_ended_only_if_the_system_knows_no_such_number() {
        assert_eq!(meaning(ERROR_INVALID_PARAMETER), Life::Over);
        for error in [
            ERROR_ACCESS_DENIED,
            ERROR_PRIVILEGE_NOT_HELD,
            ERROR_NOT_ENOUGH_MEMORY,
            ERROR_NO_SYSTEM_RESOURCES,
            ERROR_GEN_FAILURE,
            ERROR_SUCCESS,
        ] {
            assert_eq!(meaning(error), Life::Unknown, "{error}");
        }
    }

    #[test]
    fn this_process_lives_and_that_of_no_number_does_not() {
        assert!(matches!(life_of(std::process::id()), Life::Since(start) if start > 0));
        assert_eq!(life_of(0), Life::Over);
        assert_eq!(life_of(u32::MAX - 3), Life::Over);
    }
}

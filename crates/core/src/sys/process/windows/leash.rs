//! Ends a helper whose starter dies before the start is complete.
//!
//! The system makes the first thread of a new process wait until the process that creates it lets it run. A creator that
//! is killed in between leaves a process that never runs and never ends, and that holds the streams it has inherited.
//! So a helper begins in a job that ends with this process, and is released from it when it runs.

use std::ffi::c_void;
use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::JobObjects::{
    CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject,
};

/// A job whose processes the system ends with the last handle of it, and that is the one here.
#[derive(Debug)]
pub(super) struct Leash(OwnedHandle);

impl Leash {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointers to memory here.
        let raw = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if raw.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has opened it, and no other code has it.
        let leash = Self(unsafe { OwnedHandle::from_raw_handle(raw) });
        leash.limit(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)?;
        Ok(leash)
    }

    pub(super) fn job(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    /// Lets its processes outlive this one. After an error they end at once.
    pub(super) fn release(self) -> io::Result<()> {
        self.limit(0)
    }

    fn limit(&self, flags: u32) -> io::Result<()> {
        // SAFETY: the structure is made of integers, for which zeros are values.
        let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = unsafe { mem::zeroed() };
        limits.BasicLimitInformation.LimitFlags = flags;
        let size = u32::try_from(mem::size_of_val(&limits)).map_err(io::Error::other)?;
        let place = (&raw const limits).cast::<c_void>();
        // SAFETY: the handle is open, and the call reads one structure.
        let done = unsafe { SetInformationJobObject(self.job(), JobObjectExtendedLimitInformation, place, size) };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

//! The list of attributes of a new process.

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::ptr;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Threading::{
    DeleteProcThreadAttributeList, InitializeProcThreadAttributeList, LPPROC_THREAD_ATTRIBUTE_LIST,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROC_THREAD_ATTRIBUTE_JOB_LIST, UpdateProcThreadAttribute,
};

/// A list, which points to handles that live as long as it.
pub(super) struct Attributes<'a> {
    room: Vec<u64>,
    handles: PhantomData<&'a [HANDLE]>,
}

impl<'a> Attributes<'a> {
    /// Of all inheritable handles of this process, a child inherits only these `streams`. It is in the `job` from its
    /// beginning.
    pub(super) fn new(streams: &'a [HANDLE; 3], job: Option<&'a [HANDLE; 1]>) -> io::Result<Self> {
        let count = 1 + u32::from(job.is_some());
        let mut size = 0;
        // SAFETY: without a list, the call only writes the size that one needs. It reports that as an error.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), count, 0, &raw mut size) };
        let mut room = vec![0_u64; size.div_ceil(mem::size_of::<u64>())];
        let list = room.as_mut_ptr().cast::<c_void>();
        // SAFETY: `room` has the size that the call above has asked for.
        if unsafe { InitializeProcThreadAttributeList(list, count, 0, &raw mut size) } == 0 {
            return Err(io::Error::last_os_error());
        }
        let made = Self { room, handles: PhantomData };
        made.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, streams)?;
        if let Some(job) = job {
            made.set(PROC_THREAD_ATTRIBUTE_JOB_LIST, job)?;
        }
        Ok(made)
    }

    fn set(&self, attribute: u32, handles: &'a [HANDLE]) -> io::Result<()> {
        // SAFETY: the list was initialized with room for the attributes that `new` sets, and the handles live as long as it.
        let done = unsafe {
            UpdateProcThreadAttribute(
                self.list(),
                0,
                attribute as usize,
                handles.as_ptr().cast::<c_void>(),
                mem::size_of_val(handles),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    pub(super) fn list(&self) -> LPPROC_THREAD_ATTRIBUTE_LIST {
        self.room.as_ptr().cast_mut().cast::<c_void>()
    }
}

impl Drop for Attributes<'_> {
    fn drop(&mut self) {
        // SAFETY: the list was initialized, and this is the only end of its life.
        unsafe { DeleteProcThreadAttributeList(self.list()) };
    }
}

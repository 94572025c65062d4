//! One view of a segment, and what replaces it at the close.
//!
//! A view is mapped into a placeholder, which keeps the range reserved between the moment at which the view ends and the
//! moment at which pages of zeros take its place. A thread that reads an alias in between waits for the zeros, in the
//! handler of its access violation. Before Windows 10 1803 there are no placeholders: the view then shows the segment
//! until it is collected.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::io;
use std::mem;
use std::os::windows::io::{AsHandle, AsRawHandle};
use std::ptr::{self, NonNull};
use std::sync::{Once, OnceLock, PoisonError, RwLock};

use windows_sys::Win32::Foundation::{ERROR_NOT_ENOUGH_MEMORY, EXCEPTION_ACCESS_VIOLATION, HANDLE};
use windows_sys::Win32::System::Diagnostics::Debug::{AddVectoredExceptionHandler, EXCEPTION_POINTERS};
use windows_sys::Win32::System::Memory::{
    FILE_MAP_COPY, FILE_MAP_READ, FILE_MAP_WRITE, MEM_COMMIT, MEM_PRESERVE_PLACEHOLDER, MEM_RELEASE,
    MEM_REPLACE_PLACEHOLDER, MEM_RESERVE, MEM_RESERVE_PLACEHOLDER, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFile,
    PAGE_NOACCESS, PAGE_READWRITE, PAGE_WRITECOPY, UnmapViewOfFile, VirtualAlloc, VirtualFree,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use super::place::function;
use crate::Access;

type VirtualAlloc2 = unsafe extern "system" fn(
    process: HANDLE,
    base: *const c_void,
    size: usize,
    kind: u32,
    protection: u32,
    parameters: *mut c_void,
    count: u32,
) -> *mut c_void;
type MapViewOfFile3 = unsafe extern "system" fn(
    section: HANDLE,
    process: HANDLE,
    base: *const c_void,
    offset: u64,
    size: usize,
    kind: u32,
    protection: u32,
    parameters: *mut c_void,
    count: u32,
) -> *mut c_void;
type UnmapViewOfFile2 = unsafe extern "system" fn(process: HANDLE, base: *const c_void, flags: u32) -> i32;

/// The calls of Windows 10 1803 that know placeholders.
#[derive(Clone, Copy)]
struct Placeholders {
    allocate: VirtualAlloc2,
    map: MapViewOfFile3,
    unmap: UnmapViewOfFile2,
}

impl Placeholders {
    /// `None` on older systems.
    fn get() -> Option<&'static Self> {
        static CALLS: OnceLock<Option<Placeholders>> = OnceLock::new();
        CALLS
            .get_or_init(|| {
                let find = |name| function("kernelbase.dll", name);
                let (allocate, map) = (find(c"VirtualAlloc2")?, find(c"MapViewOfFile3")?);
                let unmap = find(c"UnmapViewOfFile2")?;
                Some(Self {
                    // SAFETY: this is the function's type in memoryapi.h.
                    allocate: unsafe { mem::transmute::<*const c_void, VirtualAlloc2>(allocate) },
                    // SAFETY: as above.
                    map: unsafe { mem::transmute::<*const c_void, MapViewOfFile3>(map) },
                    // SAFETY: as above.
                    unmap: unsafe { mem::transmute::<*const c_void, UnmapViewOfFile2>(unmap) },
                })
            })
            .as_ref()
    }
}

/// The ranges whose views were or are being replaced: first address and size. The lock is held for writing while there is
/// nothing mapped in a range.
static RETIRED: RwLock<BTreeMap<usize, usize>> = RwLock::new(BTreeMap::new());

/// A range of this process's addresses, which a section or zeros fill. Only [`free`](Self::free) frees it.
#[derive(Debug)]
pub(super) struct Range {
    start: NonNull<u8>,
    size: usize,
    has_placeholder: bool,
    has_zeros: bool,
}

// SAFETY: the addresses belong to the process, not to a thread, and every change to them takes an exclusive reference.
unsafe impl Send for Range {}

impl Range {
    /// Maps the first `size` bytes of a section: a whole number of pages.
    pub(super) fn map(section: impl AsHandle, size: usize, access: Access) -> io::Result<Self> {
        let section = section.as_handle().as_raw_handle();
        match Placeholders::get() {
            Some(calls) => map_in_placeholder(*calls, section, size, access),
            None => map_anywhere(section, size, access),
        }
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Replaces the view by zeros. Returns `false` if it still shows the segment.
    pub(super) fn retire(&mut self) -> bool {
        static HANDLER: Once = Once::new();
        if self.has_zeros {
            return true;
        }
        let Some(calls) = Placeholders::get().filter(|_| self.has_placeholder) else { return false };
        HANDLER.call_once(|| {
            // SAFETY: the handler has the required type and is part of this library, which is never unloaded.
            let _ = unsafe { AddVectoredExceptionHandler(1, Some(on_exception)) };
        });
        let start = self.start.as_ptr().cast::<c_void>();
        // SAFETY: the call takes no arguments, and its result does not need closing.
        let process = unsafe { GetCurrentProcess() };
        let mut retired = RETIRED.write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: this process's handle is valid. The view begins at `start`, and the range stays reserved. A
        // thread that accesses it meanwhile waits in the handler.
        let is_unmapped = unsafe { (calls.unmap)(process, start, MEM_PRESERVE_PLACEHOLDER) } != 0;
        if !is_unmapped {
            return false;
        }
        retired.insert(self.start.addr().get(), self.size);
        self.has_zeros = true;
        let fill = |kind, protection| {
            // SAFETY: the range is a placeholder of exactly this size, which no other code knows.
            let filled = unsafe {
                (calls.allocate)(
                    process,
                    start,
                    self.size,
                    kind | MEM_RESERVE | MEM_REPLACE_PLACEHOLDER,
                    protection,
                    ptr::null_mut(),
                    0,
                )
            };
            !filled.is_null()
        };
        // If the system has no memory left, the handler asks again, for each page that is accessed.
        let _ = fill(MEM_COMMIT, PAGE_READWRITE) || fill(0, PAGE_NOACCESS);
        true
    }

    /// Frees the range.
    ///
    /// # Safety
    /// Nothing accesses the range any more.
    pub(super) unsafe fn free(&mut self) {
        let start = self.start.as_ptr().cast::<c_void>();
        if self.has_zeros {
            let mut retired = RETIRED.write().unwrap_or_else(PoisonError::into_inner);
            retired.remove(&self.start.addr().get());
            // SAFETY: the range was allocated as a whole, and the caller says that nothing uses it.
            unsafe { VirtualFree(start, 0, MEM_RELEASE) };
        } else {
            // SAFETY: a view begins there, and the caller says that nothing uses it.
            unsafe { UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: start }) };
        }
    }
}

fn map_in_placeholder(calls: Placeholders, section: HANDLE, size: usize, access: Access) -> io::Result<Range> {
    // SAFETY: the call takes no arguments, and its result does not need closing.
    let process = unsafe { GetCurrentProcess() };
    let kind = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER;
    // SAFETY: the system chooses the range, which no other code knows.
    let start = unsafe { (calls.allocate)(process, ptr::null(), size, kind, PAGE_NOACCESS, ptr::null_mut(), 0) };
    let Some(range) = NonNull::new(start.cast::<u8>()) else { return Err(io::Error::last_os_error()) };
    let protection = match access {
        Access::ReadWrite => PAGE_READWRITE,
        Access::ReadOnly => PAGE_WRITECOPY,
    };
    // SAFETY: the section is open, and the range is a placeholder of exactly this size.
    let view = unsafe {
        (calls.map)(section, process, start, 0, size, MEM_REPLACE_PLACEHOLDER, protection, ptr::null_mut(), 0)
    };
    if view.is_null() {
        let error = io::Error::last_os_error();
        // SAFETY: the call above has reserved the range, and nothing is in it.
        unsafe { VirtualFree(start, 0, MEM_RELEASE) };
        return Err(error);
    }
    Ok(Range { start: range, size, has_placeholder: true, has_zeros: false })
}

fn map_anywhere(section: HANDLE, size: usize, access: Access) -> io::Result<Range> {
    let rights = match access {
        Access::ReadWrite => FILE_MAP_READ | FILE_MAP_WRITE,
        Access::ReadOnly => FILE_MAP_COPY,
    };
    // SAFETY: the section is open, and the system chooses the range.
    let view = unsafe { MapViewOfFile(section, rights, 0, 0, size) };
    let start = NonNull::new(view.Value.cast::<u8>()).ok_or_else(io::Error::last_os_error)?;
    Ok(Range { start, size, has_placeholder: false, has_zeros: false })
}

/// Lets a thread go on that has accessed a range whose view was being replaced.
///
/// # Safety
/// Only the system calls it, with the facts about an exception of this thread.
unsafe extern "system" fn on_exception(info: *mut EXCEPTION_POINTERS) -> i32 {
    const CONTINUE_EXECUTION: i32 = -1;
    const CONTINUE_SEARCH: i32 = 0;
    // SAFETY: the system passes pointers to facts that live until the handler returns.
    let record = unsafe { (*info).ExceptionRecord };
    // SAFETY: as above.
    let record = unsafe { &*record };
    if record.ExceptionCode != EXCEPTION_ACCESS_VIOLATION || record.NumberParameters < 2 {
        return CONTINUE_SEARCH;
    }
    let address = record.ExceptionInformation[1];
    // Waits until no range is without pages.
    let retired = RETIRED.read().unwrap_or_else(PoisonError::into_inner);
    let is_ours = retired.range(..=address).next_back().is_some_and(|(start, size)| address - start < *size);
    if !is_ours {
        return CONTINUE_SEARCH;
    }
    // For a page that is there, this changes nothing. Its contents stay.
    // SAFETY: the page lies in a range that this module has reserved and, under the lock, does not free.
    let page = unsafe { VirtualAlloc(address as *const c_void, 1, MEM_COMMIT, PAGE_READWRITE) };
    if page.is_null() { CONTINUE_SEARCH } else { CONTINUE_EXECUTION }
}

/// The error for a size that no range can have.
pub(super) fn too_large() -> io::Error {
    io::Error::from_raw_os_error(ERROR_NOT_ENOUGH_MEMORY.cast_signed())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU8;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn the_exception_handler_commits_a_page_of_a_retired_range_and_no_other() {
        let reserve = |size| {
            // SAFETY: the system chooses the range.
            let start = unsafe { VirtualAlloc(ptr::null(), size, MEM_RESERVE, PAGE_NOACCESS) };
            NonNull::new(start.cast::<u8>()).unwrap()
        };
        let (ours, other) = (reserve(8192), reserve(8192));
        RETIRED.write().unwrap().insert(ours.addr().get(), 8192);
        let handled = |address: NonNull<u8>| {
            // SAFETY: the structures are made of integers and pointers, for which zeros are values.
            let mut record: windows_sys::Win32::System::Diagnostics::Debug::EXCEPTION_RECORD = unsafe { mem::zeroed() };
            record.ExceptionCode = EXCEPTION_ACCESS_VIOLATION;
            record.NumberParameters = 2;
            record.ExceptionInformation[1] = address.addr().get();
            let mut info = EXCEPTION_POINTERS { ExceptionRecord: &raw mut record, ContextRecord: ptr::null_mut() };
            // SAFETY: the facts live until the call returns.
            unsafe { on_exception(&raw mut info) }
        };
        // SAFETY: the second page of the range.
        let second = unsafe { ours.add(4096) };
        assert_eq!(handled(second), -1);
        // SAFETY: the handler has committed this page, readable and writable.
        assert_eq!(unsafe { second.cast::<AtomicU8>().as_ref() }.load(Relaxed), 0);
        assert_eq!(handled(other), 0);
        RETIRED.write().unwrap().remove(&ours.addr().get());
        assert_eq!(handled(ours), 0);
        for range in [ours, other] {
            // SAFETY: the range was reserved above, and nothing uses it.
            unsafe { VirtualFree(range.as_ptr().cast(), 0, MEM_RELEASE) };
        }
    }
}

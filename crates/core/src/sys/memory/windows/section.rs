//! Sections: what a process maps. CPython finds a segment by the name of its section, in this session of the system.

use std::fs::File;
use std::io;
use std::mem;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_ALREADY_EXISTS, GetLastError, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_READ, FILE_MAP_WRITE, MEMORY_BASIC_INFORMATION, MEMORY_MAPPED_VIEW_ADDRESS,
    MapViewOfFile, OpenFileMappingW, PAGE_READWRITE, PAGE_WRITECOPY, UnmapViewOfFile, VirtualQuery,
};
use windows_sys::Win32::System::ProcessStatus::K32GetMappedFileNameW;
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use crate::sys::access_list::{Descriptor, wide};
use crate::{Access, Name};

/// A section, as long as the value lives. Its views do not need it; its name does.
#[derive(Debug)]
pub(in crate::sys) struct Section(OwnedHandle);

impl AsHandle for Section {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

/// What has the name of a section.
#[derive(Debug)]
pub(super) enum Named {
    /// This section, which is new.
    New(Section),
    /// A section that existed before.
    Old(Section),
}

impl Section {
    /// Creates a section of the first `size` bytes of a file, without a name.
    pub(super) fn of(file: &File, size: u64, access: Access) -> io::Result<Self> {
        create(Some(file), size, access, None).map(|(section, _)| section)
    }

    /// Gives the first `size` bytes of a file the name of a section, or opens the section that has it.
    pub(super) fn named(name: &Name, file: &File, size: u64) -> io::Result<Named> {
        let (section, is_old) = create(Some(file), size, Access::ReadWrite, Some(name))?;
        Ok(if is_old { Named::Old(section) } else { Named::New(section) })
    }

    /// Opens the section of that name.
    pub(in crate::sys) fn open(name: &Name, access: Access) -> io::Result<Self> {
        let rights = match access {
            Access::ReadWrite => FILE_MAP_READ | FILE_MAP_WRITE,
            Access::ReadOnly => FILE_MAP_READ,
        };
        let name = wide(name.as_str());
        // SAFETY: the name ends in a zero.
        let raw = unsafe { OpenFileMappingW(rights, 0, name.as_ptr()) };
        if raw.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has opened it for this process, and no other code has it.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(raw) }))
    }

    /// Returns its size in bytes, and whether it shows a file.
    pub(in crate::sys) fn examine(&self) -> io::Result<(usize, bool)> {
        // SAFETY: the handle is open. The system places the view, and nothing accesses it.
        let view = unsafe { MapViewOfFile(self.0.as_raw_handle(), FILE_MAP_READ, 0, 0, 0) };
        if view.Value.is_null() {
            return Err(io::Error::last_os_error());
        }
        let view = View(view);
        // SAFETY: the structure is made of integers and addresses, for which zeros are values.
        let mut found: MEMORY_BASIC_INFORMATION = unsafe { mem::zeroed() };
        // SAFETY: the call only looks the address up, and writes one structure to the given place.
        let told = unsafe { VirtualQuery(view.0.Value, &raw mut found, mem::size_of_val(&found)) };
        if told == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call takes no arguments, and its result does not need closing.
        let process = unsafe { GetCurrentProcess() };
        let mut path = [0_u16; 2];
        // A name that is too long for the room is cut off.
        // SAFETY: this process's handle is valid, and the call writes at most two units to `path`.
        let length = unsafe { K32GetMappedFileNameW(process, view.0.Value, path.as_mut_ptr(), 2) };
        // SAFETY: the call takes no arguments, and reads what the call before has set for this thread.
        let is_longer =
            length == 0 && unsafe { GetLastError() } == windows_sys::Win32::Foundation::ERROR_INSUFFICIENT_BUFFER;
        Ok((found.RegionSize, length > 0 || is_longer))
    }
}

/// Creates a section of a file, or of memory.
fn create(file: Option<&File>, size: u64, access: Access, name: Option<&Name>) -> io::Result<(Section, bool)> {
    let descriptor = Descriptor::of_this_user()?;
    let attributes = descriptor.attributes()?;
    let name = name.map(|name| wide(name.as_str()));
    let pages = match access {
        Access::ReadWrite => PAGE_READWRITE,
        Access::ReadOnly => PAGE_WRITECOPY,
    };
    let low = u32::try_from(size & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    // SAFETY: the file is open; the name ends in a zero. It, the attributes and the descriptor that they point to live
    // until the call returns.
    let raw: HANDLE = unsafe {
        CreateFileMappingW(
            file.map_or(INVALID_HANDLE_VALUE, AsRawHandle::as_raw_handle),
            &raw const attributes,
            pages,
            (size >> 32) as u32,
            low,
            name.as_ref().map_or(ptr::null(), Vec::as_ptr),
        )
    };
    // SAFETY: the call takes no arguments, and reads what the call before has set for this thread.
    let code = unsafe { GetLastError() };
    if raw.is_null() {
        return Err(io::Error::from_raw_os_error(code.cast_signed()));
    }
    // SAFETY: the call has opened it for this process, and no other code has it.
    Ok((Section(unsafe { OwnedHandle::from_raw_handle(raw) }), code == ERROR_ALREADY_EXISTS))
}

/// A view that nothing uses, until the value drops.
struct View(MEMORY_MAPPED_VIEW_ADDRESS);

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: the view exists, and nothing has a reference into it.
        unsafe { UnmapViewOfFile(self.0) };
    }
}

#[cfg(test)]
pub(in crate::sys) mod tests {
    use super::*;

    /// A segment as CPython makes one.
    pub(in crate::sys) fn without_a_file(name: &Name, size: u64) -> Section {
        let (section, is_old) = create(None, size, Access::ReadWrite, Some(name)).unwrap();
        assert!(!is_old, "{name} is taken");
        section
    }

    /// Attaches by the calls of CPython: `VirtualQuery` for the size, then `mmap.mmap(-1, size, tagname)`. Returns the size
    /// and the first byte.
    pub(in crate::sys) fn attach_as_cpython(name: &Name) -> io::Result<(usize, u8)> {
        let (size, _) = Section::open(name, Access::ReadOnly)?.examine()?;
        let (section, _) = create(None, size as u64, Access::ReadWrite, Some(name))?;
        // SAFETY: the section is open, and the system places the view.
        let view = unsafe { MapViewOfFile(section.0.as_raw_handle(), FILE_MAP_WRITE, 0, 0, size) };
        if view.Value.is_null() {
            return Err(io::Error::last_os_error());
        }
        let view = View(view);
        // SAFETY: the view has at least one page.
        Ok((size, unsafe { view.0.Value.cast::<u8>().read_volatile() }))
    }

    #[test]
    fn a_section_without_a_file_has_whole_pages() {
        let name = Name::random().unwrap();
        let section = without_a_file(&name, 5000);
        assert_eq!(section.examine().unwrap(), (8192, false));
        assert_eq!(Section::open(&name, Access::ReadOnly).unwrap().examine().unwrap(), (8192, false));
    }
}

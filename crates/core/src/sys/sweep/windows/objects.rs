//! The named kernel objects of this session.

use std::ffi::c_void;
use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::{NtOpenDirectoryObject, NtQueryDirectoryObject};
use windows_sys::Win32::Foundation::{HANDLE, STATUS_MORE_ENTRIES, STATUS_SUCCESS, UNICODE_STRING};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;

use crate::sys::access_list::wide;

/// Of wdm.h.
const DIRECTORY_QUERY: u32 = 1;

/// Of ntdef.h.
const OBJ_CASE_INSENSITIVE: u32 = 0x40;

/// Words of the buffer for one call: several hundred names.
const ROOM: usize = 8192;

/// An entry of a directory of objects. Of ntddk.h.
#[repr(C)]
struct Entry {
    name: UNICODE_STRING,
    kind: UNICODE_STRING,
}

/// The names of objects, by what they are.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) sections: Vec<String>,
    pub(super) events: Vec<String>,
}

/// Returns the names of all sections and events; none if the system does not tell them.
pub(super) fn names() -> Names {
    open().map(|directory| read(&directory)).unwrap_or_default()
}

fn open() -> Option<OwnedHandle> {
    let mut session = 0;
    // SAFETY: the call writes one number to the given place.
    if unsafe { ProcessIdToSessionId(std::process::id(), &raw mut session) } == 0 {
        return None;
    }
    let by_session = format!(r"\Sessions\{session}\BaseNamedObjects");
    // Session 0 is that of services.
    let places = [by_session.as_str(), r"\BaseNamedObjects"];
    places.iter().skip(usize::from(session == 0)).find_map(|path| open_at(path))
}

fn open_at(path: &str) -> Option<OwnedHandle> {
    let mut text = wide(path);
    let bytes = u16::try_from((text.len() - 1) * mem::size_of::<u16>()).ok()?;
    let name = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: text.as_mut_ptr() };
    let attributes = OBJECT_ATTRIBUTES {
        Length: u32::try_from(mem::size_of::<OBJECT_ATTRIBUTES>()).ok()?,
        RootDirectory: ptr::null_mut(),
        ObjectName: &raw const name,
        Attributes: OBJ_CASE_INSENSITIVE,
        SecurityDescriptor: ptr::null(),
        SecurityQualityOfService: ptr::null(),
    };
    let mut directory: HANDLE = ptr::null_mut();
    // SAFETY: the attributes, the name and the text that they point to live until the call returns, which writes one
    // handle to the given place.
    let status = unsafe { NtOpenDirectoryObject(&raw mut directory, DIRECTORY_QUERY, &raw const attributes) };
    // SAFETY: the call has opened it, and no other code has it.
    (status == STATUS_SUCCESS).then(|| unsafe { OwnedHandle::from_raw_handle(directory) })
}

fn read(directory: &OwnedHandle) -> Names {
    let mut room = vec![0_u64; ROOM];
    let size = u32::try_from(ROOM * mem::size_of::<u64>()).unwrap_or(u32::MAX);
    let mut context = 0;
    let mut names = Names::default();
    loop {
        let before = context;
        // SAFETY: the handle is open, and the call writes at most `size` bytes to `room`, and one number.
        let status = unsafe {
            NtQueryDirectoryObject(
                directory.as_raw_handle(),
                room.as_mut_ptr().cast::<c_void>(),
                size,
                false,
                before == 0,
                &raw mut context,
                ptr::null_mut(),
            )
        };
        if status != STATUS_SUCCESS && status != STATUS_MORE_ENTRIES {
            return names;
        }
        for index in 0.. {
            // SAFETY: `room` has the alignment of an entry. The call has written entries from the beginning on, and an
            // empty one after the last.
            let entry = unsafe { room.as_ptr().cast::<Entry>().add(index) };
            // SAFETY: as above.
            let entry = unsafe { &*entry };
            if entry.name.Buffer.is_null() {
                break;
            }
            match text(&entry.kind).as_str() {
                "Section" => names.sections.push(text(&entry.name)),
                "Event" => names.events.push(text(&entry.name)),
                _ => {}
            }
        }
        if status == STATUS_SUCCESS || context == before {
            return names;
        }
    }
}

fn text(string: &UNICODE_STRING) -> String {
    // SAFETY: the system has written these entries: the buffer lies in `room` and has that length.
    let units =
        unsafe { std::slice::from_raw_parts(string.Buffer, usize::from(string.Length) / mem::size_of::<u16>()) };
    String::from_utf16_lossy(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memory::windows::section::tests::without_a_file;

    #[test]
    fn a_named_section_is_listed_as_long_as_it_is_open() {
        let name = crate::Name::random().unwrap();
        let is_listed = || names().sections.iter().any(|found| found == name.as_str());
        let section = without_a_file(&name, 4096);
        assert!(is_listed());
        drop(section);
        assert!(!is_listed());
    }
}

//! The access list that the objects of this library get on Windows: only their user may use them. Without it, an object
//! gets the list of its process, and what an elevated process creates would refuse the same user's other processes.

use std::ffi::c_void;
use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, TOKEN_ACCESS_MASK, TOKEN_QUERY, TOKEN_USER,
    TokenUser,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Returns the text in the form that Windows takes, with a zero at its end.
pub(in crate::sys) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// The permissions of a new object, in memory that the system has allocated.
#[derive(Debug)]
pub(in crate::sys) struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    /// Only this user, elevated or not, and no inheritance.
    pub(in crate::sys) fn of_this_user() -> io::Result<Self> {
        Self::parse(&format!("D:P(A;;GA;;;{})", user()?))
    }

    /// From the text form of the system.
    fn parse(text: &str) -> io::Result<Self> {
        let text = wide(text);
        let mut descriptor = ptr::null_mut();
        // SAFETY: the text ends in a zero, and the call writes one pointer to the given place.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        };
        if made == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(descriptor)) }
    }

    /// Returns the attributes of an object with these permissions, which no child process inherits. They point into the
    /// descriptor.
    pub(in crate::sys) fn attributes(&self) -> io::Result<SECURITY_ATTRIBUTES> {
        Ok(SECURITY_ATTRIBUTES {
            nLength: u32::try_from(mem::size_of::<SECURITY_ATTRIBUTES>()).map_err(io::Error::other)?,
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        })
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the call that allocated it requires this process to free it, which only this code does.
        unsafe { LocalFree(self.0) };
    }
}

/// Returns the user of this process, such as `S-1-5-21-…`.
fn user() -> io::Result<String> {
    /// More than a user needs: a pointer, a number, and the at most 68 bytes that they point to.
    const ROOM: usize = 32;
    let token = open_token(TOKEN_QUERY)?;
    let mut room = [0_u64; ROOM];
    let mut length = 0;
    let size = u32::try_from(mem::size_of_val(&room)).map_err(io::Error::other)?;
    // SAFETY: the token is open, and the call writes at most `size` bytes to `room`, and one number.
    let found = unsafe {
        GetTokenInformation(token.as_raw_handle(), TokenUser, room.as_mut_ptr().cast::<c_void>(), size, &raw mut length)
    };
    if found == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has written a `TOKEN_USER` there, and `room` has its alignment.
    let sid = unsafe { (*room.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    let mut text = ptr::null_mut();
    // SAFETY: `sid` points into `room`, which has not moved, and the call writes one pointer to the given place.
    if unsafe { ConvertSidToStringSidW(sid, &raw mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut units = Vec::new();
    loop {
        // SAFETY: the text ends in a zero, at which this stops.
        let unit = unsafe { text.add(units.len()) };
        // SAFETY: as above.
        match unsafe { unit.read() } {
            0 => break,
            unit => units.push(unit),
        }
    }
    // SAFETY: the call that allocated the text requires this process to free it, which only this code does.
    unsafe { LocalFree(text.cast()) };
    String::from_utf16(&units).map_err(io::Error::other)
}

/// Opens the token of this process.
fn open_token(rights: TOKEN_ACCESS_MASK) -> io::Result<OwnedHandle> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the call takes no arguments, and its result does not need closing.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the process's handle is valid, and the call writes one handle to the given place.
    if unsafe { OpenProcessToken(process, rights, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has opened it, and no other code has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(token) })
}

#[cfg(test)]
pub(in crate::sys) mod tests;

//! Named pipes that only this user can open, and only on this machine.

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use mio::windows::NamedPipe;
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY, HANDLE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX, SECURITY_IDENTIFICATION,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES,
    PIPE_WAIT, PeekNamedPipe,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// The system's buffer for each direction of a connection, in bytes.
const BUFFER: u32 = 64 * 1024;

/// The part of the name's life at which a server's end of a pipe is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instance {
    /// The name must be free.
    First,
    /// The only end; the name must be free.
    Only,
    /// This process has the name already.
    Further,
}

/// Creates a server's end of a pipe, to which no client is connected.
pub(super) fn create(name: &str, instance: Instance) -> io::Result<NamedPipe> {
    let descriptor = Descriptor::of_this_user()?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(mem::size_of::<SECURITY_ATTRIBUTES>()).map_err(io::Error::other)?,
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let first = if instance == Instance::Further { 0 } else { FILE_FLAG_FIRST_PIPE_INSTANCE };
    let most = if instance == Instance::Only { 1 } else { PIPE_UNLIMITED_INSTANCES };
    let wide = wide(name);
    // SAFETY: the name ends in a zero. It, the attributes and the descriptor that they point to live until the call
    // returns.
    let handle = unsafe {
        CreateNamedPipeW(
            wide.as_ptr(),
            PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
            most,
            BUFFER,
            BUFFER,
            0,
            &raw const attributes,
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        let error = io::Error::last_os_error();
        // The system's error for a name that another process has.
        let is_taken = instance != Instance::Further && is(&error, ERROR_ACCESS_DENIED);
        return Err(if is_taken { io::ErrorKind::AddrInUse.into() } else { error });
    }
    // SAFETY: the call above has created the handle, for overlapped use, and no other code has it.
    Ok(unsafe { NamedPipe::from_raw_handle(handle) })
}

/// Connects to a server. Waits until `deadline` if all of the server's ends are taken.
pub(super) fn connect(name: &str, deadline: Instant) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // The server may query this process's user, but not act as it.
    options.read(true).write(true).security_qos_flags(SECURITY_IDENTIFICATION);
    loop {
        match options.open(name) {
            Ok(file) => return Ok(file),
            Err(e) if is(&e, ERROR_PIPE_BUSY) && Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            Err(e) if is(&e, ERROR_PIPE_BUSY) => return Err(io::ErrorKind::TimedOut.into()),
            Err(e) => return Err(e),
        }
    }
}

/// Returns whether there is something to read at a member's end.
pub(super) fn has_come(pipe: &File) -> io::Result<bool> {
    let mut available = 0;
    // SAFETY: the handle is open as long as `pipe` lives, and the call writes one number to the given place.
    let told = unsafe {
        PeekNamedPipe(pipe.as_raw_handle(), ptr::null_mut(), 0, ptr::null_mut(), &raw mut available, ptr::null_mut())
    };
    if told == 0 { Err(io::Error::last_os_error()) } else { Ok(available > 0) }
}

/// Returns whether an error has this code.
pub(super) fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// The permissions of a pipe, in memory that the system has allocated.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    /// Only this user, and no inheritance.
    fn of_this_user() -> io::Result<Self> {
        let text = wide(&format!("D:P(A;;GA;;;{})", user()?));
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
    let token = token()?;
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

fn token() -> io::Result<OwnedHandle> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the call takes no arguments, and its result does not need closing.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the process's handle is valid, and the call writes one handle to the given place.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has opened it, and no other code has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(token) })
}

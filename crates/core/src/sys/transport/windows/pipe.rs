//! Named pipes that only this user can open, and only on this machine.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use mio::windows::NamedPipe;
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX, SECURITY_IDENTIFICATION,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES,
    PIPE_WAIT, PeekNamedPipe,
};

use crate::sys::access_list::{Descriptor, wide};

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
    let attributes = descriptor.attributes()?;
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

//! The helper process. It has no console, so that no signal of one reaches it, inherits nothing but its three streams, and
//! leaves the job of this process where the job allows that. It reads from a pipe, whose end tells it that this process
//! has ended.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, PipeReader, Write};
use std::mem;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;
use std::time::Instant;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_NOT_SUPPORTED, HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation, WAIT_OBJECT_0,
};
use windows_sys::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, CREATE_UNICODE_ENVIRONMENT, CreateProcessW, DETACHED_PROCESS,
    EXTENDED_STARTUPINFO_PRESENT, INFINITE, PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOEXW,
    TerminateProcess, WaitForSingleObject,
};

use self::attributes::Attributes;
use self::leash::Leash;
use super::Supervised;
use crate::Identity;
use crate::sys::Ledger;
use crate::sys::memory::windows::guard;

mod attributes;
mod leash;

/// A running helper process.
#[derive(Debug)]
pub(crate) struct Helper {
    /// Until the value is let go.
    process: Option<OwnedHandle>,
    input: io::PipeWriter,
}

impl Supervised for Helper {
    /// Starts `program` with one argument, its role.
    fn spawn(program: &Path, role: &str, _ledger: Option<&Ledger>) -> io::Result<Self> {
        let (theirs, input) = io::pipe()?;
        let process = start(program, role, &theirs)?;
        Ok(Self { process: Some(process), input })
    }

    /// Sends a whole frame. After an error the helper must be dropped.
    fn send(&self, frame: &[u8]) -> io::Result<()> {
        (&self.input).write_all(frame)
    }

    fn entrust(&self, name: &str, identity: Identity) {
        if let Some(process) = &self.process {
            guard::share(name, identity, process.as_handle());
        }
    }

    /// Waits until it has ended by itself, or until `deadline`. Returns whether it has ended.
    fn has_ended(&mut self, deadline: Instant) -> bool {
        let Some(process) = &self.process else { return true };
        let rest = deadline.saturating_duration_since(Instant::now()).as_millis();
        wait(process, u32::try_from(rest).unwrap_or(INFINITE - 1))
    }

    /// Leaves the helper running: it ends with this process.
    fn let_go(mut self) {
        self.process = None;
        // The end of the pipe would tell it that this process has ended.
        mem::forget(self);
    }

    /// Processes are never copied on this system.
    fn disown(self) {
        self.let_go();
    }
}

impl Drop for Helper {
    /// Kills the helper before its pipe closes, because it would take that for the end of this process.
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            // SAFETY: the handle is open. The call fails only for a process that has ended, which is the aim.
            unsafe { TerminateProcess(process.as_raw_handle(), 1) };
            wait(process, INFINITE);
        }
    }
}

fn wait(process: &OwnedHandle, milliseconds: u32) -> bool {
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(process.as_raw_handle(), milliseconds) == WAIT_OBJECT_0 }
}

fn start(program: &Path, role: &str, input: &PipeReader) -> io::Result<OwnedHandle> {
    let input = inheritable(input.as_handle().try_clone_to_owned()?)?;
    let output = inheritable(OwnedHandle::from(File::options().write(true).open("NUL")?))?;
    // A program without a console may have no standard error.
    let errors = match io::stderr().as_handle().try_clone_to_owned() {
        Ok(errors) => inheritable(errors)?,
        Err(_) => inheritable(OwnedHandle::from(File::options().write(true).open("NUL")?))?,
    };
    let streams = [input.as_raw_handle(), output.as_raw_handle(), errors.as_raw_handle()];
    let leash = Leash::new()?;
    // A job of this process can refuse that any process leaves it, or that one has a further job.
    let apart = |leash| match create(program, role, &streams, CREATE_BREAKAWAY_FROM_JOB, leash) {
        Err(e) if is_refusal(&e) => create(program, role, &streams, 0, leash),
        other => other,
    };
    let process = match apart(Some(&leash)) {
        Err(e) if is_refusal(&e) => apart(None),
        other => other,
    }?;
    leash.release()?;
    Ok(process)
}

/// Returns whether the jobs of this process can be the reason.
fn is_refusal(error: &io::Error) -> bool {
    [ERROR_ACCESS_DENIED, ERROR_NOT_SUPPORTED].iter().any(|code| error.raw_os_error() == Some(code.cast_signed()))
}

/// Lets a child process inherit a handle that names it.
fn inheritable(handle: OwnedHandle) -> io::Result<OwnedHandle> {
    // SAFETY: the handle is open.
    let done = unsafe { SetHandleInformation(handle.as_raw_handle(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(handle) }
}

fn create(
    program: &Path,
    role: &str,
    streams: &[HANDLE; 3],
    flags: u32,
    leash: Option<&Leash>,
) -> io::Result<OwnedHandle> {
    let job = leash.map(|leash| [leash.job()]);
    let attributes = Attributes::new(streams, job.as_ref())?;
    let application: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
    let mut line = command_line(program.as_os_str(), role);
    // SAFETY: the structures are made of integers and pointers, for which zeros are values.
    let mut startup: STARTUPINFOEXW = unsafe { mem::zeroed() };
    startup.StartupInfo.cb = u32::try_from(mem::size_of::<STARTUPINFOEXW>()).map_err(io::Error::other)?;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    [startup.StartupInfo.hStdInput, startup.StartupInfo.hStdOutput, startup.StartupInfo.hStdError] = *streams;
    startup.lpAttributeList = attributes.list();
    // SAFETY: as above.
    let mut made: PROCESS_INFORMATION = unsafe { mem::zeroed() };
    let kind = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
    // SAFETY: both texts end in a zero, the system may change the second one, and all arguments live until the call
    // returns.
    let done = unsafe {
        CreateProcessW(
            application.as_ptr(),
            line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            1,
            kind | flags,
            ptr::null(),
            ptr::null(),
            (&raw const startup).cast(),
            &raw mut made,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has opened the handle of the thread, and no other code has it.
    drop(unsafe { OwnedHandle::from_raw_handle(made.hThread) });
    // SAFETY: as above, of the process.
    Ok(unsafe { OwnedHandle::from_raw_handle(made.hProcess) })
}

/// The path cannot contain quotes, and the role is a word.
fn command_line(program: &OsStr, role: &str) -> Vec<u16> {
    let quote = u16::from(b'"');
    [quote]
        .into_iter()
        .chain(program.encode_wide())
        .chain([quote, u16::from(b' ')])
        .chain(role.encode_utf16())
        .chain([0])
        .collect()
}

/// See [`crate::process::detach`]: the process that started this one has done everything.
pub(crate) fn detach(_: bool) {}

/// A sweep takes no longer than this process.
pub(crate) fn fall_silent() {}

/// An ended process does not remain on record until its parent waits for it.
pub(crate) fn at_exit(_: extern "C" fn()) {}

/// Users have no numbers on this system.
pub(crate) fn effective_user() -> u32 {
    0
}

/// There are no leases on this system.
pub(crate) fn ignore_lease_signals() {}

/// A pipe does not tell which process was at its other end.
pub(crate) fn wait_for_starter() {}

#[cfg(test)]
mod tests;

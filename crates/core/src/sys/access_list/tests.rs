//! For tests of what processes of one user can do with each other's objects. A thread stands for a process that is not
//! elevated: it has a token without administrators and privileges. A process of low integrity, as sandboxes make them, is a
//! real one.

use std::path::Path;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Security::{
    CreateRestrictedToken, CreateWellKnownSid, DACL_SECURITY_INFORMATION, DISABLE_MAX_PRIVILEGE,
    ImpersonateLoggedOnUser, RevertToSelf, SID_AND_ATTRIBUTES, SetKernelObjectSecurity, SetTokenInformation,
    TOKEN_ADJUST_DEFAULT, TOKEN_ASSIGN_PRIMARY, TOKEN_DUPLICATE, TOKEN_IMPERSONATE, TOKEN_MANDATORY_LABEL,
    TokenIntegrityLevel, WELL_KNOWN_SID_TYPE, WinBuiltinAdministratorsSid, WinLowLabelSid,
};
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_READ, FILE_MAP_WRITE, OpenFileMappingW, PAGE_READWRITE,
};
use windows_sys::Win32::System::Threading::{
    CreateProcessAsUserW, DETACHED_PROCESS, GetExitCodeProcess, INFINITE, PROCESS_INFORMATION, STARTUPINFOW,
    WaitForSingleObject,
};

use super::*;
use crate::Name;

/// The access list that an elevated process gives its objects when it names none: only administrators.
const OF_ADMINISTRATORS: &str = "D:P(A;;GA;;;BA)";

/// `SE_GROUP_INTEGRITY` of winnt.h.
const INTEGRITY: u32 = 0x20;

/// Takes administrators and privileges from this thread until the value drops.
pub(in crate::sys) struct NotElevated;

impl NotElevated {
    pub(in crate::sys) fn new() -> Self {
        let mut administrators = WellKnown::new(WinBuiltinAdministratorsSid);
        let token = restricted(&[administrators.with(0)]);
        // SAFETY: the token is open. The thread gets a copy of it.
        assert_ne!(unsafe { ImpersonateLoggedOnUser(token.as_raw_handle()) }, 0, "{}", io::Error::last_os_error());
        Self
    }
}

impl Drop for NotElevated {
    fn drop(&mut self) {
        // SAFETY: the call takes no arguments.
        assert_ne!(unsafe { RevertToSelf() }, 0);
    }
}

/// Runs a program in a process of low integrity, without input and output. Returns its exit code.
pub(in crate::sys) fn run_with_low_integrity(program: &Path, arguments: &[&str]) -> u32 {
    let token = restricted(&[]);
    let mut low = WellKnown::new(WinLowLabelSid);
    let label = TOKEN_MANDATORY_LABEL { Label: low.with(INTEGRITY) };
    let size = u32::try_from(mem::size_of_val(&label)).unwrap();
    // SAFETY: the token is open, and the structure and the identifier that it points to live until the call returns.
    let done = unsafe {
        SetTokenInformation(token.as_raw_handle(), TokenIntegrityLevel, (&raw const label).cast::<c_void>(), size)
    };
    assert_ne!(done, 0, "{}", io::Error::last_os_error());
    let mut line = wide(&format!("\"{}\" {}", program.display(), arguments.join(" ")));
    // SAFETY: the structure is made of integers and pointers, for which zeros are values.
    let mut startup: STARTUPINFOW = unsafe { mem::zeroed() };
    startup.cb = u32::try_from(mem::size_of_val(&startup)).unwrap();
    // SAFETY: as above.
    let mut started: PROCESS_INFORMATION = unsafe { mem::zeroed() };
    // SAFETY: the token is open. The line ends in a zero and may be changed. It and the structures live until the call
    // returns, and the call takes null for what has a default.
    let done = unsafe {
        CreateProcessAsUserW(
            token.as_raw_handle(),
            ptr::null(),
            line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            0,
            DETACHED_PROCESS,
            ptr::null(),
            ptr::null(),
            &raw const startup,
            &raw mut started,
        )
    };
    assert_ne!(done, 0, "{}", io::Error::last_os_error());
    // SAFETY: the call has opened it, and no other code has it.
    let process = unsafe { OwnedHandle::from_raw_handle(started.hProcess) };
    // SAFETY: as above.
    drop(unsafe { OwnedHandle::from_raw_handle(started.hThread) });
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(process.as_raw_handle(), INFINITE) };
    let mut code = 0;
    // SAFETY: the handle is open, and the call writes one number to the given place.
    assert_ne!(unsafe { GetExitCodeProcess(process.as_raw_handle(), &raw mut code) }, 0);
    code
}

/// An identifier of the system. It has at most 68 bytes.
struct WellKnown([u64; 9]);

impl WellKnown {
    fn new(which: WELL_KNOWN_SID_TYPE) -> Self {
        let mut room = [0_u64; 9];
        let mut size = u32::try_from(mem::size_of_val(&room)).unwrap();
        let place = room.as_mut_ptr().cast::<c_void>();
        // SAFETY: the call writes at most `size` bytes to `room`.
        assert_ne!(unsafe { CreateWellKnownSid(which, ptr::null_mut(), place, &raw mut size) }, 0);
        Self(room)
    }

    /// Points to the identifier.
    fn with(&mut self, attributes: u32) -> SID_AND_ATTRIBUTES {
        SID_AND_ATTRIBUTES { Sid: self.0.as_mut_ptr().cast::<c_void>(), Attributes: attributes }
    }
}

/// Returns a copy of this process's token without these groups, and without privileges.
fn restricted(disabled: &[SID_AND_ATTRIBUTES]) -> OwnedHandle {
    const RIGHTS: TOKEN_ACCESS_MASK =
        TOKEN_QUERY | TOKEN_DUPLICATE | TOKEN_IMPERSONATE | TOKEN_ADJUST_DEFAULT | TOKEN_ASSIGN_PRIMARY;
    let process = open_token(RIGHTS).unwrap();
    let mut raw: HANDLE = ptr::null_mut();
    // SAFETY: the token is open, the identifiers live until the call returns, and it writes one handle.
    let done = unsafe {
        CreateRestrictedToken(
            process.as_raw_handle(),
            DISABLE_MAX_PRIVILEGE,
            u32::try_from(disabled.len()).unwrap(),
            disabled.as_ptr(),
            0,
            ptr::null(),
            0,
            ptr::null(),
            &raw mut raw,
        )
    };
    assert_ne!(done, 0, "{}", io::Error::last_os_error());
    // SAFETY: the call has opened it, and no other code has it.
    unsafe { OwnedHandle::from_raw_handle(raw) }
}

/// Lets no process open this one any more. It does not change handles that are open.
pub(in crate::sys) fn refuse_all(process: &impl AsRawHandle) {
    let descriptor = Descriptor::parse("D:P").unwrap();
    // SAFETY: the process's handle is open, and the descriptor lives until the call returns.
    let done = unsafe { SetKernelObjectSecurity(process.as_raw_handle(), DACL_SECURITY_INFORMATION, descriptor.0) };
    assert_ne!(done, 0, "{}", io::Error::last_os_error());
}

fn section(name: &Name, access_list: &str) -> OwnedHandle {
    let descriptor = Descriptor::parse(access_list).unwrap();
    let attributes = descriptor.attributes().unwrap();
    let name = wide(name.as_str());
    // SAFETY: the name ends in a zero. It, the attributes and the descriptor live until the call returns.
    let raw = unsafe {
        CreateFileMappingW(INVALID_HANDLE_VALUE, &raw const attributes, PAGE_READWRITE, 0, 4096, name.as_ptr())
    };
    assert!(!raw.is_null(), "{}", io::Error::last_os_error());
    // SAFETY: the call has opened it, and no other code has it.
    unsafe { OwnedHandle::from_raw_handle(raw) }
}

fn open_section(name: &Name) -> io::Result<()> {
    let name = wide(name.as_str());
    // SAFETY: the name ends in a zero.
    let raw = unsafe { OpenFileMappingW(FILE_MAP_READ | FILE_MAP_WRITE, 0, name.as_ptr()) };
    if raw.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has opened it, and no other code has it.
    drop(unsafe { OwnedHandle::from_raw_handle(raw) });
    Ok(())
}

/// Returns whether this process is elevated, on a system that asks for it. Where that is not so, such a test cannot
/// tell one process from the other.
pub(in crate::sys) fn is_elevated() -> bool {
    let name = Name::random().unwrap();
    let _section = section(&name, OF_ADMINISTRATORS);
    let open = || open_section(&name);
    let elevated = open();
    let other = {
        let _not_elevated = NotElevated::new();
        open()
    };
    let is_denied = |outcome: &io::Result<()>| {
        outcome.as_ref().is_err_and(|e| e.raw_os_error() == Some(ERROR_ACCESS_DENIED.cast_signed()))
    };
    let is_elevated = elevated.is_ok() && is_denied(&other);
    if !is_elevated {
        eprintln!("not tested: to this system, both threads are the same ({elevated:?}, {other:?})");
    }
    is_elevated
}

//! For tests of what an elevated process and one that is not elevated can do with each other's objects. A thread stands for
//! the process that is not elevated: it has a token of the same user without administrators and privileges.

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Security::{
    CreateRestrictedToken, CreateWellKnownSid, DACL_SECURITY_INFORMATION, DISABLE_MAX_PRIVILEGE,
    ImpersonateLoggedOnUser, RevertToSelf, SID_AND_ATTRIBUTES, SetKernelObjectSecurity, TOKEN_DUPLICATE,
    TOKEN_IMPERSONATE, WinBuiltinAdministratorsSid,
};
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_READ, FILE_MAP_WRITE, OpenFileMappingW, PAGE_READWRITE,
};

use super::*;
use crate::Name;

/// The access list that an elevated process gives its objects when it names none: only administrators.
const OF_ADMINISTRATORS: &str = "D:P(A;;GA;;;BA)";

/// Takes administrators and privileges from this thread until the value drops.
pub(in crate::sys) struct NotElevated;

impl NotElevated {
    pub(in crate::sys) fn new() -> Self {
        let process = open_token(TOKEN_QUERY | TOKEN_DUPLICATE | TOKEN_IMPERSONATE).unwrap();
        // An identifier has at most 68 bytes.
        let mut room = [0_u64; 9];
        let administrators = room.as_mut_ptr().cast::<c_void>();
        let mut size = u32::try_from(mem::size_of_val(&room)).unwrap();
        // SAFETY: the call writes at most `size` bytes to `room`.
        let done =
            unsafe { CreateWellKnownSid(WinBuiltinAdministratorsSid, ptr::null_mut(), administrators, &raw mut size) };
        assert_ne!(done, 0);
        let disabled = SID_AND_ATTRIBUTES { Sid: administrators, Attributes: 0 };
        let mut raw: HANDLE = ptr::null_mut();
        // SAFETY: the token is open, the one identifier lives until the call returns, and it writes one handle.
        let done = unsafe {
            CreateRestrictedToken(
                process.as_raw_handle(),
                DISABLE_MAX_PRIVILEGE,
                1,
                &raw const disabled,
                0,
                ptr::null(),
                0,
                ptr::null(),
                &raw mut raw,
            )
        };
        assert_ne!(done, 0, "{}", io::Error::last_os_error());
        // SAFETY: the call has opened it, and no other code has it.
        let restricted = unsafe { OwnedHandle::from_raw_handle(raw) };
        // SAFETY: the token is open. The thread gets a copy of it.
        assert_ne!(unsafe { ImpersonateLoggedOnUser(restricted.as_raw_handle()) }, 0, "{}", io::Error::last_os_error());
        Self
    }
}

impl Drop for NotElevated {
    fn drop(&mut self) {
        // SAFETY: the call takes no arguments.
        assert_ne!(unsafe { RevertToSelf() }, 0);
    }
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

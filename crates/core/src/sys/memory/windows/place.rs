//! The folders of segments: in the user's local application data, which belongs to one user, survives changes of the
//! environment, and does not move to other machines.

use std::ffi::{OsStr, c_void};
use std::fs;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use windows_sys::Win32::Foundation::{ERROR_PROC_NOT_FOUND, HANDLE};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};
use windows_sys::core::{GUID, HRESULT, PCWSTR, PWSTR};

use crate::Name;
use crate::name::{file_of, name_of};
use crate::sys::access_list::wide;

/// `FOLDERID_LocalAppData` of KnownFolders.h.
static LOCAL_APP_DATA: GUID = GUID::from_u128(0xf1b3_2785_6fba_4fcf_9d55_7b8e_7f15_7091);

/// `KF_FLAG_CREATE` of ShlObj_core.h.
const CREATE: u32 = 0x8000;

type GetKnownFolderPath =
    unsafe extern "system" fn(folder: *const GUID, flags: u32, token: HANDLE, path: *mut PWSTR) -> HRESULT;

/// Where the files of this user's segments are.
#[derive(Debug)]
pub(in crate::sys) struct Place {
    segments: PathBuf,
    drafts: PathBuf,
}

impl Place {
    /// Returns the place, whose folders exist.
    pub(in crate::sys) fn get() -> io::Result<&'static Self> {
        static PLACE: OnceLock<Place> = OnceLock::new();
        if let Some(place) = PLACE.get() {
            return Ok(place);
        }
        // Such a path takes a name of any length.
        let mut folder = PathBuf::from(format!(r"\\?\{}", local_application_data()?.display()));
        folder.push("shareable");
        let place = Self { segments: folder.join("segments"), drafts: folder.join("drafts") };
        place.make()?;
        Ok(PLACE.get_or_init(|| place))
    }

    /// Creates the folders, again if another program has removed them.
    pub(super) fn make(&self) -> io::Result<()> {
        fs::create_dir_all(&self.segments)?;
        fs::create_dir_all(&self.drafts)
    }

    /// The folder of the segments that have their names.
    pub(in crate::sys) fn segments(&self) -> &Path {
        &self.segments
    }

    /// The folder of files that are not segments yet, or no longer.
    pub(in crate::sys) fn drafts(&self) -> &Path {
        &self.drafts
    }

    /// The file of the segment of that name.
    pub(in crate::sys) fn of(&self, name: &Name) -> PathBuf {
        self.segments.join(file_of(name.as_str()))
    }

    /// A file that no other process uses.
    pub(super) fn fresh(&self) -> io::Result<PathBuf> {
        let name = Name::random().map_err(|e| io::Error::other(e.message().to_owned()))?;
        Ok(self.drafts.join(name.as_str()))
    }
}

/// Returns the name of the segment that a file in the folder of segments holds.
pub(in crate::sys) fn segment_of(file: &OsStr) -> Option<Name> {
    Name::new(name_of(file.to_str()?)?).ok()
}

/// Asks the system, because programs change environment variables.
fn local_application_data() -> io::Result<PathBuf> {
    let library = wide("shell32.dll");
    // The library is loaded here and not with the program, because it is large, and a tracker seldom needs it.
    // SAFETY: the text ends in a zero, and the reserved argument is null as required.
    let module = unsafe { LoadLibraryExW(library.as_ptr(), std::ptr::null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
    if module.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the module is loaded and never freed, and the name ends in a zero.
    let found = unsafe { GetProcAddress(module, c"SHGetKnownFolderPath".as_ptr().cast()) };
    let missing = || io::Error::from_raw_os_error(ERROR_PROC_NOT_FOUND.cast_signed());
    let function = found.ok_or_else(missing)?;
    // SAFETY: this is the function's type in ShlObj_core.h.
    let get: GetKnownFolderPath = unsafe { std::mem::transmute(function) };
    let mut path: PWSTR = std::ptr::null_mut();
    // SAFETY: the identifier lives until the call returns, no token means this user, and the call writes one pointer to
    // the given place.
    let result = unsafe { get(&raw const LOCAL_APP_DATA, CREATE, std::ptr::null_mut(), &raw mut path) };
    if result < 0 || path.is_null() {
        return Err(io::Error::other(format!(
            "the system does not tell the folder of local application data (HRESULT {result:#x})"
        )));
    }
    // SAFETY: the call has written a text with a zero at its end. It is never freed, because this happens once.
    let units = unsafe { until_zero(path) };
    Ok(PathBuf::from(std::ffi::OsString::from_wide(units)))
}

/// Returns a text without the zero at its end.
///
/// # Safety
/// `text` ends in a zero and lives for `'a`.
pub(super) unsafe fn until_zero<'a>(text: PCWSTR) -> &'a [u16] {
    let mut len = 0;
    loop {
        // SAFETY: the caller's duty: every unit up to the zero exists.
        let unit = unsafe { text.add(len) };
        // SAFETY: as above.
        if unsafe { unit.read() } == 0 {
            break;
        }
        len += 1;
    }
    // SAFETY: the units before the zero exist, as the loop has found.
    unsafe { std::slice::from_raw_parts(text, len) }
}

/// Returns a library's function.
pub(super) fn function(library: &str, name: &std::ffi::CStr) -> Option<*const c_void> {
    let library = wide(library);
    // SAFETY: the text ends in a zero.
    let module = unsafe { windows_sys::Win32::System::LibraryLoader::GetModuleHandleW(library.as_ptr()) };
    if module.is_null() {
        return None;
    }
    // SAFETY: the module is loaded, and the name ends in a zero.
    unsafe { GetProcAddress(module, name.as_ptr().cast()) }.map(|function| function as *const c_void)
}

//! Where seats are kept on macOS.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The folder of this user's caches, for [`crate::sys::seat`]: confstr(3) gives every process of the user the same one,
/// whatever its environment says, and nothing removes files there that were not used for some days, as it happens to
/// temporary ones. A process that looked elsewhere would take living holders for dead.
pub(crate) fn seat_folder() -> io::Result<PathBuf> {
    let mut buffer = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: the call writes at most as many bytes as the buffer has, and a NUL at the end.
    let len = unsafe { libc::confstr(libc::_CS_DARWIN_USER_CACHE_DIR, buffer.as_mut_ptr().cast(), buffer.len()) };
    match CStr::from_bytes_until_nul(&buffer) {
        Ok(path) if (2..=buffer.len()).contains(&len) => Ok(PathBuf::from(OsStr::from_bytes(path.to_bytes()))),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "the system names no folder for this user's caches")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_kept_in_a_folder_of_the_users_own() {
        let folder = seat_folder().unwrap();
        assert!(folder.is_absolute() && folder.is_dir(), "{}", folder.display());
    }
}

//! The folder of the registry. It does not depend on the environment variables of a process, so that all processes of a
//! user agree on it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;

use rustix::process::geteuid;

/// Returns the folder, which only this user may use. Creates it if asked to.
///
/// # Errors
/// `NotFound`; `PermissionDenied` if another user has made it.
pub(super) fn folder(create: bool) -> io::Result<PathBuf> {
    let folder = place()?;
    if create
        && let Err(e) = DirBuilder::new().mode(0o700).create(&folder)
        && e.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(e);
    }
    let found = fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(folder)
}

/// A folder below the user's folder for caches, which the system makes, and which no environment variable moves.
#[cfg(target_os = "macos")]
fn place() -> io::Result<PathBuf> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let mut path = vec![0_u8; libc::PATH_MAX.unsigned_abs() as usize];
    // SAFETY: the call writes at most the given number of bytes to the buffer, which has that many.
    let needed = unsafe { libc::confstr(libc::_CS_DARWIN_USER_CACHE_DIR, path.as_mut_ptr().cast(), path.len()) };
    if needed == 0 || needed > path.len() {
        return Err(io::ErrorKind::NotFound.into());
    }
    // Without the zero at the end.
    path.truncate(needed - 1);
    Ok(PathBuf::from(OsString::from_vec(path)).join("shareable"))
}

/// In the simulation.
#[cfg(not(target_os = "macos"))]
#[expect(clippy::unnecessary_wraps, reason = "macOS can fail here")]
fn place() -> io::Result<PathBuf> {
    #[cfg(test)]
    if let Some(place) = PLACE.with_borrow(Clone::clone) {
        return Ok(place);
    }
    Ok(PathBuf::from(format!("/tmp/shareable-registry-{}", geteuid().as_raw())))
}

#[cfg(all(test, not(target_os = "macos")))]
thread_local! {
    /// The folder for the tests of this thread, so that the sweeps of others do not clean up what they examine.
    pub(in crate::sys) static PLACE: std::cell::RefCell<Option<PathBuf>> = const { std::cell::RefCell::new(None) };
}

//! The release of the running kernel of Linux.

use std::ffi::CStr;
use std::mem::MaybeUninit;

/// Returns the first two numbers; `None` where the system does not tell them. Signal-safe. Not by rustix, which panics where a
/// sandbox refuses uname(2).
pub(in crate::sys) fn current() -> Option<(u32, u32)> {
    // SAFETY: the structure is made of arrays of characters, for which zeros are values.
    let mut name = unsafe { MaybeUninit::<libc::utsname>::zeroed().assume_init() };
    // SAFETY: the call writes one structure, which lives until it returns.
    if unsafe { libc::uname(&raw mut name) } != 0 {
        return None;
    }
    // SAFETY: the kernel ends the text with a NUL, and the structure was zeros before.
    parse(unsafe { CStr::from_ptr(name.release.as_ptr()) }.to_bytes())
}

/// Returns the first two numbers of a release such as `6.12.0-rc1`.
fn parse(release: &[u8]) -> Option<(u32, u32)> {
    let mut numbers =
        release.split(|byte| !byte.is_ascii_digit()).map(|digits| str::from_utf8(digits).ok()?.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[test]
fn a_release_is_read_from_its_first_two_numbers() {
    assert_eq!(parse(b"6.12.0-rc1"), Some((6, 12)));
    assert_eq!(parse(b"6.6.87.2-microsoft-standard-WSL2"), Some((6, 6)));
    assert_eq!(parse(b"10.0+"), Some((10, 0)));
    assert!([&b""[..], b"6", b"linux", b"99999999999.1"].iter().all(|release| parse(release).is_none()));
    assert!(current().is_some_and(|release| release > (2, 0)));
}

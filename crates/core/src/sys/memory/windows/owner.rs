//! Which process owns a segment. Its file has no room for that: the section takes the pages that CPython maps, and a file
//! system would fill everything before a record at the end with zeros. So the owner keeps an object of the system open, an
//! event that nobody sets, whose name is the record. It ends with its owner, and a list of the session's objects shows it.
//!
//! Any process of the session can make such an object. So the record is only shown, and nothing is removed because of it.

use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::OnceLock;

use windows_sys::Win32::System::Threading::CreateEventW;

use crate::Identity;
use crate::sys::access_list::wide;
use crate::sys::birth::start_time;

const PREFIX: &str = "shareable-owner-";

/// The record of one segment, as long as the value lives.
#[derive(Debug)]
pub(super) struct Record {
    /// Nothing uses it: that it is open is the record.
    _event: OwnedHandle,
}

impl Record {
    /// Records that this process owns a segment; `None` if the system refuses, which leaves the owner unknown.
    pub(super) fn of_this_process(identity: Identity) -> Option<Self> {
        static START: OnceLock<Option<u64>> = OnceLock::new();
        let pid = std::process::id();
        let start = (*START.get_or_init(|| start_time(pid)))?;
        let name = wide(&name(&Owner { identity, pid, start }));
        // SAFETY: the name ends in a zero and lives until the call returns. Without attributes, the object gets those of
        // the process, which is enough for what only its name tells.
        let raw = unsafe { CreateEventW(ptr::null(), 1, 0, name.as_ptr()) };
        if raw.is_null() {
            return None;
        }
        // SAFETY: the call has opened it, and no other code has it.
        Some(Self { _event: unsafe { OwnedHandle::from_raw_handle(raw) } })
    }
}

/// What the name of a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sys) struct Owner {
    pub(in crate::sys) identity: Identity,
    pub(in crate::sys) pid: u32,
    /// When that process started, in the unit of the system.
    pub(in crate::sys) start: u64,
}

fn name(&Owner { identity: Identity { device, inode }, pid, start }: &Owner) -> String {
    format!("{PREFIX}{device:x}-{inode:x}-{pid:x}-{start:x}")
}

/// Reads the name of an event; `None` for one that is no record.
pub(in crate::sys) fn read(name: &str) -> Option<Owner> {
    let mut numbers = name.strip_prefix(PREFIX)?.split('-').map(|digits| u64::from_str_radix(digits, 16).ok());
    let mut next = || numbers.next().flatten();
    let identity = Identity { device: next()?, inode: next()? };
    let owner = Owner { identity, pid: u32::try_from(next()?).ok()?, start: next()? };
    numbers.next().is_none().then_some(owner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_tells_what_was_written((device, inode, pid, start) in any::<(u64, u64, u32, u64)>()) {
            let owner = Owner { identity: Identity { device, inode }, pid, start };
            let name = name(&owner);
            // The most that the system takes is 260.
            prop_assert!(name.len() < 100);
            prop_assert_eq!(read(&name), Some(owner));
        }

        #[test]
        fn any_name_is_read_or_refused(text in "(shareable-owner-)?[0-9a-f+-]{0,40}|.{0,40}") {
            let _ = read(&text);
        }
    }

    #[test]
    fn other_names_are_no_records() {
        for other in ["", "shareable-owner-", "shareable-owner-1-2-3", "shareable-owner-1-2-3-4-5", "shareable-1-2-3"] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(read("shareable-owner-1-2-100000000-4"), None, "no process has such a number");
    }
}

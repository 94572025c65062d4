//! What removes an owned segment when every process that looks after it is killed at once: handles by which the system
//! removes the file when they close. This process has one, and its tracker a copy. So the death of the one leaves the
//! file to the tracker, which removes its name at once and reports it; the death of both removes the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::mem;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::path::Path;
use std::ptr;
use std::sync::{Mutex, MutexGuard};

use windows_sys::Win32::Foundation::{DUPLICATE_CLOSE_SOURCE, DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use super::file;
use super::owner::Record;
use super::place::Place;
use crate::{Identity, Name, mutex};

/// A handle by which the system removes a file. Its process owns the segment, which is on record as long.
#[derive(Debug)]
struct Guard {
    file: File,
    copy: Option<Copy>,
    record: Option<Record>,
}

impl Guard {
    fn new(identity: Identity, file: File) -> Self {
        Self { file, copy: None, record: Record::of_this_process(identity) }
    }
}

/// A copy of the handle, in another process.
#[derive(Debug)]
struct Copy {
    process: OwnedHandle,
    handle: usize,
}

static GUARDS: Mutex<BTreeMap<Identity, Guard>> = Mutex::new(BTreeMap::new());

fn guards() -> MutexGuard<'static, BTreeMap<Identity, Guard>> {
    // A panic elsewhere leaves the table whole: each change to it is one call.
    mutex::lock(&GUARDS)
}

/// Keeps the handle of a new file.
pub(super) fn keep(identity: Identity, file: File) {
    let guard = Guard::new(identity, file);
    guards().insert(identity, guard);
}

/// Lets a tracker guard a segment too. A segment that another process has created is guarded from now on.
pub(in crate::sys) fn share(name: &str, identity: Identity, tracker: BorrowedHandle<'_>) {
    let mut guards = guards();
    let is_new = !guards.contains_key(&identity);
    if is_new {
        // Without a guard, the tracker still removes the segment by its name.
        let Some(file) = open(name, identity) else { return };
        guards.insert(identity, Guard::new(identity, file));
    }
    let Some(guard) = guards.get_mut(&identity) else { return };
    let Ok(process) = tracker.as_handle().try_clone_to_owned() else { return };
    // The copy of an earlier tracker has ended with it.
    guard.copy = copy(&guard.file, process);
}

/// Gives a tracker a copy of a handle; `None` when the tracker has ended.
fn copy(file: &File, process: OwnedHandle) -> Option<Copy> {
    let mut handle: HANDLE = ptr::null_mut();
    // SAFETY: the call takes no arguments, and its result does not need closing.
    let own = unsafe { GetCurrentProcess() };
    // SAFETY: both processes' handles and that of the file are open, and the call writes one handle to the given place,
    // which means something in the tracker only.
    let is_done = unsafe {
        DuplicateHandle(
            own,
            file.as_raw_handle(),
            process.as_raw_handle(),
            &raw mut handle,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        )
    };
    (is_done != 0).then(|| Copy { process, handle: handle.expose_provenance() })
}

fn open(name: &str, identity: Identity) -> Option<File> {
    let path = Place::get().ok()?.of(&Name::new(name).ok()?);
    if file::facts_at(&path).ok()?.identity != identity {
        return None;
    }
    let file = file::open_to_guard(&path).ok()?;
    if file::facts(&file).is_ok_and(|facts| facts.identity == identity) {
        return Some(file);
    }
    // The name has got another segment meanwhile, which has to stay.
    let _ = file::keep_after_close(&file);
    None
}

/// Ends the guard of a segment that was unlinked, or that another process owns from now on.
pub(crate) fn relieve(identity: Identity) {
    let guard = guards().remove(&identity);
    if let Some(guard) = guard {
        guard.end();
    }
}

/// Replaces the guard of a file that has been renamed: the handle may remember the name under which it was opened.
pub(super) fn renew(identity: Identity, path: &Path) {
    let mut guards = guards();
    let Some(guard) = guards.get_mut(&identity) else { return };
    // The old guard is better than none.
    let Ok(file) = file::open_to_guard(path) else { return };
    let tracker = guard.copy.as_ref().and_then(|old| old.process.try_clone().ok());
    let copy = tracker.and_then(|process| copy(&file, process));
    let record = guard.record.take();
    mem::replace(guard, Guard { file, copy, record }).end();
}

impl Guard {
    /// Closes the handles and leaves the file alone. A file that was unlinked is removed all the same.
    fn end(self) {
        if file::keep_after_close(&self.file).is_err() {
            // The system cannot do that, so the handle stays open: its end would remove the file.
            mem::forget(self);
        }
    }
}

impl Drop for Copy {
    /// Closes the handle in the tracker.
    fn drop(&mut self) {
        let source = ptr::with_exposed_provenance_mut(self.handle);
        // SAFETY: the process's handle is open. The other handle is the copy that `share` has made there; a tracker closes
        // no handle by itself. The call closes it and opens none.
        unsafe {
            DuplicateHandle(
                self.process.as_raw_handle(),
                source,
                ptr::null_mut(),
                ptr::null_mut(),
                0,
                0,
                DUPLICATE_CLOSE_SOURCE,
            )
        };
    }
}

/// Ends the guard of a file that never became a segment: the file goes.
pub(super) fn discard(identity: Identity) {
    guards().remove(&identity);
}

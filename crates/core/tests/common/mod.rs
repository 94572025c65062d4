//! Shared by the tests: segments that clean up after themselves, and a watchdog.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::ops::Deref;
use std::process;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use shareable_core::{AttachOptions, CreateOptions, Error, Lifetime, Name, Result, Segment};

/// Ends the process when the test that holds it hangs.
pub struct Watchdog(mpsc::Sender<()>);

/// Starts a watchdog for the test that calls it.
pub fn watchdog() -> Watchdog {
    let (alive, gone) = mpsc::channel();
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if gone.recv_timeout(Duration::from_mins(1)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{test} hangs");
            process::abort();
        }
    });
    Watchdog(alive)
}

/// A segment whose name is unlinked on drop, even if the test fails.
#[derive(Debug)]
pub struct Temporary(pub Segment);

impl Deref for Temporary {
    type Target = Segment;

    fn deref(&self) -> &Segment {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may be unlinked already.
        let _ = self.0.unlink();
    }
}

/// Creates a segment of `size` bytes with a new name.
pub fn fresh(size: usize) -> Temporary {
    Temporary(Segment::create(size, &detached(None)).unwrap())
}

pub fn random() -> Name {
    Name::random().unwrap()
}

/// The options of a segment without an owner.
pub fn detached(name: Option<&Name>) -> CreateOptions {
    CreateOptions { name: name.cloned(), lifetime: Lifetime::Detached, ..CreateOptions::default() }
}

/// The options of a segment that its creator owns.
pub fn owned(name: Option<&Name>) -> CreateOptions {
    CreateOptions { name: name.cloned(), ..CreateOptions::default() }
}

pub fn attach(name: &Name) -> Result<Segment> {
    Segment::attach(name, AttachOptions::default())
}

/// Returns the error of an operation that must fail.
#[track_caller]
pub fn refused<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("this should have been refused"),
        Err(error) => error,
    }
}

pub fn exists(name: &Name) -> bool {
    attach(name).is_ok()
}

/// Loads the word at `index`, counted in words of 8 bytes.
pub fn load(segment: &Segment, index: usize) -> u64 {
    segment.mapping().bytes().unwrap().words(index * 8..index * 8 + 8).unwrap()[0].load(Acquire)
}

/// Stores the word at `index`.
pub fn store(segment: &Segment, index: usize, value: u64) {
    segment.mapping().bytes().unwrap().words(index * 8..index * 8 + 8).unwrap()[0].store(value, Release);
}

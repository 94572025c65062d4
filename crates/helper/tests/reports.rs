//! The roles that report, run as the command line runs them.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use shareable_core::{CreateOptions, Lifetime, Segment};

/// A segment that is unlinked on drop.
struct Temporary(Segment);

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(self.0.unlink());
    }
}

fn temporary() -> Temporary {
    let options = CreateOptions { lifetime: Lifetime::Detached, ..CreateOptions::default() };
    Temporary(Segment::create(64, &options).unwrap())
}

fn helper(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shareable-helper")).args(arguments).output().unwrap()
}

fn report(arguments: &[&str]) -> Value {
    let output = helper(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns what `list` reports about a segment.
fn listed(segment: &Segment) -> Option<Value> {
    let all = report(&["list"]);
    all.as_array().unwrap().iter().find(|found| found["name"] == segment.name().as_str()).cloned()
}

#[test]
fn list_survives_the_lease_signal_when_others_open_its_segments() {
    const RUNS: usize = 50;
    let Temporary(segment) = &temporary();
    segment.close();
    let path = format!("/dev/shm/{}", segment.name());
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                drop(File::open(&path));
            }
        });
        let ended: Vec<_> = (0..RUNS).map(|_| helper(&["list"]).status).filter(|status| !status.success()).collect();
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(ended, []);
    });
}

#[test]
fn remove_removes_what_list_has_shown_and_nothing_else() {
    let Temporary(segment) = &temporary();
    let found = listed(segment).unwrap();
    let [name, device, inode] = ["name", "device", "inode"].map(|key| found[key].as_str().unwrap());

    for [device, inode] in [[device, "1"], ["1", inode], ["", inode], [device, "x"]] {
        assert_eq!(report(&["remove", name, device, inode])["error"]["kind"], "NotFound");
    }
    assert!(listed(segment).is_some());

    assert_eq!(report(&["remove", name, device, inode]), json!({ "error": null }));
    assert!(listed(segment).is_none());
    assert_eq!(report(&["remove", name, device, inode])["error"]["kind"], "NotFound");
}

#[test]
fn remove_refuses_an_invalid_name() {
    for name in ["", "..", "../etc/passwd", "a\nb"] {
        assert_eq!(report(&["remove", name, "1", "1"])["error"]["kind"], "InvalidValue", "{name:?}");
    }
}

#[test]
fn about_tells_version_and_memory() {
    let about = report(&["about"]);
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert!(about["residentBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{about}");
}

#[test]
fn another_role_is_refused() {
    for arguments in [&[][..], &["frobnicate"], &["remove", "x"], &["list", "x"]] {
        assert_eq!(helper(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

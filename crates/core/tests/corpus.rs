//! Runs every input that fuzzing has kept, without the fuzzer, on every platform.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// Runs a target over its part of the corpus.
#[track_caller]
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        catch_unwind(AssertUnwindSafe(|| run(&input))).unwrap_or_else(|panic| {
            eprintln!("the input is {}", path.display());
            resume_unwind(panic)
        });
        count += 1;
    }
    assert!(count > 10, "{count} inputs in {} are not the corpus", folder.display());
}

#[test]
fn no_bytes_make_a_list_misbehave() {
    replay("list", targets::list::run);
}

#[test]
fn values_come_back_from_every_list_as_they_went_in() {
    replay("codec", targets::codec::run);
}

#[test]
fn no_bytes_make_a_ledger_misbehave() {
    replay("ledger", targets::ledger::run);
}

#[test]
fn no_bytes_make_an_array_misbehave() {
    replay("npy", targets::npy::run);
}

#[test]
fn no_bytes_make_a_ring_misbehave() {
    replay("channel", targets::channel::run);
}

#[test]
fn no_bytes_make_a_gate_misbehave() {
    replay("gate", targets::gate::run);
}

#[test]
fn no_bytes_make_a_tracker_misbehave() {
    replay("tracker", targets::tracker::run);
}

#[test]
fn no_bytes_make_a_trailer_misbehave() {
    replay("trailer", targets::trailer::run);
}

#[test]
fn no_bytes_make_a_manager_or_its_members_misbehave() {
    replay("manager", targets::manager::run);
}

#[test]
fn only_a_client_with_the_key_completes_a_handshake() {
    replay("handshake", targets::handshake::run);
}

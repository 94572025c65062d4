//! One operation, between two marks that a system call tracer sees.

use std::fs;
use std::io::{IoSliceMut, stdin};

use rustix::io::readv;
use rustix::process::{Pid, Signal, getpid, kill_process, test_kill_process};
use shareable_core::Error;

use crate::operation::{operate, prepare, tidy_up};

/// No other memory of this process has this many bytes.
pub const SIZE: usize = 211 * 4096;

/// Runs the role: the same operation again and again, until the other end of standard input closes.
pub fn run(operation: &str, name: &str, victim: &str) {
    while cycle(operation, name, victim).is_some() {}
}

fn cycle(operation: &str, name: &str, victim: &str) -> Option<()> {
    let mut held = prepare(operation, name, victim);
    println!("ready");
    wait()?;
    mark();
    let outcome = operate(operation, name, victim, &mut held);
    mark();
    println!("{}", outcome.map_or_else(|e| describe(&e), |()| "ok".to_owned()));
    wait()?;
    let leftovers = tidy_up(name, held);
    println!("{}", leftovers.map_or_else(|e| describe(&e), |()| inventory()));
    wait()
}

fn describe(error: &Error) -> String {
    format!("error {:?} {}", error.kind(), error.message())
}

/// Waits for a line, by a system call that is made nowhere else. A tracer that attaches while the call runs may or may
/// not count it.
fn wait() -> Option<()> {
    let (mut line, mut nothing) = ([0], [0]);
    let read = readv(stdin(), &mut [IoSliceMut::new(&mut line), IoSliceMut::new(&mut nothing)]);
    (read == Ok(1)).then_some(())
}

/// Makes a system call that does nothing and is made nowhere else.
fn mark() {
    let _ = test_kill_process(getpid());
}

/// Counts open files, mappings of segments or of the size of ours, and children.
fn inventory() -> String {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let is_ours = |line: &&str| line.contains("/dev/shm/") || length(line) == Some(SIZE);
    let files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    format!("files={files} mappings={} children={}", maps.lines().filter(is_ours).count(), children().len())
}

/// Returns the length of the range in a line of proc_pid_maps(5).
fn length(line: &str) -> Option<usize> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    let parse = |address| usize::from_str_radix(address, 16).ok();
    Some(parse(end)? - parse(start)?)
}

fn children() -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/self/task/{0}/children", std::process::id())).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Kills the helper, and waits until it has ended.
pub fn kill_helper() {
    for pid in children() {
        let _ = kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL);
        // It has ended when its last thread has; then it is a zombie, which its parent reaps.
        let is_gone = || {
            let is_zombie = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
            is_zombie && fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count) == 1
        };
        while !is_gone() {
            std::thread::yield_now();
        }
    }
}

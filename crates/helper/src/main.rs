//! The helper executable. Its first argument is its role.
//!
//! - `tracker [ledger]`: unlinks what one process owns when that process has ended, and warns about it. It reads that
//!   from a ledger, which it gets as descriptor 3, and from standard input;
//! - `silent-tracker [ledger]`: the same without the warning;
//! - `detailed-tracker [ledger]`: the same with the warning, and a line for each segment that its sweep removes;
//! - `manager`: keeps the segments that many processes create, and unlinks them when the process that started it ends;
//! - `sweep`: removes the segments that dead owners left behind, and reports as JSON;
//! - `list`: reports all segments as JSON;
//! - `remove NAME DEVICE INODE`: removes one segment that `list` has reported, and reports as JSON;
//! - `about`: reports on the helper itself as JSON.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use shareable_core::tracker::{DETAILED_ROLE, LEDGER, ROLE, SILENT_ROLE, Warnings};

mod report;
mod serve;
mod track;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    // Checking whether a segment is in use takes a lease on it, and the lease's signal must not end this process.
    shareable_core::process::ignore_lease_signals();
    match arguments[..] {
        [ROLE] => track::run(Warnings::Written, false),
        [ROLE, LEDGER] => track::run(Warnings::Written, true),
        [SILENT_ROLE] => track::run(Warnings::Silent, false),
        [SILENT_ROLE, LEDGER] => track::run(Warnings::Silent, true),
        [DETAILED_ROLE] => track::run(Warnings::Detailed, false),
        [DETAILED_ROLE, LEDGER] => track::run(Warnings::Detailed, true),
        [shareable_core::manager::ROLE] => serve::run(),
        ["sweep"] => print(&report::sweep()),
        ["list"] => print(&report::list()),
        ["remove", name, device, inode] => print(&report::remove(name, device, inode)),
        ["about"] => print(&report::about()),
        _ => {
            eprintln!(
                "shareable-helper is started by the package shareable; its roles are tracker, manager, sweep, list, remove and about"
            );
            ExitCode::from(2)
        }
    }
}

fn print<T: Serialize>(report: &T) -> ExitCode {
    let mut out = io::stdout().lock();
    let written = serde_json::to_writer(&mut out, report).map_err(io::Error::from).and_then(|()| writeln!(out));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

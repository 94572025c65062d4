//! The role of the tracker.

use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use shareable_core::stale::Fate;
use shareable_core::tracker::protocol::Decoder;
use shareable_core::tracker::{Ledger, Shared, Warnings, warning};

/// The second line of the warning: how to avoid it.
const ADVICE: &str = "resource_tracker: They are unlinked now. To avoid this warning, create them with `using`, or dispose \
                      of them in process.on('exit'): `using` does not run on signals or process.exit(). See \
                      docs/lifetime.md; SHAREABLE_LEAKS=silent turns the warning off.";

/// Whether a process waits for the end of this one.
static HURRY: AtomicBool = AtomicBool::new(false);

/// Follows one process until it has ended, then cleans up after it.
pub(crate) fn run(warnings: Warnings, has_ledger: bool) -> ExitCode {
    shareable_core::process::detach(has_ledger);
    let shared = if has_ledger { Shared::adopt().ok() } else { None };
    if let Some(shared) = &shared {
        shared.watch();
    }
    // Segments that others left behind when all processes died at once. On another thread, so that no process waits for
    // it. If the thread cannot be started, the main work continues.
    let sweep = thread::Builder::new().spawn(move || sweep(warnings));
    let ledger = follow(io::stdin().lock());
    if !ledger.is_finished() {
        shareable_core::process::wait_for_starter();
    }
    HURRY.store(true, Ordering::Relaxed);
    let mut leaked = ledger.clean();
    leaked.extend(shared.iter().flat_map(Shared::clean));
    if let Some(warning) = warning(&leaked).filter(|_| warnings != Warnings::Silent) {
        // In one call, or the lines of several trackers would be mixed. Standard error may be closed.
        let _ = io::stderr().write_all(format!("{warning}\n{ADVICE}\n").as_bytes());
    }
    // The sweep may take more time, and no process should wait for it.
    shareable_core::process::fall_silent();
    drop(sweep.map(thread::JoinHandle::join));
    ExitCode::SUCCESS
}

/// Sweeps, and writes a line for each segment that it removes, in the form of Node's `util.debuglog`.
fn sweep(warnings: Warnings) {
    let swept = shareable_core::stale::sweep(&HURRY);
    if warnings != Warnings::Detailed {
        return;
    }
    let pid = std::process::id();
    let removed = swept.iter().filter(|(_, fate)| matches!(fate, Fate::Removed));
    let lines: Vec<_> = removed.map(|(name, _)| format!("SHAREABLE {pid}: sweep name='{name}'\n")).collect();
    // Standard error may be closed.
    let _ = io::stderr().write_all(lines.concat().as_bytes());
}

/// Reads the messages of the process until its end, or until it waits for this one.
fn follow(mut stream: impl Read) -> Ledger {
    let mut ledger = Ledger::default();
    let mut decoder = Some(Decoder::default());
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return ledger,
            Ok(read) => {
                // After invalid bytes the rest cannot be parsed, but the end of the process still counts.
                let frames = decoder.as_mut().map(|decoder| decoder.push(&buffer[..read]));
                match frames {
                    Some(Ok(frames)) => frames.into_iter().for_each(|frame| ledger.note(frame)),
                    Some(Err(_)) => decoder = None,
                    None => {}
                }
                if ledger.is_finished() {
                    return ledger;
                }
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // The connection is lost, which is how the system reports some ends.
            Err(_) => return ledger,
        }
    }
}

#[cfg(test)]
mod tests {
    use shareable_core::Identity;
    use shareable_core::tracker::protocol::{Frame, Registration};

    use super::*;

    fn register(inode: u64) -> Vec<u8> {
        let identity = Identity { device: u64::MAX, inode };
        Frame::Register(Registration { identity, size: 1, name: format!("never-{inode}"), origin: String::new() })
            .encode()
    }

    #[test]
    fn a_stream_that_ends_in_the_middle_of_a_frame_counts_what_came_whole() {
        let mut stream = [register(1), register(2)].concat();
        stream.truncate(stream.len() - 1);
        assert_eq!(format!("{:?}", follow(&stream[..])).matches("never-").count(), 1);
    }

    #[test]
    fn garbage_does_not_end_the_watch_and_keeps_what_came_before() {
        let stream = [register(1), vec![0xff; 5000]].concat();
        assert_eq!(format!("{:?}", follow(&stream[..])).matches("never-").count(), 1);
    }

    #[test]
    fn a_missing_segment_is_not_a_leak() {
        assert_eq!(follow(&register(1)[..]).clean(), []);
        assert_eq!(warning(&[]), None);
    }
}

//! A process for the fault commands of `test/verify/faults`, which stop, starve or kill it while it uses segments.
//!
//! - `step OPERATION NAME VICTIM HELPER`: prepares, and prints `ready`. After one line of input, it does the operation
//!   and prints the result. After a second line, it tidies up and prints what it still holds. After a third, it starts
//!   over;
//! - `random PREFIX VICTIM HELPER SEED MICROSECONDS`: uses segments at random until it kills itself;
//! - `own PREFIX COUNT SIZE HELPER`: owns segments, prints `ready` and waits to be killed. If the helper is `-`, it has
//!   no tracker.

#[cfg(target_os = "linux")]
mod operation;
#[cfg(target_os = "linux")]
mod random;
#[cfg(target_os = "linux")]
mod step;

#[cfg(target_os = "linux")]
fn main() {
    use std::io::{Read, stdin};

    use shareable_core::{Segment, tracker};

    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let track = |helper: &str| {
        if helper != "-" {
            tracker::set_program(helper.into(), tracker::Warnings::Written);
        }
    };
    match arguments[..] {
        ["step", operation, name, victim, helper] => {
            track(helper);
            step::run(operation, name, victim);
        }
        ["random", prefix, victim, helper, seed, microseconds] => {
            track(helper);
            random::run(prefix, victim, number(seed), number(microseconds));
        }
        ["own", prefix, count, size, helper] => {
            track(helper);
            let size = usize::try_from(number(size)).expect("a size");
            let create = |index| Segment::create(size, &operation::owned(&format!("{prefix}{index}")));
            let segments: Vec<_> = (0..number(count)).map(|index| create(index).expect("a segment")).collect();
            println!("ready");
            // The parent keeps the other end open.
            let _ = stdin().read(&mut [0]);
            // Not dropped: this process must leave them behind.
            std::mem::forget(segments);
        }
        _ => panic!("{arguments:?} is not what this program understands; see the top of its source"),
    }
}

#[cfg(target_os = "linux")]
fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the fault commands run on Linux");
}

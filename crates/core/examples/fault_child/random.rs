//! Uses segments at random, until the process kills itself at an arbitrary moment.

use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use shareable_core::{AttachOptions, CreateOptions, Kind, Name, Result, Segment};

use crate::operation::owned;

/// A xorshift generator: the same seed makes the same program.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }
}

/// Runs the role. Never returns.
pub fn run(prefix: &str, victim: &str, seed: u64, microseconds: u64) {
    thread::spawn(move || {
        thread::sleep(Duration::from_micros(microseconds));
        let _ = kill_process(getpid(), Signal::KILL);
    });
    let mut random = Random(seed | 1);
    let mut held: Vec<Segment> = Vec::new();
    loop {
        match step(prefix, victim, &mut random, &mut held) {
            // There are few names, so that uses collide; and one may be unlinked twice.
            Err(e) if !matches!(e.kind(), Kind::Exists | Kind::NotFound) => {
                eprintln!("unexpected: {e}");
                return;
            }
            _ => {}
        }
    }
}

fn step(prefix: &str, victim: &str, random: &mut Random, held: &mut Vec<Segment>) -> Result<()> {
    let name = format!("{prefix}{}", random.below(8));
    let size = 1 + random.below(20_000);
    let name = Name::new(&name)?;
    match random.below(7) {
        0 | 1 => held.push(Segment::create(size, &owned(name.as_str()))?),
        2 => held.push(Segment::create_or_attach(&name, 1, &CreateOptions::default())?),
        3 => held.push(Segment::attach(&Name::new(victim)?, AttachOptions::default())?),
        _ if held.is_empty() => {}
        chosen => {
            let segment = held.swap_remove(random.below(held.len()));
            match chosen {
                4 => segment.dispose()?,
                5 if segment.is_owner() => segment.unlink()?,
                _ => segment.close(),
            }
        }
    }
    Ok(())
}

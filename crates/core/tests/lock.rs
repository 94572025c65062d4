//! A lock between processes. The other processes are this test program, run again.

mod common;

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{detached, watchdog};
use shareable_core::lock::{Lock, Taken};
use shareable_core::{AttachOptions, Name};

/// The environment variable with the name of the lock that a child of this program holds.
const HOLD: &str = "SHAREABLE_TEST_HOLD";

const RECOVERED: Option<Taken> = Some(Taken { recovered: true });
const CLEAN: Option<Taken> = Some(Taken { recovered: false });
const LONG: Duration = Duration::from_secs(20);

/// A lock whose name is unlinked on drop, even if the test fails.
struct Fresh(Lock);

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = self.0.unlink();
    }
}

fn fresh() -> Fresh {
    Fresh(Lock::create(&detached(None)).unwrap())
}

impl Fresh {
    /// Starts another process, which holds the lock when this returns.
    fn held_by_another(&self) -> Child {
        self.held_by_another_in(&env::temp_dir())
    }

    /// As above, with another temporary folder.
    fn held_by_another_in(&self, temporary: &Path) -> Child {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child_that_holds_a_lock", "--nocapture"])
            .env(HOLD, self.0.name().as_str())
            .envs(["TMPDIR", "TMP", "TEMP"].map(|variable| (variable, temporary)))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        assert!(output.lines().map_while(Result::ok).any(|line| line.ends_with("held")));
        child
    }
}

#[test]
#[ignore = "what the other tests start"]
fn child_that_holds_a_lock() {
    let Ok(name) = env::var(HOLD) else { return };
    let lock = Lock::attach(&Name::new(&name).unwrap(), AttachOptions::default()).unwrap();
    lock.acquire(LONG).unwrap().unwrap();
    println!("held");
    thread::sleep(LONG);
}

#[test]
#[cfg_attr(
    not(backend = "unix"),
    ignore = "a segment of this system has its name before its contents, or its name is free only when all have closed it"
)]
fn a_lock_is_joined_or_created_whatever_others_unlink_meanwhile() {
    let _watchdog = watchdog();
    let name = Name::random().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let lock = Lock::create_or_attach(&name, &detached(None)).unwrap();
                    // Another thread may have done so.
                    let _ = lock.unlink();
                    lock.close();
                }
            });
        }
    });
}

#[test]
fn a_process_that_is_killed_frees_its_lock_and_the_next_one_is_told() {
    let _watchdog = watchdog();
    let lock = fresh();
    for _ in 0..5 {
        let mut child = lock.held_by_another();
        assert_eq!(lock.0.try_acquire().unwrap(), None);
        assert_eq!(lock.0.acquire(Duration::from_millis(20)).unwrap(), None);
        child.kill().unwrap();
        assert_eq!(lock.0.acquire(LONG).unwrap(), RECOVERED);
        lock.0.release();
        assert_eq!(lock.0.try_acquire().unwrap(), CLEAN);
        lock.0.release();
        child.wait().unwrap();
    }
}

/// Not on Windows, where segments are in the temporary folder too.
#[cfg(unix)]
#[test]
fn a_living_holder_that_has_other_folders_is_not_taken_for_dead() {
    let _watchdog = watchdog();
    let lock = fresh();
    let mut child = lock.held_by_another_in(Path::new(env!("CARGO_TARGET_TMPDIR")));
    // Longer than the longest pause between two checks of a holder.
    assert_eq!(lock.0.acquire(Duration::from_millis(200)).unwrap(), None);
    child.kill().unwrap();
    assert_eq!(lock.0.acquire(LONG).unwrap(), RECOVERED);
    lock.0.release();
    child.wait().unwrap();
}

/// `cargo test --release --test lock -- --ignored --nocapture kill_to_acquire`, with `KILLS` in the environment.
#[test]
#[ignore = "a measurement"]
fn kill_to_acquire() {
    let kills = env::var("KILLS").map_or(300, |kills| kills.parse().unwrap());
    let lock = fresh();
    let mut times: Vec<_> = (0..kills)
        .map(|_| {
            let mut child = lock.held_by_another();
            let start = Instant::now();
            child.kill().unwrap();
            assert_eq!(lock.0.acquire(LONG).unwrap(), RECOVERED);
            let time = start.elapsed();
            lock.0.release();
            child.wait().unwrap();
            time
        })
        .collect();
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("kill to acquire, {kills} kills: p50 {:?}, p99 {:?}, max {:?}", at(50), at(99), at(100));
}

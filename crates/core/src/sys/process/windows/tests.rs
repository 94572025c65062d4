//! The death of an owner and of its tracker, as `TerminateProcess` and `taskkill /T /F` cause it. A program of tests stands
//! for both. The tracker does nothing, so it is the system that removes the file.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::num::NonZeroUsize;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::System::Threading::{
    CREATE_SUSPENDED, GetProcessId, OpenProcess, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE,
};

use super::*;
use crate::sys::memory::{create, is_linked, unlink};
use crate::{Lifetime, Memory, Name, Umask};

/// How long the system may take for what it does by itself.
const LONG: Duration = Duration::from_secs(30);

/// Is set for the two programs that the tests start.
const ROLE: &str = "SHAREABLE_TEST_OWNER";

/// An owner that runs, its tracker, and the segment.
struct Family {
    owner: Child,
    output: BufReader<ChildStdout>,
    tracker: OwnedHandle,
    name: Name,
    identity: Identity,
}

impl Family {
    fn start() -> Self {
        let name = Name::random().unwrap();
        let mut owner = Command::new(env::current_exe().unwrap())
            .args(["--exact", "sys::process::windows::tests::the_owner", "--nocapture"])
            .env(ROLE, name.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(owner.stdout.take().unwrap());
        let mut line = String::new();
        let facts = loop {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the owner has ended");
            if let Some((_, facts)) = line.split_once("family ") {
                break facts.trim();
            }
        };
        let facts: Vec<u64> = facts.split(' ').map(|fact| fact.parse().unwrap()).collect();
        let &[pid, device, inode] = facts.as_slice() else { panic!("{line}") };
        let tracker = open(u32::try_from(pid).unwrap());
        let family = Self { owner, output, tracker, name, identity: Identity { device, inode } };
        assert!(family.has_file());
        family
    }

    fn kill_owner(&mut self) {
        self.owner.kill().unwrap();
        self.owner.wait().unwrap();
        self.output.read_to_string(&mut String::new()).unwrap();
    }

    fn kill_tracker(&self) {
        // SAFETY: the handle is open.
        assert_ne!(unsafe { TerminateProcess(self.tracker.as_raw_handle(), 1) }, 0);
        assert!(wait(&self.tracker, INFINITE));
    }

    fn has_file(&self) -> bool {
        is_linked(&self.name, self.identity)
    }

    fn wait_until_the_file_is_gone(&self) {
        let end = Instant::now() + LONG;
        while self.has_file() {
            assert!(Instant::now() < end, "the file stays");
            thread::sleep(Duration::from_millis(5));
        }
        let (_mapping, identity) = owned(&self.name);
        unlink(&self.name, identity).unwrap();
    }
}

/// Opens a process that runs.
fn open(pid: u32) -> OwnedHandle {
    // SAFETY: the call takes only numbers.
    let raw = unsafe { OpenProcess(PROCESS_TERMINATE | PROCESS_SYNCHRONIZE, 0, pid) };
    assert!(!raw.is_null(), "process {pid} has ended");
    // SAFETY: the call has opened it, and no other code has it.
    unsafe { OwnedHandle::from_raw_handle(raw) }
}

fn owned(name: &Name) -> (crate::sys::memory::Mapping, Identity) {
    let size = NonZeroUsize::new(100).unwrap();
    create(name, size, (0o600, Umask::default()), Lifetime::Owned, &Memory::default(), &mut |_, _| Ok(())).unwrap()
}

/// What [`Family::start`] starts; a test of nothing otherwise.
#[test]
fn the_owner() {
    let Ok(name) = env::var(ROLE) else { return };
    let name = Name::new(&name).unwrap();
    let (_mapping, identity) = owned(&name);
    let tracker = Helper::spawn(&env::current_exe().unwrap(), "tests::the_tracker", None).unwrap();
    tracker.entrust(name.as_str(), identity);
    let process = tracker.process.as_ref().unwrap();
    // SAFETY: the handle is open.
    let pid = unsafe { GetProcessId(process.as_raw_handle()) };
    println!("\nfamily {pid} {} {}", identity.device, identity.inode);
    io::stdout().flush().unwrap();
    // Without an end: the test kills this process.
    let _ = io::stdin().read_line(&mut String::new());
    tracker.let_go();
}

/// What the owner starts; a test of nothing otherwise. It outlives the owner, and does nothing.
#[test]
fn the_tracker() {
    if env::var(ROLE).is_ok() {
        thread::sleep(10 * LONG);
    }
}

#[test]
fn an_owner_that_is_killed_after_its_tracker_leaves_no_file() {
    let mut family = Family::start();
    family.kill_tracker();
    assert!(family.has_file(), "the owner lives");
    family.kill_owner();
    family.wait_until_the_file_is_gone();
}

#[test]
fn an_owner_that_is_killed_leaves_the_file_to_its_tracker_and_both_leave_none() {
    let mut family = Family::start();
    family.kill_owner();
    assert!(family.has_file(), "the tracker lives, and reports what it removes");
    family.kill_tracker();
    family.wait_until_the_file_is_gone();
}

/// Is set for the program that [`a_starter_that_is_killed_before_its_helper_runs_leaves_no_process`] starts.
const STARTER: &str = "SHAREABLE_TEST_STARTER";

/// It has created a helper that does not run yet; a test of nothing otherwise.
#[test]
fn the_starter() {
    if env::var(STARTER).is_err() {
        return;
    }
    let streams =
        ["NUL"; 3].map(|path| inheritable(File::options().read(true).write(true).open(path).unwrap().into()).unwrap());
    let handles = [0, 1, 2].map(|index| streams[index].as_raw_handle());
    let leash = Leash::new().unwrap();
    let program = env::current_exe().unwrap();
    let helper = super::create(&program, "tests::the_tracker", &handles, CREATE_SUSPENDED, Some(&leash)).unwrap();
    // SAFETY: the handle is open.
    let pid = unsafe { GetProcessId(helper.as_raw_handle()) };
    println!("\nstarted {pid}");
    io::stdout().flush().unwrap();
    // Without an end: the test kills this process.
    let _ = io::stdin().read_line(&mut String::new());
}

#[test]
fn a_starter_that_is_killed_before_its_helper_runs_leaves_no_process() {
    let mut starter = Command::new(env::current_exe().unwrap())
        .args(["--exact", "sys::process::windows::tests::the_starter", "--nocapture"])
        .env(STARTER, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(starter.stdout.take().unwrap());
    let mut pids = output.lines().filter_map(|line| line.unwrap().strip_prefix("started ")?.parse().ok());
    let helper = open(pids.next().expect("the starter has ended"));
    assert!(!wait(&helper, 0), "it has not run, so it cannot have ended");
    starter.kill().unwrap();
    starter.wait().unwrap();
    assert!(wait(&helper, u32::try_from(LONG.as_millis()).unwrap()), "the helper stays");
}

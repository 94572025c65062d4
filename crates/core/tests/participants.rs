//! Locks, gates and channels whose participants differ in what they see of each other: temporary folders, users, process
//! namespaces, and `/proc`. A living participant is never taken for dead. Where the system does not tell whether a
//! participant lives, and its seats are not locks that the kernel frees, the one that cannot see it is refused.
//!
//! Not over the portable backend, whose segments have no mode that admits other users.
#![cfg(all(target_os = "linux", not(feature = "portable-backend")))]

mod common;

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use common::{detached, random, watchdog};
use shareable_core::channel::{Channel, ChannelOptions};
use shareable_core::gate::{Gate, GateOptions, Waited, Want};
use shareable_core::layout::channel::Role;
use shareable_core::layout::gate::Purpose;
use shareable_core::lock::Lock;
use shareable_core::{AttachOptions, CreateOptions, Error, Foreign, Name, Result, Segment, Umask};

/// The environment variables that tell a child what to join.
const KIND: &str = "SHAREABLE_TEST_KIND";
const NAME: &str = "SHAREABLE_TEST_NAME";

/// Longer than the longest pause between two checks of a holder.
const WHILE: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(30);

/// `nobody`.
const OTHER: &str = "65534";

/// Whether seats are locks that the kernel frees, so that no process must see another.
const HAS_FILE_LOCKS: bool = !cfg!(feature = "macos-rules");

/// Where a segment has its seats if they are no file locks: see `sys/seat/pids.rs`.
const SEATS: std::ops::Range<usize> = 512..512 + 1002 * 8;

/// One participant: what it is attached to.
enum Joined {
    Lock(Lock),
    Gate(Gate),
    Channel(Channel),
}

const KINDS: [&str; 3] = ["lock", "gate", "channel"];

impl Joined {
    fn create(kind: &str, name: &Name) -> Self {
        // Other users participate.
        let options = CreateOptions { mode: 0o666, umask: Umask::Ignored, ..detached(Some(name)) };
        match kind {
            "lock" => Self::Lock(Lock::create(&options).unwrap()),
            "gate" => Self::Gate(Gate::create(&GateOptions::of(Purpose::RwLock, 9), &options).unwrap()),
            _ => {
                let channel = ChannelOptions { capacity: 4096, codec: 1, producers: 0, max_message: 0 };
                Self::Channel(Channel::create(&channel, &options).unwrap())
            }
        }
    }

    fn attach(kind: &str, name: &Name) -> Result<Self> {
        let options = AttachOptions { foreign: Foreign::Allow, ..AttachOptions::default() };
        Ok(match kind {
            "lock" => Self::Lock(Lock::attach(name, options)?),
            "gate" => Self::Gate(Gate::attach(name, Purpose::RwLock, options)?),
            _ => Self::Channel(Channel::attach(name, options)?),
        })
    }

    /// Becomes the one whose death the others must be told of, and not before.
    fn hold(&self) {
        match self {
            Self::Lock(lock) => assert!(lock.acquire(LONG).unwrap().is_some()),
            Self::Gate(gate) => assert!(matches!(wait(gate, LONG), Waited::Ready { .. })),
            Self::Channel(channel) => channel.join(Role::PRODUCER).unwrap(),
        }
    }

    /// Returns what this participant sees of the one that holds.
    fn look(&self, timeout: Duration) -> &'static str {
        match self {
            Self::Lock(lock) => match lock.acquire(timeout).unwrap() {
                None => "alive",
                Some(taken) if taken.recovered => "dead",
                Some(_) => "free",
            },
            Self::Gate(gate) => match wait(gate, timeout) {
                Waited::TimedOut => "alive",
                Waited::Ready { recovered: true } => "dead",
                Waited::Ready { .. } | Waited::Again => "free",
            },
            Self::Channel(channel) => {
                let alive = channel.peers().unwrap().producers;
                match (alive, channel.mourn().unwrap()) {
                    (1, 0) => "alive",
                    (0, 1) => "dead",
                    _ => "free",
                }
            }
        }
    }

    /// Leaves, so that no other participant sees this one.
    fn close(&self) {
        match self {
            Self::Lock(lock) => lock.close(),
            Self::Gate(gate) => gate.close(),
            Self::Channel(channel) => channel.close(),
        }
    }

    fn segment(&self) -> &Segment {
        match self {
            Self::Lock(lock) => lock.segment(),
            Self::Gate(gate) => gate.segment(),
            Self::Channel(channel) => channel.segment(),
        }
    }
}

fn wait(gate: &Gate, timeout: Duration) -> Waited {
    let mut is_first = true;
    loop {
        match gate.wait(Want::Write, timeout, is_first).unwrap() {
            Waited::Again => is_first = false,
            done => return done,
        }
    }
}

/// The segment of a test, whose name is unlinked on drop, even if the test fails.
struct Fresh(Joined);

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Ok(segment) = Segment::attach(self.0.segment().name(), AttachOptions::default()) {
            let _ = segment.unlink();
        }
    }
}

/// What differs about a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    Folders,
    User,
    Namespace,
    NoProc,
    HiddenProc,
}

impl Difference {
    /// The command that runs a program so; `None` for none.
    fn prefix(self) -> Vec<String> {
        let become_other = ["setpriv", "--reuid", OTHER, "--regid", OTHER, "--clear-groups"];
        let shell = |script: &str| ["unshare", "--mount", "sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        match self {
            Self::Folders => ["env", "TMPDIR=/nonexistent", "HOME=/nonexistent"].map(str::to_owned).to_vec(),
            Self::User => become_other.map(str::to_owned).to_vec(),
            Self::Namespace => {
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"].map(str::to_owned).to_vec()
            }
            Self::NoProc => shell("mount -t tmpfs none /proc && exec \"$@\""),
            Self::HiddenProc => {
                let mut prefix = shell("mount -t proc -o hidepid=2 proc /proc && exec \"$@\"");
                prefix.extend(become_other.map(str::to_owned));
                prefix
            }
        }
    }

    /// Whether this user can make it here.
    fn is_possible(self) -> bool {
        let prefix = self.prefix();
        let status = Command::new(&prefix[0])
            .args(&prefix[1..])
            .arg("true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }

    /// What a child that is refused says; `None` where it takes part.
    fn refusal(self) -> Option<&'static str> {
        match self {
            _ if HAS_FILE_LOCKS => None,
            Self::Folders | Self::User => None,
            Self::Namespace => Some("its other participants are in another process namespace"),
            Self::NoProc => Some("the system does not report when this process started"),
            Self::HiddenProc => Some("the system does not report whether its participant, process"),
        }
    }
}

/// This program at a place where other users can run it, until the value drops.
struct Program(PathBuf);

impl Program {
    fn new() -> Self {
        let path = PathBuf::from(format!("/tmp/shareable-test-{}", random()));
        // By another process: what other tests start at that moment inherits the descriptors of this one for an instant, and
        // a file that is open for writing cannot be run.
        let copied = Command::new("cp").arg(env::current_exe().unwrap()).arg(&path).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Another process, which is told what to do line by line.
struct Participant {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Participant {
    /// Starts one, and returns it with its first answer.
    fn start(program: &Program, prefix: &[String], kind: &str, name: &Name) -> (Self, String) {
        let path = program.0.to_str().unwrap().to_owned();
        let mut command = prefix.to_vec();
        command.push(path);
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .args(["--ignored", "--exact", "--nocapture", "child_that_takes_part"])
            .env(KIND, kind)
            .env(NAME, name.as_str())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut participant = Self { child, input, output };
        let first = participant.answer();
        (participant, first)
    }

    fn answer(&mut self) -> String {
        let mut lines = self.output.by_ref().map_while(Result::ok);
        lines.find_map(|line| Some(line.split_once("answer: ")?.1.to_owned())).unwrap()
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").unwrap();
        self.answer()
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "what the other tests start"]
fn child_that_takes_part() {
    let (Ok(kind), Ok(name)) = (env::var(KIND), env::var(NAME)) else { return };
    let joined = match Joined::attach(&kind, &Name::new(&name).unwrap()) {
        Ok(joined) => joined,
        Err(e) => return println!("answer: {}", said(&e)),
    };
    println!("answer: joined");
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.as_str() {
            "hold" => {
                joined.hold();
                println!("answer: holds");
            }
            "glance" => println!("answer: {}", joined.look(WHILE)),
            _ => println!("answer: {}", joined.look(LONG)),
        }
    }
}

fn said(error: &Error) -> String {
    format!("{:?}: {}", error.kind(), error.message())
}

/// Runs `check` for each kind of participant that differs in that way.
fn with_each(difference: Difference, check: impl Fn(&Program, &str, &Fresh)) {
    let _watchdog = watchdog();
    if !difference.is_possible() {
        eprintln!("not checked: this user cannot make {difference:?} here");
        return;
    }
    let program = Program::new();
    for kind in KINDS {
        check(&program, kind, &Fresh(Joined::create(kind, &random())));
    }
}

/// A process holds, and another one that differs sees that it lives, or is refused and has changed nothing.
fn check_from_outside(difference: Difference) {
    with_each(difference, |program, kind, fresh| {
        let name = fresh.0.segment().name();
        let (mut holder, joined) = Participant::start(program, &[], kind, name);
        assert_eq!((joined.as_str(), holder.ask("hold").as_str()), ("joined", "holds"));
        let before = seats(&fresh.0);
        let (mut other, joined) = Participant::start(program, &difference.prefix(), kind, name);
        if let Some(why) = difference.refusal() {
            assert!(joined.starts_with("Unsupported: ") && joined.contains(why), "{kind}: {joined}");
            assert!(other.child.wait().unwrap().success());
            assert_eq!(seats(&fresh.0), before, "{kind}: nothing was taken");
            assert_eq!(fresh.0.look(WHILE), "alive", "{kind}");
            return;
        }
        assert_eq!(joined, "joined", "{kind}");
        for _ in 0..3 {
            assert_eq!(other.ask("glance"), "alive", "{kind}");
        }
        drop(holder);
        assert_eq!(other.ask("look"), "dead", "{kind}");
    });
}

/// Returns the seats of a segment, if they are not file locks.
fn seats(joined: &Joined) -> Option<Vec<u64>> {
    let bytes = joined.segment().mapping().bytes().unwrap();
    Some(bytes.words(SEATS)?.iter().map(|word| word.load(SeqCst)).collect())
}

#[test]
fn a_living_holder_with_other_folders_is_seen() {
    check_from_outside(Difference::Folders);
}

#[test]
fn a_living_holder_of_another_user_is_seen() {
    check_from_outside(Difference::User);
}

#[test]
fn a_holder_in_another_process_namespace_is_seen_or_the_lock_is_refused() {
    check_from_outside(Difference::Namespace);
}

#[test]
fn a_process_that_cannot_identify_itself_is_refused_where_that_matters() {
    check_from_outside(Difference::NoProc);
}

#[test]
fn a_process_that_cannot_examine_a_participant_is_refused_where_that_matters() {
    check_from_outside(Difference::HiddenProc);
}

/// A process of another user holds, and this one, which differs from it, is told of its death and not before.
#[test]
fn a_holder_that_differs_is_alive_until_it_is_killed() {
    for difference in [Difference::Folders, Difference::User] {
        with_each(difference, |program, kind, fresh| {
            let name = fresh.0.segment().name();
            let (mut holder, joined) = Participant::start(program, &difference.prefix(), kind, name);
            assert_eq!((joined.as_str(), holder.ask("hold").as_str()), ("joined", "holds"));
            assert_eq!(fresh.0.look(WHILE), "alive", "{kind}");
            drop(holder);
            assert_eq!(fresh.0.look(LONG), "dead", "{kind}");
        });
    }
}

/// A participant that cannot examine the holder is refused when it joins. So the holder joins after it.
#[test]
fn a_holder_that_came_later_and_cannot_be_examined_counts_as_alive() {
    with_each(Difference::HiddenProc, |program, kind, fresh| {
        fresh.0.close();
        let name = fresh.0.segment().name();
        let (mut blind, joined) = Participant::start(program, &Difference::HiddenProc.prefix(), kind, name);
        assert_eq!(joined, "joined", "{kind}");
        let (mut holder, joined) = Participant::start(program, &[], kind, name);
        assert_eq!((joined.as_str(), holder.ask("hold").as_str()), ("joined", "holds"));
        for _ in 0..3 {
            assert_eq!(blind.ask("glance"), "alive", "{kind}");
        }
        // The number of a process that has ended belongs to no process, which the system tells everybody.
        drop(holder);
        assert_eq!(blind.ask("look"), "dead", "{kind}");
    });
}

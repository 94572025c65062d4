//! The resource tracker: a process that outlives ours for a moment and unlinks what we left behind.
//!
//! Every owned segment is announced to it before its name becomes visible, so there is no instant at which this process
//! can die and leave a name that nobody knows of. There is one tracker a process, started with its first owned segment.

pub mod protocol;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use protocol::{Frame, Registration};

use crate::sys::Supervised as _;
use crate::{Error, Identity, Kind, Mapping, Result, sys};

/// The helper's argument that makes it a tracker.
pub const ROLE: &str = "tracker";

/// The argument that makes it a tracker that cleans up without a warning.
pub const SILENT_ROLE: &str = "silent-tracker";

/// Whether the tracker writes a warning about segments that it had to unlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warnings {
    /// To standard error.
    Written,
    /// None.
    Silent,
}

/// How long the end of this process waits for its trackers to clean up.
const TRACKER_TIMEOUT: Duration = Duration::from_secs(1);

#[allow(clippy::zero_sized_map_values, reason = "where there is no sweep, there are no holds")]
static CLIENT: Mutex<Client> = Mutex::new(Client {
    process: 0,
    program: None,
    role: ROLE,
    helpers: BTreeMap::new(),
    segments: BTreeMap::new(),
    holds: BTreeMap::new(),
});

/// This process's side.
#[allow(clippy::zero_sized_map_values, reason = "where there is no sweep, there are no holds")]
struct Client {
    /// The process that all of this is about. A child of fork(2) has a copy, and owns nothing of it.
    process: u32,
    program: Option<PathBuf>,
    role: &'static str,
    /// By the effective user that this process had when it started each: a tracker must not have other rights than the
    /// process has whose word it acts on.
    helpers: BTreeMap<u32, sys::Helper>,
    /// Everything a new helper has to be told when one is lost, with the user whose helper knows it.
    segments: BTreeMap<Identity, (u32, Registration)>,
    /// What keeps segments in use that this process has closed but not unlinked.
    holds: BTreeMap<Identity, sys::Hold>,
}

fn client() -> MutexGuard<'static, Client> {
    // A panic elsewhere leaves the table whole: each change to it is one call.
    let mut client = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    client.start_anew_after_fork();
    client
}

/// Says where the helper executable is, and whether it warns. A host that never does has no tracker: what it owns and leaves behind stays.
pub fn set_program(program: PathBuf, warnings: Warnings) {
    let mut client = client();
    client.program = Some(program);
    client.role = match warnings {
        Warnings::Written => ROLE,
        Warnings::Silent => SILENT_ROLE,
    };
}

/// Where the helper executable is, if that was said.
pub(crate) fn program() -> Option<PathBuf> {
    client().program.clone()
}

/// Announces an owned segment. When this returns, the segment is cleaned up however this process ends.
pub(crate) fn register(segment: Registration) -> Result<()> {
    let mut client = client();
    let identity = segment.identity;
    let user = sys::effective_user();
    let frame = Frame::Register(segment.clone());
    client.segments.insert(identity, (user, segment));
    client.tell(user, &frame).inspect_err(|_| {
        client.segments.remove(&identity);
    })
}

/// Everything that this process owns.
pub(crate) fn owned() -> Vec<Registration> {
    client().segments.values().map(|(_, segment)| segment.clone()).collect()
}

/// Takes an announcement back: the segment was unlinked, or never got its name.
pub(crate) fn forget(identity: Identity) {
    let mut client = client();
    client.holds.remove(&identity);
    if let Some((user, _)) = client.segments.remove(&identity) {
        // Without a tracker there is nobody to tell; the next registration starts one.
        let _ = client.tell(user, &Frame::Forget(identity));
    }
}

/// Keeps an announced segment in use until it is forgotten or this process ends, though its mapping is about to go:
/// otherwise a sweep would take it for one whose owner is dead.
pub(crate) fn keep_in_use(identity: Identity, mapping: &Mapping) {
    let mut client = client();
    if client.segments.contains_key(&identity)
        && let Some(hold) = mapping.hold()
    {
        client.holds.insert(identity, hold);
    }
}

/// Ends this process's trackers and waits for that: each unlinks and reports what is still registered. Called at the end of
/// the process, because a tracker that outlives it would stay on record as a zombie where the first process of a container
/// does not ask for children that it has not started.
pub(crate) fn finish() {
    let mut client = match CLIENT.try_lock() {
        Ok(client) => client,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // Another thread is in the middle of something, and goes with the process.
        Err(TryLockError::WouldBlock) => return,
    };
    client.start_anew_after_fork();
    let deadline = Instant::now() + TRACKER_TIMEOUT;
    for (user, mut helper) in std::mem::take(&mut client.helpers) {
        let has_ended = helper.send(&Frame::Finish.encode()).is_ok() && helper.has_ended(deadline);
        let owns_nothing = client.segments.values().all(|(owner, _)| *owner != user);
        if !has_ended && !owns_nothing {
            // It cleans up as soon as it can.
            helper.let_go();
        }
    }
    // What the trackers have unlinked is nobody's concern.
    client.segments.clear();
}

extern "C" fn finish_at_exit() {
    finish();
}

impl Client {
    fn start_anew_after_fork(&mut self) {
        let process = std::process::id();
        if self.process != process {
            self.process = process;
            self.segments.clear();
            self.holds.clear();
            // They are the parent's: only the copies of its connections are closed.
            std::mem::take(&mut self.helpers).into_values().for_each(sys::Helper::disown);
        }
    }

    /// Sends a frame, which the table reflects already; to a new helper everything, if the old one is lost.
    fn tell(&mut self, user: u32, frame: &Frame) -> Result<()> {
        if let Some(helper) = self.helpers.get(&user) {
            if helper.send(&frame.encode()).is_ok() {
                return Ok(());
            }
            self.helpers.remove(&user);
        }
        // Only a process of that user can start a helper that may unlink that user's segments.
        let is_needed = user == sys::effective_user() && self.segments.values().any(|(owner, _)| *owner == user);
        match self.program.clone() {
            Some(program) if is_needed => self.start(user, &program),
            _ => Ok(()),
        }
    }

    fn start(&mut self, user: u32, program: &Path) -> Result<()> {
        static AT_EXIT: Once = Once::new();
        let failed = |e: &std::io::Error| {
            Error::new(
                Kind::Tracker,
                format!("cannot start the resource tracker, {}: {e}; no segment was created", program.display()),
            )
            .with_os("posix_spawn", sys::errno_of(e))
        };
        AT_EXIT.call_once(|| sys::at_exit(finish_at_exit));
        let helper = sys::Helper::spawn(program, self.role).map_err(|e| failed(&e))?;
        for (owner, segment) in self.segments.values() {
            if *owner == user {
                helper.send(&Frame::Register(segment.clone()).encode()).map_err(|e| failed(&e))?;
            }
        }
        self.helpers.insert(user, helper);
        Ok(())
    }
}

/// The tracker's side: what one process owns.
#[derive(Debug, Default)]
pub struct Ledger {
    /// With what tells which came first.
    segments: BTreeMap<Identity, (u64, Registration)>,
    noted: u64,
    is_finished: bool,
}

impl Ledger {
    /// Notes what the process said.
    pub fn note(&mut self, frame: Frame) {
        match frame {
            Frame::Register(segment) => {
                self.noted += 1;
                self.segments.insert(segment.identity, (self.noted, segment));
            }
            Frame::Forget(identity) => {
                self.segments.remove(&identity);
            }
            Frame::Finish => self.is_finished = true,
        }
    }

    /// Whether the process has said that it is about to end and waits for the tracker.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Unlinks everything that is still there, oldest first, and gives what was. What somebody else has unlinked, or put another
    /// segment in the place of, is no leak.
    #[must_use]
    pub fn clean(self) -> Vec<Registration> {
        let mut segments: Vec<_> = self.segments.into_values().collect();
        segments.sort_unstable_by_key(|(noted, _)| *noted);
        segments
            .into_iter()
            .map(|(_, segment)| segment)
            .filter(|segment| sys::unlink_registered(&segment.name, segment.identity))
            .collect()
    }
}

/// The warning for segments that a process left behind, in the words of CPython's tracker.
#[must_use]
pub fn warning(leaked: &[Registration]) -> Option<String> {
    /// More names than this do not help.
    const SHOWN: usize = 20;
    if leaked.is_empty() {
        return None;
    }
    let mut names: Vec<_> = leaked
        .iter()
        .take(SHOWN)
        .map(|Registration { name, size, origin, .. }| match origin.as_str() {
            "" => format!("{name} ({size} bytes)"),
            origin => format!("{name} ({size} bytes, created at {origin})"),
        })
        .collect();
    if leaked.len() > SHOWN {
        names.push(format!("and {} more", leaked.len() - SHOWN));
    }
    Some(format!(
        "resource_tracker: There appear to be {} leaked shared_memory objects to clean up at shutdown: {}",
        leaked.len(),
        names.join(", ")
    ))
}

//! The resource tracker: a process that outlives ours for a moment and unlinks what we left behind.
//!
//! Every owned segment is announced to it before its name becomes visible, so there is no instant at which this process
//! can die and leave a name that nobody knows of. There is one tracker a process, started with its first owned segment.

pub mod protocol;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::{Frame, Registration};

use crate::{Error, Identity, Kind, Mapping, Result, sys};

/// The helper's argument that makes it a tracker.
pub const ROLE: &str = "tracker";

#[allow(clippy::zero_sized_map_values, reason = "where there is no sweep, there are no holds")]
static CLIENT: Mutex<Client> =
    Mutex::new(Client { program: None, helper: None, segments: BTreeMap::new(), holds: BTreeMap::new() });

/// This process's side.
#[allow(clippy::zero_sized_map_values, reason = "where there is no sweep, there are no holds")]
struct Client {
    program: Option<PathBuf>,
    helper: Option<sys::Helper>,
    /// Everything a new helper has to be told when one is lost.
    segments: BTreeMap<Identity, Registration>,
    /// What keeps segments in use that this process has closed but not unlinked.
    holds: BTreeMap<Identity, sys::Hold>,
}

fn client() -> MutexGuard<'static, Client> {
    // A panic elsewhere leaves the table whole: each change to it is one call.
    CLIENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says where the helper executable is. A host that never does has no tracker: what it owns and leaves behind stays.
pub fn set_program(program: PathBuf) {
    client().program = Some(program);
}

/// Where the helper executable is, if that was said.
pub(crate) fn program() -> Option<PathBuf> {
    client().program.clone()
}

/// Announces an owned segment. When this returns, the segment is cleaned up however this process ends.
pub(crate) fn register(segment: Registration) -> Result<()> {
    let mut client = client();
    let identity = segment.identity;
    let frame = Frame::Register(segment.clone());
    client.segments.insert(identity, segment);
    client.tell(&frame).inspect_err(|_| {
        client.segments.remove(&identity);
    })
}

/// Takes an announcement back: the segment was unlinked, or never got its name.
pub(crate) fn forget(identity: Identity) {
    let mut client = client();
    client.holds.remove(&identity);
    if client.segments.remove(&identity).is_some() {
        // Without a tracker there is nobody to tell; the next registration starts one.
        let _ = client.tell(&Frame::Forget(identity));
    }
}

/// Ends this process's tracker and waits for it, if nothing is on record. Otherwise the tracker has work to do after the
/// end of this process, and stays.
pub(crate) fn end_if_idle() {
    let mut client = client();
    if client.segments.is_empty() {
        client.helper = None;
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

impl Client {
    /// Sends a frame, which the table reflects already; to a new helper everything, if the old one is lost.
    fn tell(&mut self, frame: &Frame) -> Result<()> {
        if let Some(helper) = &self.helper {
            if helper.send(&frame.encode()).is_ok() {
                return Ok(());
            }
            self.helper = None;
        }
        match self.program.clone() {
            Some(program) if !self.segments.is_empty() => self.start(&program),
            _ => Ok(()),
        }
    }

    fn start(&mut self, program: &Path) -> Result<()> {
        let failed = |e: &std::io::Error| {
            Error::new(
                Kind::Tracker,
                format!("cannot start the resource tracker, {}: {e}; no segment was created", program.display()),
            )
            .with_os("posix_spawn", sys::errno_of(e))
        };
        let helper = sys::Helper::spawn(program, ROLE).map_err(|e| failed(&e))?;
        for segment in self.segments.values() {
            helper.send(&Frame::Register(segment.clone()).encode()).map_err(|e| failed(&e))?;
        }
        self.helper = Some(helper);
        Ok(())
    }
}

/// The tracker's side: what one process owns.
#[derive(Debug, Default)]
pub struct Ledger {
    /// With what tells which came first.
    segments: BTreeMap<Identity, (u64, Registration)>,
    noted: u64,
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
        }
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

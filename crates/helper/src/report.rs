//! The roles that report, as JSON for the command line.

use std::fs;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use shareable_core::limits::{MemoryLimit, memory_limit};
use shareable_core::stale::{self, Fate, Holder};
use shareable_core::{Error, Identity};

/// The result of a sweep.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sweep {
    removed: Vec<String>,
    kept: Vec<Kept>,
}

/// A segment that a sweep left alone, and why.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    name: String,
    reason: String,
}

/// Removes the segments that dead owners left behind.
pub(crate) fn sweep() -> Sweep {
    let mut sweep = Sweep { removed: Vec::new(), kept: Vec::new() };
    let mut swept = stale::sweep(&AtomicBool::new(false));
    swept.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, fate) in swept {
        match fate {
            Fate::Removed => sweep.removed.push(name),
            Fate::Kept(reason) => sweep.kept.push(Kept { name, reason }),
        }
    }
    sweep
}

/// An existing segment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Segment {
    name: String,
    /// As text, like the next: JavaScript's numbers have only 53 bits.
    device: String,
    inode: String,
    size: u64,
    resident_bytes: u64,
    uid: u32,
    mode: u32,
    /// Milliseconds since 1970; absent where the system does not record it.
    created_at: Option<f64>,
    is_tracked: bool,
    /// Whether any process has it open or mapped; absent when this user may not know.
    is_in_use: Option<bool>,
    owner: Option<Owner>,
    /// Where the program created it.
    origin: Option<String>,
}

/// The process that created a segment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    pid: u32,
    is_alive: bool,
}

/// Returns all segments, oldest first.
pub(crate) fn list() -> Vec<Segment> {
    let mut segments = stale::list();
    segments.sort_by(|a, b| {
        a.created_at.unwrap_or(0.0).total_cmp(&b.created_at.unwrap_or(0.0)).then_with(|| a.name.cmp(&b.name))
    });
    segments
        .into_iter()
        .map(|segment| Segment {
            name: segment.name,
            device: segment.identity.device.to_string(),
            inode: segment.identity.inode.to_string(),
            size: segment.size,
            resident_bytes: segment.resident_bytes,
            uid: segment.uid,
            mode: segment.mode,
            created_at: segment.created_at.map(|seconds| seconds * 1000.0),
            is_tracked: segment.is_tracked,
            is_in_use: segment.is_in_use,
            owner: segment.owner.map(|Holder { pid, is_alive }| Owner { pid, is_alive }),
            origin: segment.origin,
        })
        .collect()
}

/// The result of removing one segment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Removal {
    error: Option<Failure>,
}

/// An error in the form in which `errors.ts` gets it from the addon.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    kind: String,
    message: String,
    errno: Option<i32>,
    syscall: Option<&'static str>,
    segment: Option<String>,
}

/// Removes the segment that was listed with this name, device and inode.
pub(crate) fn remove(name: &str, device: &str, inode: &str) -> Removal {
    // Text that is not a number belongs to no segment, so this finds none.
    let identity = Identity { device: device.parse().unwrap_or(0), inode: inode.parse().unwrap_or(0) };
    Removal { error: stale::remove(name, identity).err().map(|e| Failure::new(&e)) }
}

impl Failure {
    fn new(error: &Error) -> Self {
        Self {
            // The binding gives the kinds the same names.
            kind: format!("{:?}", error.kind()),
            message: error.message().to_owned(),
            errno: error.errno(),
            syscall: error.syscall(),
            segment: error.segment().map(str::to_owned),
        }
    }
}

/// This executable and process.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    version: &'static str,
    /// The memory that it uses; absent where `/proc` does not report it.
    resident_bytes: Option<u64>,
    /// The limits on the memory of this process and of its starter.
    memory_limit: Option<Limit>,
}

/// A memory cgroup's limit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Limit {
    file: String,
    bytes: u64,
    left: u64,
}

/// Reports on this executable, and that it runs.
pub(crate) fn about() -> About {
    let memory_limit =
        memory_limit().map(|MemoryLimit { file, bytes, left }| Limit { file: file.display().to_string(), bytes, left });
    About { version: env!("CARGO_PKG_VERSION"), resident_bytes: resident_bytes(), memory_limit }
}

/// See `proc_pid_status(5)`.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kibibytes.parse::<u64>().ok().map(|amount| amount * 1024)
}

//! The tracker as a process: its messages on standard input, and what it unlinks when they end.
#![cfg(target_os = "linux")]

use std::fs::{self, DirEntry, File, Permissions};
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shareable_core::tracker::protocol::{Frame, Registration};
use shareable_core::{Identity, Lifetime, Name};

/// A file in /dev/shm that is removed on drop. It has the mode of an owned segment, so that a tracker may unlink it,
/// but no mark, so that no sweep considers it left behind.
struct Segment {
    name: String,
    identity: Identity,
}

impl Segment {
    fn new() -> Self {
        Self::named(Name::random().unwrap().as_str())
    }

    fn named(name: &str) -> Self {
        fs::write(path(name), "a segment").unwrap();
        fs::set_permissions(path(name), Permissions::from_mode(0o1600)).unwrap();
        let stat = fs::metadata(path(name)).unwrap();
        Self { name: name.to_owned(), identity: Identity { device: stat.dev(), inode: stat.ino() } }
    }

    fn registration(&self) -> Frame {
        let origin = format!("{}:1", self.name);
        Frame::Register(Registration { identity: self.identity, size: 9, name: self.name.clone(), origin })
    }

    fn exists(&self) -> bool {
        path(&self.name).exists()
    }

    /// As the warning names it.
    fn item(&self) -> String {
        format!("{} (9 bytes, created at {0}:1)", self.name)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // It may be removed already.
        let _ = fs::remove_file(path(&self.name));
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}

/// Starts it through a shell, which is then the tracker's parent. The tracker would wait for the end of a parent that
/// has made its socket, and this process lives on. (`test/tracker/helper.test.ts` tests that.)
fn command(input: Stdio) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" tracker; exit $?", env!("CARGO_BIN_EXE_shareable-helper")]);
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn spawn(input: Stdio) -> Child {
    command(input).spawn().unwrap()
}

/// A tracker, and a socket to it.
fn connect() -> (UnixStream, Child) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (ours, spawn(OwnedFd::from(theirs).into()))
}

/// Returns what the tracker writes to standard error until it ends, which must succeed.
fn end(tracker: Child) -> String {
    let output = tracker.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

/// Returns what it writes when it has received `bytes`, in pieces of `piece` bytes.
fn tell(bytes: &[u8], piece: usize) -> String {
    let (mut ours, tracker) = connect();
    for piece in bytes.chunks(piece) {
        ours.write_all(piece).unwrap();
    }
    drop(ours);
    end(tracker)
}

fn warning(segments: &[&Segment]) -> String {
    let items: Vec<_> = segments.iter().map(|segment| segment.item()).collect();
    format!(
        "resource_tracker: There appear to be {} leaked shared_memory objects to clean up at shutdown: {}\n\
         resource_tracker: They are unlinked now. To avoid this warning, create them with `using`, or dispose of them in \
         process.on('exit'): `using` does not run on signals or process.exit(). See docs/lifetime.md; \
         SHAREABLE_LEAKS=silent turns the warning off.\n",
        segments.len(),
        items.join(", ")
    )
}

fn stream(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::encode).collect()
}

#[test]
fn what_is_registered_at_the_end_of_the_input_is_unlinked_with_a_warning() {
    let [left, forgotten, other] = [Segment::new(), Segment::new(), Segment::new()];
    let frames = [left.registration(), forgotten.registration(), Frame::Forget(forgotten.identity)];
    assert_eq!(tell(&stream(&frames), usize::MAX), warning(&[&left]));
    assert_eq!([left.exists(), forgotten.exists(), other.exists()], [false, true, true]);
}

#[test]
fn a_process_that_asks_for_it_has_its_segments_cleaned_up_while_it_lives() {
    let segment = Segment::new();
    let (mut ours, tracker) = connect();
    ours.write_all(&stream(&[segment.registration(), Frame::Finish])).unwrap();
    assert_eq!(end(tracker), warning(&[&segment]));
    assert!(!segment.exists());
    drop(ours);
}

#[test]
fn a_file_that_is_no_segment_of_this_library_is_left_alone() {
    let name = Name::random().unwrap();
    let file = Segment::named(name.as_str());
    fs::set_permissions(path(&file.name), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(tell(&stream(&[file.registration()]), usize::MAX), "");
    assert!(file.exists());
}

#[test]
fn another_users_segment_is_left_alone() {
    let segment = Segment::new();
    // Needs root; other users have nothing to try.
    if chown(path(&segment.name), Some(65534), None).is_err() {
        return;
    }
    fs::set_permissions(path(&segment.name), Permissions::from_mode(0o1600)).unwrap();
    assert_eq!(tell(&stream(&[segment.registration()]), usize::MAX), "");
    assert!(segment.exists());
}

#[test]
fn without_registrations_there_is_no_warning() {
    let segment = Segment::new();
    assert_eq!(tell(&[], 1), "");
    assert_eq!(tell(&stream(&[segment.registration(), Frame::Forget(segment.identity)]), usize::MAX), "");
    assert_eq!(tell(&stream(&[Frame::Forget(segment.identity)]), usize::MAX), "");
    assert!(segment.exists());
}

#[test]
fn a_pipe_works_too() {
    let segment = Segment::new();
    let mut tracker = spawn(Stdio::piped());
    let mut input = tracker.stdin.take().unwrap();
    input.write_all(&segment.registration().encode()).unwrap();
    drop(input);
    assert_eq!(end(tracker), warning(&[&segment]));
    assert!(!segment.exists());
}

#[test]
fn frames_may_come_in_pieces() {
    for piece in [1, 7, 64] {
        let [one, two] = [Segment::new(), Segment::new()];
        let frames = stream(&[one.registration(), two.registration()]);
        assert_eq!(tell(&frames, piece), warning(&[&one, &two]), "pieces of {piece} bytes");
        assert!(!one.exists() && !two.exists());
    }
}

#[test]
fn a_frame_that_was_cut_short_is_ignored() {
    let [whole, cut] = [Segment::new(), Segment::new()];
    let mut bytes = stream(&[whole.registration(), cut.registration()]);
    bytes.pop();
    assert_eq!(tell(&bytes, usize::MAX), warning(&[&whole]));
    assert!(cut.exists());
}

#[test]
fn after_garbage_messages_are_ignored_and_earlier_ones_count() {
    let [before, after] = [Segment::new(), Segment::new()];
    let bytes = [before.registration().encode(), vec![0xff; 10_000], after.registration().encode()].concat();
    assert_eq!(tell(&bytes, 100), warning(&[&before]));
    assert_eq!([before.exists(), after.exists()], [false, true]);
}

#[test]
fn garbage_alone_does_no_harm() {
    for bytes in [vec![0; 5000], vec![0xff; 5000], b"REGISTER:/psm_x:shared_memory\n".repeat(100)] {
        assert_eq!(tell(&bytes, 1000), "");
    }
}

#[test]
fn another_segment_under_a_registered_name_is_left_alone() {
    let segment = Segment::new();
    let other = Identity { device: segment.identity.device, inode: segment.identity.inode ^ 1 };
    let wrong_inode = Segment { name: segment.name.clone(), identity: other };
    let elsewhere = Identity { device: segment.identity.device ^ 1, inode: segment.identity.inode };
    let wrong_device = Segment { name: segment.name.clone(), identity: elsewhere };
    assert_eq!(tell(&stream(&[wrong_inode.registration(), wrong_device.registration()]), usize::MAX), "");
    assert!(segment.exists());
}

#[test]
fn a_name_that_leads_out_of_the_mount_is_not_followed() {
    let segment = Segment::new();
    for name in
        [format!("../shm/{}", segment.name), format!("./{}", segment.name), format!("/dev/shm/{}", segment.name)]
    {
        let outside = Segment { name, identity: segment.identity };
        assert_eq!(tell(&stream(&[outside.registration()]), usize::MAX), "");
        std::mem::forget(outside);
    }
    assert!(segment.exists());
}

#[test]
fn a_folder_or_link_that_bears_the_name_is_left_alone() {
    let name = Name::random().unwrap();
    fs::create_dir(path(name.as_str())).unwrap();
    let stat = fs::metadata(path(name.as_str())).unwrap();
    let folder =
        Segment { name: name.as_str().to_owned(), identity: Identity { device: stat.dev(), inode: stat.ino() } };
    assert_eq!(tell(&stream(&[folder.registration()]), usize::MAX), "");
    assert!(folder.exists());
    fs::remove_dir(path(name.as_str())).unwrap();
}

#[test]
fn it_waits_until_all_copies_of_the_other_end_are_closed() {
    let segment = Segment::new();
    let (mut ours, tracker) = connect();
    let second = ours.try_clone().unwrap();
    ours.write_all(&segment.registration().encode()).unwrap();
    drop(ours);
    assert!(segment.exists());
    drop(second);
    assert_eq!(end(tracker), warning(&[&segment]));
}

#[test]
fn a_connection_that_is_shut_down_counts_as_the_end() {
    let segment = Segment::new();
    let (mut ours, tracker) = connect();
    ours.write_all(&segment.registration().encode()).unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end(tracker), warning(&[&segment]));
}

#[test]
fn it_cleans_up_even_if_its_warning_cannot_be_written() {
    let segment = Segment::new();
    let (mut ours, mut tracker) = connect();
    drop(tracker.stderr.take());
    ours.write_all(&segment.registration().encode()).unwrap();
    drop(ours);
    assert!(tracker.wait().unwrap().success());
    assert!(!segment.exists());
}

#[test]
fn it_does_its_work_where_no_second_thread_can_be_had() {
    let segment = Segment::new();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    // No thread gets a stack of a petabyte.
    let tracker =
        command(OwnedFd::from(theirs).into()).env("RUST_MIN_STACK", (1_u64 << 50).to_string()).spawn().unwrap();
    ours.write_all(&segment.registration().encode()).unwrap();
    drop(ours);
    assert_eq!(end(tracker), warning(&[&segment]));
    assert!(!segment.exists());
}

#[test]
fn a_thousand_segments_make_one_line_and_one_of_advice() {
    let segments: Vec<_> = (0..1000).map(|_| Segment::new()).collect();
    let frames: Vec<_> = segments.iter().map(Segment::registration).collect();
    let text = tell(&stream(&frames), usize::MAX);
    assert_eq!(text.lines().count(), 2);
    assert!(text.starts_with("resource_tracker: There appear to be 1000 leaked"), "{text}");
    assert!(text.contains(", and 980 more\n"), "{text}");
    assert!(!segments.iter().any(Segment::exists));
}

#[test]
fn another_tracker_that_sweeps_leaves_it_the_segments_of_a_process_that_has_just_died() {
    // Any sweep removes what has looked left behind for 100 ms, so a round that takes longer says nothing.
    for _ in 0..100 {
        let segment = Segment::named(Name::random_for(Lifetime::Owned).unwrap().as_str());
        let in_use = File::open(path(&segment.name)).unwrap();
        let (mut ours, tracker) = connect();
        ours.write_all(&segment.registration().encode()).unwrap();
        wait_until_idle(child_of(tracker.id()));
        // From now on no process has it open: it looks as if its owner were dead, and this tracker had yet to read the end
        // of its input.
        drop(in_use);
        let start = Instant::now();
        let (theirs, sweeper) = connect();
        wait_until_idle(child_of(sweeper.id()));
        drop(ours);
        let told = end(tracker);
        let took = start.elapsed();
        drop(theirs);
        let told_by_other = end(sweeper);
        if took < Duration::from_millis(90) {
            assert_eq!(told, warning(&[&segment]));
            assert_eq!(told_by_other, "");
            return;
        }
    }
    panic!("no round was quick enough");
}

/// The process that a shell has started, once it has.
fn child_of(shell: u32) -> u32 {
    let path = format!("/proc/{shell}/task/{shell}/children");
    loop {
        if let Ok(child) = fs::read_to_string(&path).unwrap().trim().parse() {
            return child;
        }
        thread::yield_now();
    }
}

/// Waits until a tracker has looked at everything once: all of its threads sleep.
fn wait_until_idle(pid: u32) {
    let sleeps = |task: DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, fields)| fields.starts_with(" S "))
    };
    while !fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().all(sleeps) {
        thread::yield_now();
    }
}

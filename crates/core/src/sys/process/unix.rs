//! The helper process. It starts in its own session, so that signals to this process or its group do not reach it. It
//! is connected by a socket, whose end of file tells it that this process has ended, for whatever reason.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::send;
use rustix::process::Pid;

use super::Supervised;
#[cfg(backend = "linux")]
use super::handle::Child;
#[cfg(not(backend = "linux"))]
use super::number::Child;
use super::os;
use crate::Identity;
use crate::sys::Ledger;

/// How long the helper's socket may stay full. It reads at once, so a longer time means that it was stopped.
const MAX_FULL: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The argument of a helper that has a ledger.
const LEDGER: &CStr = c"ledger";

/// The first descriptor that a helper does not inherit: it has the standard three, and perhaps a ledger.
const FIRST_FREE: i32 = 4;

/// A running helper process.
#[derive(Debug)]
pub(crate) struct Helper {
    socket: OwnedFd,
    child: Child,
}

impl Helper {
    /// The connection to it, in both directions.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn wait_for_room(&self) -> io::Result<()> {
        let mut sockets = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::OUT)];
        match poll(&mut sockets, Some(&MAX_FULL)) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Supervised for Helper {
    /// Starts `program` with its role, and a second argument if it gets a ledger.
    fn spawn(program: &Path, role: &str, ledger: Option<&Ledger>) -> io::Result<Self> {
        let (ours, theirs) = os::socket_pair()?;
        let program = CString::new(program.as_os_str().as_bytes())?;
        let role = CString::new(role)?;
        let second = if ledger.is_some() { LEDGER.as_ptr().cast_mut() } else { ptr::null_mut() };
        let arguments = [program.as_ptr().cast_mut(), role.as_ptr().cast_mut(), second, ptr::null_mut()];
        let environment: [*mut c_char; 1] = [ptr::null_mut()];
        let attributes = Attributes::own_session()?;
        // Node marks its own standard error close-on-exec; a copy that the spawn makes is not.
        let input = copy(&theirs)?;
        let errors = copy(rustix::stdio::stderr()).ok();
        let ledger = ledger.map(copy).transpose()?;
        let actions = Actions::stdio(&input, errors.as_ref(), ledger.as_ref())?;
        let mut pid = 0;
        // SAFETY: `attributes` and `actions` are initialized, `arguments` and `environment` end in a null pointer, and
        // everything they point to lives until the call returns.
        let status = unsafe {
            libc::posix_spawn(
                &raw mut pid,
                program.as_ptr(),
                &raw const actions.0,
                &raw const attributes.0,
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        };
        check(status)?;
        let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("posix_spawn returned no process"))?;
        Ok(Self { socket: ours, child: Child::new(pid) })
    }

    /// Sends a whole frame. After an error the helper must be dropped.
    fn send(&self, mut frame: &[u8]) -> io::Result<()> {
        while !frame.is_empty() {
            match send(&self.socket, frame, os::SEND_AT_ONCE) {
                Ok(sent) => frame = &frame[sent..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for_room()?,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// The kernel removes no segments.
    fn entrust(&self, _name: &str, _identity: Identity) {}

    /// Waits until it has ended by itself, or until `deadline`. Returns whether it has ended.
    fn has_ended(&mut self, deadline: Instant) -> bool {
        self.child.has_ended(deadline)
    }

    /// Leaves the helper running: it ends with this process.
    fn let_go(self) {
        let Self { socket, mut child } = self;
        // The helper would take the end of the connection for the end of this process.
        std::mem::forget(socket);
        child.let_go();
    }

    /// In a child of fork(2): closes this process's copies of the parent's connection to its helper.
    fn disown(mut self) {
        self.child.let_go();
    }
}

/// Returns the user that owns the files that this process creates.
pub(crate) fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// See [`crate::sys`].
pub(crate) fn at_exit(f: extern "C" fn()) {
    // SAFETY: the function takes no arguments and is part of this library, which is never unloaded: the library also
    // has signal handlers and thread destructors. If the C library has no room for it, the system reaps the helper.
    let _ = unsafe { libc::atexit(f) };
}

/// Returns a copy above the descriptors of a helper, so that no step of the spawn overwrites what a later one needs.
fn copy(file: impl AsFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(file, FIRST_FREE)?)
}

/// posix_spawn returns errors as values.
fn check(status: i32) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(status)) }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn own_session() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the call initializes what it points to.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: initialized by the call above, which succeeded.
        let mut attributes = Self(unsafe { attributes.assume_init() });
        // SAFETY: `attributes` is initialized. A C library that does not know the flag refuses it; the helper then
        // creates its own session first.
        let _ = unsafe { libc::posix_spawnattr_setflags(&raw mut attributes.0, os::SPAWN_FLAGS) };
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialized, and not used again.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    /// The socket as standard input, no output, and our standard error, if there is one, for the warning.
    fn stdio(input: &OwnedFd, errors: Option<&OwnedFd>, ledger: Option<&OwnedFd>) -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the call initializes what it points to.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: initialized by the call above, which succeeded.
        let mut actions = Self(unsafe { actions.assume_init() });
        actions.put(input, 0)?;
        if let Some(errors) = errors {
            actions.put(errors, 2)?;
        }
        if let Some(ledger) = ledger {
            actions.put(ledger, FIRST_FREE - 1)?;
        }
        // SAFETY: `actions` is initialized, and the path is a C string, which the call copies.
        check(unsafe {
            libc::posix_spawn_file_actions_addopen(&raw mut actions.0, 1, c"/dev/null".as_ptr(), libc::O_WRONLY, 0)
        })?;
        Ok(actions)
    }

    fn put(&mut self, file: &OwnedFd, number: i32) -> io::Result<()> {
        // SAFETY: `self` is initialized; the call records two numbers.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, file.as_raw_fd(), number) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialized, and not used again.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

pub(crate) use super::os::wait_for_starter;

/// See [`crate::process::detach`].
pub(crate) fn detach(has_ledger: bool) {
    // Fails if this process leads a session already, which is how helpers are started.
    let _ = rustix::process::setsid();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE, libc::SIGTSTP] {
        ignore(signal);
    }
    ignore_lease_signals();
    // An inherited descriptor would keep another process's pipe open as long as this process lives.
    #[cfg(target_os = "linux")]
    let first = if has_ledger { FIRST_FREE } else { FIRST_FREE - 1 };
    #[cfg(not(target_os = "linux"))]
    let _ = has_ledger;
    #[cfg(target_os = "linux")]
    // SAFETY: at the start of the process, this code has no other descriptors than those that it was started with.
    unsafe {
        libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0);
    }
    let _ = rustix::process::chdir("/");
}

/// See [`crate::process::fall_silent`].
pub(crate) fn fall_silent() {
    // Not only closed: the next opened file would get the number, and then the output.
    if let Ok(nowhere) = open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stderr(nowhere);
    }
}

/// See [`crate::process::ignore_lease_signals`].
pub(crate) fn ignore_lease_signals() {
    ignore(libc::SIGIO);
}

fn ignore(signal: i32) {
    // SAFETY: SIG_IGN installs no code, and these signals may be ignored.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

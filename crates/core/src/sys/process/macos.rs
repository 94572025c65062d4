//! macOS: sockets that are marked after they are created, and a spawn that passes on nothing else.

use std::os::fd::OwnedFd;
use std::ptr;

use rustix::event::kqueue::{Event, EventFilter, EventFlags, ProcessEvents, kevent, kqueue};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_nosigpipe;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};
use rustix::process::getppid;

/// Does not wait for room; [`socket_pair`] takes care of broken pipes.
pub(in crate::sys) const SEND_AT_ONCE: SendFlags = SendFlags::DONTWAIT;

/// Returns two connected sockets. A process that is started between two of these calls inherits them; no other process
/// does.
pub(in crate::sys) fn socket_pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    for socket in [&pair.0, &pair.1] {
        fcntl_setfd(socket, FdFlags::CLOEXEC)?;
        set_socket_nosigpipe(socket, true)?;
    }
    Ok(pair)
}

/// `POSIX_SPAWN_SETSID` of `<sys/spawn.h>`.
const SPAWN_IN_OWN_SESSION: libc::c_int = 0x0400;

/// For a helper process, see [`crate::sys::process`]. It inherits only the descriptors that the spawn sets up, and none
/// that another thread opens: [`socket_pair`] cannot keep its sockets from being inherited.
#[expect(clippy::cast_possible_truncation, reason = "the flags fit the field")]
pub(in crate::sys) const SPAWN_FLAGS: libc::c_short =
    (SPAWN_IN_OWN_SESSION | libc::POSIX_SPAWN_CLOEXEC_DEFAULT) as libc::c_short;

/// `OPEN_MAX` of `<sys/syslimits.h>`: setrlimit(2) does not accept more descriptors, even if the hard limit is
/// infinite.
pub(in crate::sys) const MOST_DESCRIPTORS: Option<u64> = Some(10_240);

/// See [`crate::process::wait_for_starter`]. Our starter is our parent as long as it lives; then process 1 is.
pub(crate) fn wait_for_starter() {
    let Some(starter) = getppid().filter(|parent| !parent.is_init()) else { return };
    let Ok(queue) = kqueue() else { return };
    let exit = EventFilter::Proc { pid: starter, flags: ProcessEvents::EXIT };
    let watch = [Event::new(exit, EventFlags::ADD | EventFlags::ONESHOT, ptr::null_mut())];
    // SAFETY: the event is about a process, not about a descriptor that could be closed meanwhile.
    if unsafe { kevent(&queue, &watch, &mut [] as &mut [Event], None) }.is_err() {
        return;
    }
    // The second check detects that the number was reused before it was watched.
    while getppid() == Some(starter) {
        let mut events = Vec::with_capacity(1);
        // SAFETY: as above.
        match unsafe { kevent(&queue, &[], rustix::buffer::spare_capacity(&mut events), None) } {
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}

//! How managers communicate: stream sockets that block only in [`wait`], and the process that serves.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

mod folder;
#[cfg(target_os = "linux")]
mod linux;
mod listener;
#[cfg(target_os = "macos")]
mod macos;
mod server;
mod stream;

#[cfg(target_os = "linux")]
use linux as os;
#[cfg(target_os = "macos")]
use macos as os;

pub(crate) use listener::Listener;
pub(crate) use server::{Server, prepare_server, starter};
pub(crate) use stream::Stream;

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest<'a> {
    socket: BorrowedFd<'a>,
    flags: PollFlags,
}

impl<'a> Interest<'a> {
    /// Waits for bytes to read, or the end.
    pub(crate) fn to_read(socket: &'a impl AsFd) -> Self {
        Self { socket: socket.as_fd(), flags: PollFlags::IN }
    }

    /// Waits for room to write.
    pub(crate) fn to_write(socket: &'a impl AsFd) -> Self {
        Self { socket: socket.as_fd(), flags: PollFlags::OUT }
    }
}

/// Waits until one of `interests` is met, for at most `patience`. Returns which are. An error on a socket meets any
/// interest in it: the next call returns the error.
pub(crate) fn wait(interests: &[Interest<'_>], patience: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut sockets: Vec<_> = interests.iter().map(|i| PollFd::from_borrowed_fd(i.socket, i.flags)).collect();
    // A negative wait is over at once; one that is too long for the system never ends.
    let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
    match poll(&mut sockets, patience.as_ref()) {
        Ok(_) => Ok(sockets.iter().map(|socket| !socket.revents().is_empty()).collect()),
        Err(Errno::INTR) => Ok(vec![false; interests.len()]),
        Err(errno) => Err(errno.into()),
    }
}

/// Waits for one interest until `deadline`.
fn wait_until(interest: Interest<'_>, deadline: Instant) -> io::Result<()> {
    loop {
        let now = Instant::now();
        if now >= deadline {
            return Err(Errno::TIMEDOUT.into());
        }
        if wait(&[interest], Some(deadline - now))?[0] {
            return Ok(());
        }
    }
}

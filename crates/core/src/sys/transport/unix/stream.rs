//! A connection.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{RecvFlags, Shutdown, SocketAddrUnix, connect, recv, send, shutdown};

use super::os;
use super::{Interest, wait_until};
use crate::sys::process::os::SEND_AT_ONCE;
use crate::sys::transport::Address;
use crate::sys::transport::Connection;

/// Between two tries to connect.
pub(super) const CONNECT_PAUSE: Duration = Duration::from_millis(20);

/// A connection to a peer, or from one.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: OwnedFd,
    /// The server's address, in the form that is the same at both ends.
    endpoint: String,
}

impl Stream {
    pub(super) fn new(socket: OwnedFd, endpoint: String) -> io::Result<Self> {
        ioctl_fionbio(&socket, true)?;
        Ok(Self { socket, endpoint })
    }

    /// The server's end has the same address, unless addresses are translated in between.
    pub(super) fn tcp(socket: OwnedFd, endpoint: String) -> io::Result<Self> {
        // Requests are small, and their sender waits for the reply.
        set_tcp_nodelay(&socket, true)?;
        Self::new(socket, endpoint)
    }

    fn connect_unix(path: &Path, deadline: Instant) -> io::Result<Self> {
        let path = canonical(path)?;
        if path.metadata().is_ok_and(|found| found.uid() != rustix::process::geteuid().as_raw()) {
            return Err(Errno::ACCESS.into());
        }
        let to = SocketAddrUnix::new(&path)?;
        let mut tries = os::CONNECT_TRIES;
        let socket = loop {
            let socket = os::unix_socket()?;
            ioctl_fionbio(&socket, true)?;
            match connect(&socket, &to) {
                Ok(()) => break socket,
                Err(Errno::INTR) => {}
                // The listener's queue is full, and the system offers no way to wait for room.
                Err(Errno::AGAIN) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
                Err(Errno::AGAIN) => return Err(Errno::TIMEDOUT.into()),
                Err(Errno::CONNREFUSED) if tries > 1 && Instant::now() < deadline => {
                    tries -= 1;
                    thread::sleep(CONNECT_PAUSE);
                }
                Err(errno) => return Err(errno.into()),
            }
        };
        Self::new(socket, path.display().to_string())
    }

    #[expect(clippy::unused_self, reason = "the interest is in this stream")]
    fn wait_after(&self, error: &io::Error, interest: Interest<'_>, deadline: Instant) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            io::ErrorKind::WouldBlock => wait_until(interest, deadline),
            _ => Err(Errno::from_io_error(error).unwrap_or(Errno::IO).into()),
        }
    }

    /// Ends the outgoing direction.
    pub(crate) fn finish(&self) {
        // Fails if the other end is closed, which has the same effect.
        let _ = shutdown(&self.socket, Shutdown::Write);
    }
}

impl Connection for Stream {
    /// Connects to a server.
    fn connect(address: &Address, deadline: Instant) -> io::Result<Self> {
        match address {
            Address::Unix(path) => Self::connect_unix(path, deadline),
            Address::Pipe(_) => Err(io::ErrorKind::Unsupported.into()),
            Address::Tcp(address) => {
                let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
                let stream = TcpStream::connect_timeout(address, patience)?;
                let endpoint = format!("tcp://{}", stream.peer_addr()?);
                Self::tcp(stream.into(), endpoint)
            }
        }
    }

    /// Returns the server's address as both ends know it.
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends as many bytes as there is room for.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.socket, bytes, SEND_AT_ONCE)?)
    }

    /// Receives the bytes that have arrived; 0 is the end.
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (received, _) = recv(&self.socket, buffer, RecvFlags::DONTWAIT)?;
        Ok(received)
    }

    /// Sends everything by `deadline`.
    fn send(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_send(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(e) => self.wait_after(&e, Interest::to_write(self), deadline)?,
            }
        }
        Ok(())
    }

    /// Receives something by `deadline`; 0 is the end.
    fn receive(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            match self.try_receive(buffer) {
                Ok(received) => return Ok(received),
                Err(e) => self.wait_after(&e, Interest::to_read(self), deadline)?,
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Returns the path of a socket without links: the real path of its folder, and its name in it.
pub(super) fn canonical(path: &Path) -> io::Result<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL.into()) };
    Ok(fs::canonicalize(folder)?.join(name))
}

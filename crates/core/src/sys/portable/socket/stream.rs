//! A connection.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::windows::NamedPipe;
use windows_sys::Win32::Foundation::{ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED};

use super::pipe::{self, is};
use super::{Interest, Reactor, Readiness, Registered, Waited, wait_until};
use crate::manager::Address;

/// A connection to a peer, or from one.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    /// The server's address, such that both ends give the same.
    endpoint: String,
}

#[derive(Debug)]
enum Socket {
    Pipe(Registered<NamedPipe>),
    Tcp(Registered<TcpStream>),
}

impl Stream {
    /// Connects to a server.
    pub(crate) fn connect(address: &Address, deadline: Instant) -> io::Result<Self> {
        Self::connect_by(Reactor::new()?, address, deadline)
    }

    pub(super) fn connect_by(reactor: Arc<Reactor>, address: &Address, deadline: Instant) -> io::Result<Self> {
        match address {
            Address::Pipe(name) => {
                let pipe = Registered::new(pipe::connect(name, deadline)?, reactor, true)?;
                Ok(Self::pipe(pipe, name))
            }
            Address::Tcp(address) => {
                let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
                let stream = std::net::TcpStream::connect_timeout(address, patience)?;
                let endpoint = format!("tcp://{}", stream.peer_addr()?);
                stream.set_nonblocking(true)?;
                Self::tcp(TcpStream::from_std(stream), reactor, endpoint)
            }
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The system takes names for the same that differ in case, and so must both ends.
    pub(super) fn pipe(pipe: Registered<NamedPipe>, name: &str) -> Self {
        Self { socket: Socket::Pipe(pipe), endpoint: name.to_lowercase() }
    }

    pub(super) fn tcp(stream: TcpStream, reactor: Arc<Reactor>, endpoint: String) -> io::Result<Self> {
        // A request is small and waited for.
        stream.set_nodelay(true)?;
        Ok(Self { socket: Socket::Tcp(Registered::new(stream, reactor, true)?), endpoint })
    }

    /// The server's address as both ends know it.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn readiness(&self) -> &Readiness {
        match &self.socket {
            Socket::Pipe(pipe) => &pipe.readiness,
            Socket::Tcp(stream) => &stream.readiness,
        }
    }

    /// Sends what there is room for.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        Readiness::attempt(&self.readiness().writable, || match &self.socket {
            Socket::Pipe(pipe) => pipe.get().write(bytes).map_err(ended),
            Socket::Tcp(stream) => stream.get().write(bytes),
        })
    }

    /// Receives what has come; 0 is the end.
    pub(crate) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Readiness::attempt(&self.readiness().readable, || match &self.socket {
            Socket::Pipe(pipe) => match pipe.get().read(buffer).map_err(ended) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(0),
                other => other,
            },
            Socket::Tcp(stream) => stream.get().read(buffer),
        })
    }

    /// Sends everything by `deadline`.
    pub(crate) fn send(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_send(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(e) => wait_after(e, Interest::to_write(self), deadline)?,
            }
        }
        Ok(())
    }

    /// Receives something by `deadline`; 0 is the end.
    pub(crate) fn receive(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            match self.try_receive(buffer) {
                Ok(received) => return Ok(received),
                Err(e) => wait_after(e, Interest::to_read(self), deadline)?,
            }
        }
    }

    /// Hangs up on the other end at once, which is the end of a pipe's client.
    pub(super) fn hang_up(&self) {
        if let Socket::Pipe(pipe) = &self.socket {
            // Fails where the other end is gone, which is as good.
            let _ = pipe.get().disconnect();
        }
    }
}

fn wait_after(error: io::Error, interest: Interest<'_>, deadline: Instant) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock => wait_until(interest, deadline),
        _ => Err(error),
    }
}

/// The ways in which a pipe says that the other end is gone, as one.
fn ended(error: io::Error) -> io::Error {
    if is(&error, ERROR_PIPE_NOT_CONNECTED) || is(&error, ERROR_NO_DATA) {
        return io::ErrorKind::BrokenPipe.into();
    }
    error
}

impl Waited for Stream {
    fn reactor(&self) -> &Arc<Reactor> {
        match &self.socket {
            Socket::Pipe(pipe) => &pipe.reactor,
            Socket::Tcp(stream) => &stream.reactor,
        }
    }

    fn is_readable(&self) -> bool {
        self.readiness().readable.load(Acquire)
    }

    fn is_writable(&self) -> bool {
        self.readiness().writable.load(Acquire)
    }
}

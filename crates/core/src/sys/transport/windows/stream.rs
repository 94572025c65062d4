//! A connection.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::windows::NamedPipe;
use windows_sys::Win32::Foundation::{ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED};

use super::pipe::{self, is};
use super::{Interest, Reactor, Readiness, Registered, Waited, wait_until};
use crate::sys::transport::Address;
use crate::sys::transport::Connection;

/// A connection to a peer, or from one.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    /// The server's address, in the form that is the same at both ends.
    endpoint: String,
}

/// The shortest and the longest pause of a wait at a member's end of a pipe.
const PAUSES: (Duration, Duration) = (Duration::from_micros(20), Duration::from_millis(1));

#[derive(Debug)]
enum Socket {
    /// A server's end.
    Pipe(Registered<NamedPipe>),
    /// A member's end, which any thread may use: no operation runs between two calls.
    Member(File),
    Tcp(Registered<TcpStream>),
}

impl Stream {
    /// The system ignores the case of names, so both ends must.
    pub(super) fn pipe(pipe: Registered<NamedPipe>, name: &str) -> Self {
        // Only writing was reported as possible; bytes that came before that may be readable.
        pipe.readiness.readable.store(true, Release);
        Self { socket: Socket::Pipe(pipe), endpoint: name.to_lowercase() }
    }

    pub(super) fn tcp(stream: TcpStream, reactor: Arc<Reactor>, endpoint: String) -> io::Result<Self> {
        // Requests are small, and their sender waits for the reply.
        stream.set_nodelay(true)?;
        Ok(Self { socket: Socket::Tcp(Registered::new(stream, reactor, true)?), endpoint })
    }

    fn wait_after(
        &self,
        error: io::Error,
        interest: Interest<'_>,
        deadline: Instant,
        pause: &mut Duration,
    ) -> io::Result<()> {
        match (error.kind(), &self.socket) {
            (io::ErrorKind::Interrupted, _) => Ok(()),
            (io::ErrorKind::WouldBlock, Socket::Member(_)) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                thread::sleep(left.min(*pause));
                *pause = PAUSES.1.min(*pause * 2);
                Ok(())
            }
            (io::ErrorKind::WouldBlock, _) => wait_until(interest, deadline),
            _ => Err(error),
        }
    }
}

impl Connection for Stream {
    /// Connects to a server.
    fn connect(address: &Address, deadline: Instant) -> io::Result<Self> {
        match address {
            Address::Pipe(name) => {
                Ok(Self { socket: Socket::Member(pipe::connect(name, deadline)?), endpoint: name.to_lowercase() })
            }
            Address::Tcp(address) => {
                let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
                let stream = std::net::TcpStream::connect_timeout(address, patience)?;
                let endpoint = format!("tcp://{}", stream.peer_addr()?);
                stream.set_nonblocking(true)?;
                Self::tcp(TcpStream::from_std(stream), Reactor::new()?, endpoint)
            }
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Returns the server's address as both ends know it.
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends as many bytes as there is room for. A member's requests are answered one by one, and each finds room.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.socket {
            Socket::Pipe(pipe) => {
                Readiness::attempt(&pipe.readiness.writable, || pipe.get().write(bytes)).map_err(ended)
            }
            Socket::Member(pipe) => (&*pipe).write(bytes).map_err(ended),
            Socket::Tcp(stream) => Readiness::attempt(&stream.readiness.writable, || stream.get().write(bytes)),
        }
    }

    /// Receives the bytes that have arrived; 0 is the end.
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = match &self.socket {
            Socket::Pipe(pipe) => {
                Readiness::attempt(&pipe.readiness.readable, || pipe.get().read(buffer)).map_err(ended)
            }
            Socket::Member(pipe) => pipe::has_come(pipe).map_err(ended).and_then(|has| {
                if has { (&*pipe).read(buffer).map_err(ended) } else { Err(io::ErrorKind::WouldBlock.into()) }
            }),
            Socket::Tcp(stream) => return Readiness::attempt(&stream.readiness.readable, || stream.get().read(buffer)),
        };
        match received {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            other => other,
        }
    }

    /// Sends everything by `deadline`.
    fn send(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let mut pause = PAUSES.0;
        while !bytes.is_empty() {
            match self.try_send(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(e) => self.wait_after(e, Interest::to_write(self), deadline, &mut pause)?,
            }
        }
        Ok(())
    }

    /// Receives something by `deadline`; 0 is the end.
    fn receive(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let mut pause = PAUSES.0;
        loop {
            match self.try_receive(buffer) {
                Ok(received) => return Ok(received),
                Err(e) => self.wait_after(e, Interest::to_read(self), deadline, &mut pause)?,
            }
        }
    }
}

/// Returns the same error for all ways in which a pipe reports that the other end is closed.
fn ended(error: io::Error) -> io::Error {
    if is(&error, ERROR_PIPE_NOT_CONNECTED) || is(&error, ERROR_NO_DATA) {
        return io::ErrorKind::BrokenPipe.into();
    }
    error
}

impl Stream {
    fn readiness(&self) -> Option<&Readiness> {
        match &self.socket {
            Socket::Pipe(pipe) => Some(&pipe.readiness),
            Socket::Member(_) => None,
            Socket::Tcp(stream) => Some(&stream.readiness),
        }
    }
}

impl Waited for Stream {
    fn reactor(&self) -> Option<&Arc<Reactor>> {
        match &self.socket {
            Socket::Pipe(pipe) => Some(&pipe.reactor),
            Socket::Member(_) => None,
            Socket::Tcp(stream) => Some(&stream.reactor),
        }
    }

    fn is_readable(&self) -> bool {
        self.readiness().is_none_or(|readiness| readiness.readable.load(Acquire))
    }

    fn is_writable(&self) -> bool {
        self.readiness().is_none_or(|readiness| readiness.writable.load(Acquire))
    }
}

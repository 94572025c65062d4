//! The server's listener, to which members connect.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use mio::net::TcpListener;
use mio::windows::NamedPipe;

use super::pipe::{self, Instance};
use super::{Reactor, Readiness, Registered, Stream, Waited, server};
use crate::sys::transport::Address;
use crate::sys::transport::Listening;

/// How many clients may connect between two calls of [`Listener::accept`]; further clients must try again.
const BACKLOG: usize = 16;

/// Accepts connections.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    reactor: Arc<Reactor>,
    address: String,
}

#[derive(Debug)]
enum Socket {
    /// The ends that wait for a client.
    Pipe(RefCell<Vec<Registered<NamedPipe>>>),
    Tcp(Registered<TcpListener>),
}

impl Listener {
    fn bind_tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = format!("tcp://{}", socket.local_addr()?);
        let reactor = server::reactor()?;
        let socket = Registered::new(TcpListener::from_std(socket), Arc::clone(&reactor), true)?;
        Ok(Self { socket: Socket::Tcp(socket), reactor, address })
    }

    fn bind_pipe(name: &str) -> io::Result<Self> {
        let reactor = server::reactor()?;
        let first = open(name, Instance::First, &reactor)?;
        let mut waiting = vec![first];
        for _ in 1..BACKLOG {
            waiting.push(open(name, Instance::Further, &reactor)?);
        }
        Ok(Self { socket: Socket::Pipe(RefCell::new(waiting)), reactor, address: name.to_owned() })
    }
}

impl Listening for Listener {
    /// Listens at `address`.
    fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Pipe(name) => Self::bind_pipe(name),
            Address::Tcp(address) => Self::bind_tcp(*address),
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Listens at a pipe with a new name. Pipes are not in a folder.
    fn bind_in_fresh_folder(_temporary: &Path) -> io::Result<Self> {
        Self::bind_pipe(&fresh_name("shareable-manager-")?)
    }

    /// Returns its address, as members write it.
    fn address(&self) -> &str {
        &self.address
    }

    /// Returns the next connection, if one waits.
    fn accept(&self) -> io::Result<Option<Stream>> {
        match &self.socket {
            Socket::Pipe(waiting) => {
                let mut waiting = waiting.borrow_mut();
                let connected = waiting.iter().position(is_connected).ok_or(io::ErrorKind::WouldBlock)?;
                // The name stays taken throughout: its next end exists before this one is handed out.
                waiting.push(open(&self.address, Instance::Further, &self.reactor)?);
                let pipe = waiting.remove(connected);
                if pipe.get().take_error()?.is_some() {
                    return Ok(None);
                }
                Ok(Some(Stream::pipe(pipe, &self.address)))
            }
            Socket::Tcp(listener) => {
                let accept = || listener.get().accept();
                let (stream, _) = Readiness::attempt(&listener.readiness.readable, accept)?;
                let endpoint = format!("tcp://{}", stream.local_addr()?);
                Stream::tcp(stream, Arc::clone(&self.reactor), endpoint).map(Some)
            }
        }
    }
}

/// A server's end that waits for a connection.
pub(super) fn open(name: &str, instance: Instance, reactor: &Arc<Reactor>) -> io::Result<Registered<NamedPipe>> {
    let pipe = Registered::new(pipe::create(name, instance)?, Arc::clone(reactor), false)?;
    match pipe.get().connect() {
        Ok(()) => pipe.readiness.writable.store(true, std::sync::atomic::Ordering::Release),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
        Err(e) => return Err(e),
    }
    Ok(pipe)
}

/// Returns whether a client has connected to a waiting end, as far as the system has reported.
pub(super) fn is_connected(pipe: &Registered<NamedPipe>) -> bool {
    pipe.readiness.writable.load(Acquire) || pipe.readiness.readable.load(Acquire)
}

/// Returns a pipe's name that no other process has or can guess.
pub(super) fn fresh_name(prefix: &str) -> io::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!(r"\\.\pipe\{prefix}{}", data_encoding::BASE32HEX_NOPAD.encode(&random).to_lowercase()))
}

impl Waited for Listener {
    fn reactor(&self) -> Option<&Arc<Reactor>> {
        Some(&self.reactor)
    }

    fn is_readable(&self) -> bool {
        match &self.socket {
            Socket::Pipe(waiting) => waiting.borrow().iter().any(is_connected),
            Socket::Tcp(listener) => listener.readiness.readable.load(Acquire),
        }
    }

    fn is_writable(&self) -> bool {
        false
    }
}

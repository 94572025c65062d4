//! The process that serves: the calls of its starter and its own.
//!
//! The starter picks a name for a pipe between the two processes and sends it by standard input; the server creates the
//! pipe.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::listener::{fresh_name, is_connected, open};
use super::pipe::Instance;
use super::{Reactor, Stream};
use crate::sys::process::Helper;
use crate::sys::process::Supervised;
use crate::sys::transport::Address;
use crate::sys::transport::{Connection, Serving};

/// How long a server may take to start. Also how long it may take to unlink everything before it is killed, and its
/// tracker does the rest.
const SERVER_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that this process has started. Dropping it ends the server, and waits for its end.
#[derive(Debug)]
pub(crate) struct Server {
    /// `None` only at the end of the drop.
    stream: Option<Stream>,
    /// Kills the process on drop, if it has not ended by itself.
    process: Helper,
}

impl Serving for Server {
    /// Starts `program` with one argument, the role of a server.
    fn spawn(program: &Path, role: &str) -> io::Result<Self> {
        let address = Address::Pipe(fresh_name("shareable-starter-")?);
        let Address::Pipe(name) = &address else { return Err(io::ErrorKind::InvalidInput.into()) };
        let process = Helper::spawn(program, role, None)?;
        process.send(format!("{name}\n").as_bytes())?;
        let deadline = Instant::now() + SERVER_TIMEOUT;
        loop {
            match Stream::connect(&address, deadline) {
                Ok(stream) => return Ok(Self { stream: Some(stream), process }),
                // The server has not created it yet.
                Err(e) if e.kind() == io::ErrorKind::NotFound && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(io::ErrorKind::TimedOut.into()),
                Err(e) => return Err(e),
            }
        }
    }

    /// Returns the starter's own connection.
    fn stream(&self) -> &Stream {
        self.stream.as_ref().expect("it is there until the drop")
    }

    /// Pipes leave nothing behind.
    fn clean_up(_address: &str) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stream = None;
        let _ = self.process.has_ended(Instant::now() + SERVER_TIMEOUT);
    }
}

/// The poll of a server. A process serves once.
pub(super) fn reactor() -> io::Result<Arc<Reactor>> {
    static REACTOR: OnceLock<Arc<Reactor>> = OnceLock::new();
    if let Some(reactor) = REACTOR.get() {
        return Ok(Arc::clone(reactor));
    }
    let reactor = Reactor::new()?;
    Ok(Arc::clone(REACTOR.get_or_init(|| reactor)))
}

/// In a server: returns the connection to its starter, which sends its name by standard input.
pub(crate) fn starter() -> io::Result<Stream> {
    let mut name = String::new();
    io::stdin().read_line(&mut name)?;
    let name = name.trim_end();
    let reactor = reactor()?;
    let pipe = open(name, Instance::Only, &reactor)?;
    let deadline = Instant::now() + SERVER_TIMEOUT;
    while !is_connected(&pipe) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        reactor.turn(Some(left))?;
    }
    Ok(Stream::pipe(pipe, name))
}

/// There is no limit to raise.
pub(crate) fn prepare_server() {}

//! The process that serves, seen from its starter and from itself.
//!
//! The starter makes a pipe for the two of them, and says its name by standard input.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::super::Helper;
use super::listener::{fresh_name, is_connected, open};
use super::pipe::Instance;
use super::{Reactor, Stream};
use crate::manager::{Address, ROLE};

/// How long a server may take to start, and to unlink everything before it is killed, which leaves that to its tracker.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that this process has started. Dropping it ends it, and waits for that.
#[derive(Debug)]
pub(crate) struct Server {
    stream: Stream,
    /// Kills what has not ended by itself, when it drops.
    process: Helper,
}

impl Server {
    /// Starts `program` in the role of a server.
    pub(crate) fn spawn(program: &Path) -> io::Result<Self> {
        let name = fresh_name("shareable-starter-")?;
        let reactor = Reactor::new()?;
        let pipe = open(&name, Instance::Only, &reactor)?;
        let process = Helper::spawn(program, ROLE)?;
        process.send(format!("{name}\n").as_bytes())?;
        let deadline = Instant::now() + PATIENCE;
        while !is_connected(&pipe) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            reactor.turn(Some(left))?;
        }
        Ok(Self { stream: Stream::pipe(pipe, &name), process })
    }

    /// The starter's own connection.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Pipes leave nothing behind.
    pub(crate) fn clean_up(_address: &str) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stream.hang_up();
        self.process.wait_until(Instant::now() + PATIENCE);
    }
}

/// What a server waits by. A process serves once.
pub(super) fn reactor() -> io::Result<Arc<Reactor>> {
    static REACTOR: OnceLock<Arc<Reactor>> = OnceLock::new();
    if let Some(reactor) = REACTOR.get() {
        return Ok(Arc::clone(reactor));
    }
    let reactor = Reactor::new()?;
    Ok(Arc::clone(REACTOR.get_or_init(|| reactor)))
}

/// In a server: the connection to its starter, who says by standard input where it is.
pub(crate) fn starter() -> io::Result<Stream> {
    let mut name = String::new();
    io::stdin().read_line(&mut name)?;
    Stream::connect_by(reactor()?, &Address::Pipe(name.trim_end().to_owned()), Instant::now() + PATIENCE)
}

/// There is no limit to lift.
pub(crate) fn prepare_server() {}

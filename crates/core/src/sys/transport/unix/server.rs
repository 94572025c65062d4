//! The process that serves, seen from its starter and from itself.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Stream, folder};
use crate::sys::process::Supervised;
use crate::sys::process::{Helper, os};
use crate::sys::transport::{Connection, Serving};

/// How long a server may take to unlink everything before it is killed, which leaves that to its tracker.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that this process has started. Dropping it ends it, and waits for that.
#[derive(Debug)]
pub(crate) struct Server {
    stream: Stream,
    /// Kills what has not ended by itself, when it drops.
    _process: Helper,
}

impl Serving for Server {
    /// Starts `program` with one argument, the role of a server.
    fn spawn(program: &Path, role: &str) -> io::Result<Self> {
        let process = Helper::spawn(program, role, None)?;
        let socket = rustix::io::fcntl_dupfd_cloexec(process.socket(), 3)?;
        Ok(Self { stream: Stream::new(socket, String::new())?, _process: process })
    }

    /// The starter's own connection.
    fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Removes what a server that was killed has left at `address`.
    fn clean_up(address: &str) {
        folder::remove_folder_of(Path::new(address));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stream.finish();
        let deadline = Instant::now() + CLEAN_UP_TIMEOUT;
        let mut rest = [0; 1024];
        while matches!(self.stream.receive(&mut rest, deadline), Ok(1..)) {}
    }
}

/// In a server: the connection to its starter, who has put it in the place of standard input.
pub(crate) fn starter() -> io::Result<Stream> {
    Stream::new(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?, String::new())
}

/// In a server: makes room for many members.
pub(crate) fn prepare_server() {
    let limit = getrlimit(Resource::Nofile);
    // Without a number there is no limit.
    let most = [limit.maximum, os::MOST_DESCRIPTORS].into_iter().flatten().min();
    let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: limit.maximum });
}

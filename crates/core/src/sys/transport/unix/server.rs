//! The process that serves: the calls of its starter and its own.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Stream, folder};
use crate::sys::process::Supervised;
use crate::sys::process::{Helper, os};
use crate::sys::transport::{Connection, Serving};

/// How long a server may take to unlink everything before it is killed, and its tracker does the rest.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that this process has started. Dropping it ends the server, and waits for its end.
#[derive(Debug)]
pub(crate) struct Server {
    stream: Stream,
    /// Killed on drop, if it has not ended by itself.
    process: Helper,
}

impl Serving for Server {
    /// Starts `program` with one argument, the role of a server.
    fn spawn(program: &Path, role: &str) -> io::Result<Self> {
        let process = Helper::spawn(program, role, None)?;
        let socket = rustix::io::fcntl_dupfd_cloexec(process.socket(), 3)?;
        Ok(Self { stream: Stream::new(socket, String::new())?, process })
    }

    /// Returns the starter's own connection.
    fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Removes what a killed server has left at `address`.
    fn clean_up(address: &str) {
        folder::remove_folder_of(Path::new(address));
    }
}

impl Drop for Server {
    /// Waits for the end of the process, not only of the connection, which the process closes first: this process may
    /// not be allowed to kill it, because it has changed its user since, and would leave it as a zombie.
    fn drop(&mut self) {
        self.stream.finish();
        let deadline = Instant::now() + CLEAN_UP_TIMEOUT;
        let mut rest = [0; 1024];
        while matches!(self.stream.receive(&mut rest, deadline), Ok(1..)) {}
        let _ = self.process.has_ended(deadline);
    }
}

/// In a server: returns the connection to its starter, which is its standard input.
pub(crate) fn starter() -> io::Result<Stream> {
    Stream::new(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?, String::new())
}

/// In a server: raises the limit of connections.
pub(crate) fn prepare_server() {
    let limit = getrlimit(Resource::Nofile);
    // `None` means that there is no limit.
    let most = [limit.maximum, os::MOST_DESCRIPTORS].into_iter().flatten().min();
    let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: limit.maximum });
}

//! The server's listener, to which members connect.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, Stat, flock, lstat, open, unlink};
use rustix::io::Errno;
use rustix::process::{geteuid, umask};

use super::Stream;
use super::folder::{Folder, is_same, lock_refused};
use super::os;
use super::stream::{CONNECT_PAUSE, canonical};
use crate::sys::transport::Address;
use crate::sys::transport::Listening;

/// How long to wait for another server that starts in the same folder.
const FOLDER_TIMEOUT: Duration = Duration::from_secs(1);

/// A socket that accepts connections. Dropping it removes its file, and its folder.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    address: String,
    /// Dropped before the folder that it is in.
    _file: Option<File>,
    _folder: Option<Folder>,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// The file of a Unix socket.
#[derive(Debug)]
struct File {
    path: PathBuf,
    stat: Stat,
}

impl Drop for File {
    fn drop(&mut self) {
        // A file that has replaced it meanwhile stays.
        if lstat(&self.path).is_ok_and(|found| is_same(&found, &self.stat)) {
            let _ = unlink(&self.path);
        }
    }
}

impl Listener {
    fn bind_tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = format!("tcp://{}", socket.local_addr()?);
        Ok(Self { socket: Socket::Tcp(socket), address, _file: None, _folder: None })
    }

    fn bind_unix(path: PathBuf, folder: Option<Folder>) -> io::Result<Self> {
        let address = path.to_str().ok_or(Errno::ILSEQ)?.to_owned();
        // Only this user may connect, from the first moment on.
        let before = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let bound = bind(&path);
        umask(before);
        let socket = bound?;
        socket.set_nonblocking(true)?;
        let file = File { stat: lstat(&path)?, path };
        Ok(Self { socket: Socket::Unix(socket), address, _file: Some(file), _folder: folder })
    }
}

impl Listening for Listener {
    /// Listens at `address`. Replaces a socket file there that no process listens at.
    fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Unix(path) => Self::bind_unix(canonical(path)?, None),
            Address::Tcp(address) => Self::bind_tcp(*address),
            Address::Pipe(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Listens at a socket in its own folder under `temporary`.
    fn bind_in_fresh_folder(temporary: &Path) -> io::Result<Self> {
        let folder = Folder::new(temporary)?;
        Self::bind_unix(folder.socket(), Some(folder))
    }

    /// Returns its address, as members write it.
    fn address(&self) -> &str {
        &self.address
    }

    /// Returns the next connection that this user has made, if one waits.
    fn accept(&self) -> io::Result<Option<Stream>> {
        match &self.socket {
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                let stream = OwnedFd::from(stream);
                if os::peer_user(stream.as_fd())? != geteuid() {
                    return Ok(None);
                }
                Stream::new(stream, self.address.clone()).map(Some)
            }
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                let endpoint = format!("tcp://{}", stream.local_addr()?);
                Stream::tcp(stream.into(), endpoint).map(Some)
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Unix(listener) => listener.as_fd(),
            Socket::Tcp(listener) => listener.as_fd(),
        }
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
        other => return other,
    }
    let _turn = Turn::take(path)?;
    if is_abandoned(path)? {
        unlink(path)?;
    }
    UnixListener::bind(path)
}

/// Lets only one server at a time check whether a socket in this folder is abandoned: if two did at the same time, the
/// second could remove the socket that the first has created.
struct Turn {
    _folder: OwnedFd,
}

impl Turn {
    fn take(path: &Path) -> io::Result<Self> {
        let parent = path.parent().ok_or(Errno::INVAL)?;
        let folder = open(parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let deadline = Instant::now() + FOLDER_TIMEOUT;
        loop {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _folder: folder }),
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
                Err(Errno::WOULDBLOCK) => return Err(Errno::ADDRINUSE.into()),
                Err(errno) => return Err(lock_refused(errno, parent)),
            }
        }
    }
}

/// Returns whether there is a socket of this user that no process listens at.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    let found = lstat(path)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket || found.st_uid != geteuid().as_raw() {
        return Ok(false);
    }
    let (connected, done) = std::sync::mpsc::channel();
    let path = path.to_owned();
    // A connection to a server that accepts none waits forever, and means that there is a server.
    thread::spawn(move || {
        let is_refused = || UnixStream::connect(&path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
        let mut tries = os::CONNECT_TRIES;
        let mut refused = is_refused();
        while refused && tries > 1 {
            tries -= 1;
            thread::sleep(CONNECT_PAUSE);
            refused = is_refused();
        }
        let _ = connected.send(refused);
    });
    Ok(done.recv_timeout(FOLDER_TIMEOUT).unwrap_or(false))
}

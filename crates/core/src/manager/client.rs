//! A process's connection to a manager's server: as its starter, or as a member.
//!
//! Calls wait for the server's answer, which takes microseconds, so that a segment is kept by the server when a call
//! returns.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::handshake::{ANSWER, NONCE, Nonce, Transcript, VERSION};
use super::protocol::{Decoder, Message, Reply, Request, Settings};
use super::{Address, Keeper, Key};
use crate::sys::{Connection as _, Serving as _};
use crate::tracker::protocol::{Frame, Registration};
use crate::{Error, Identity, Kind, Mapping, Remedy, Result, mutex, sys, tracker};

/// How long a server may take to answer. It never does anything slow, so a longer time means that it was stopped.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often to try when the server closes the connection during the handshake. It does so for a wrong key, when it
/// ends, and when too many clients without a proof are connected.
const ATTEMPTS: u32 = 3;

/// How long to ask again for a segment that a sweep holds at that moment. A sweep holds it for microseconds.
const SWEEP_PATIENCE: Duration = Duration::from_millis(200);

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    address: String,
    link: Mutex<Option<Link>>,
}

/// An open connection.
#[derive(Debug)]
struct Link {
    end: End,
    decoder: Decoder,
}

#[derive(Debug)]
enum End {
    Starter(sys::Server),
    Member(sys::Stream),
}

impl End {
    fn stream(&self) -> &sys::Stream {
        match self {
            Self::Starter(server) => server.stream(),
            Self::Member(stream) => stream,
        }
    }
}

impl Link {
    fn new(end: End) -> Self {
        Self { end, decoder: Decoder::default() }
    }

    fn ask(&mut self, request: &Request) -> io::Result<Reply> {
        let deadline = Instant::now() + REPLY_TIMEOUT;
        self.end.stream().send(&request.encode(), deadline)?;
        self.reply(deadline)
    }

    fn reply(&mut self, deadline: Instant) -> io::Result<Reply> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(reply) = self.decoder.take().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))? {
                return Ok(reply);
            }
            match self.end.stream().receive(&mut buffer, deadline)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                received => self.decoder.push(&buffer[..received]),
            }
        }
    }
}

impl Client {
    /// Starts a server that listens at `address`, or, without one, at a socket in a new folder under `temporary`.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for an invalid address; [`Kind::OutOfRange`] for a key too short for TCP;
    /// [`Kind::System`] with the reason why the server cannot listen there; [`Kind::Tracker`] when the helper
    /// executable does not start; [`Kind::Unsupported`] on this system.
    pub fn start(address: Option<&str>, key: Key, temporary: &str) -> Result<Self> {
        if let Some(address) = address {
            check_key(&Address::parse(address)?, &key)?;
        }
        let program = tracker::program().ok_or_else(|| unsupported("no helper executable is set"))?;
        let server = sys::Server::spawn(&program, super::ROLE).map_err(|e| not_started(&program, &e))?;
        let mut link = Link::new(End::Starter(server));
        let address = address.unwrap_or_default().to_owned();
        let asked = address.clone();
        let settings = Settings { key, address, temporary: temporary.to_owned() };
        match link.ask(&Request::Serve(settings)) {
            Ok(Reply::Serving(address)) => Ok(Self { address, link: Mutex::new(Some(link)) }),
            Ok(Reply::Refused { errno, message }) => {
                let place = if asked.is_empty() { temporary } else { &asked };
                Err(Error::new(Kind::System, format!("no manager can listen at '{place}': {message}"))
                    .with_os("bind", (errno != 0).then_some(errno)))
            }
            Ok(_) => Err(not_started(&program, &io::ErrorKind::InvalidData.into())),
            Err(e) => Err(not_started(&program, &e)),
        }
    }

    /// Connects to the server at `address`.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for an invalid address; [`Kind::OutOfRange`] for a key too short for TCP;
    /// [`Kind::ManagerClosed`] when no server listens there, or it closes the connection before it has seen a proof of
    /// the key; [`Kind::Authentication`] when the keys differ; [`Kind::Version`]; [`Kind::System`] with `ETIMEDOUT` for
    /// a server that does not answer, and for other errors of the system.
    pub fn connect(address: &str, key: &Key) -> Result<Self> {
        let deadline = Instant::now() + REPLY_TIMEOUT;
        let parsed = Address::parse(address)?;
        check_key(&parsed, key)?;
        let mut left = ATTEMPTS;
        let (stream, version) = loop {
            left -= 1;
            let stream = sys::Stream::connect(&parsed, deadline).map_err(|e| not_connected(address, &e))?;
            match introduce(&stream, key, deadline) {
                Ok(version) => break (stream, version),
                Err(Refusal::HungUp | Refusal::Rejected) if left > 0 => {}
                Err(refusal) => return Err(refused(address, refusal)),
            }
        };
        if version != VERSION {
            return Err(Error::new(
                Kind::Version,
                format!(
                    "the manager at '{address}' speaks version {version} of the protocol and this process version \
                     {VERSION}: use the same version of shareable in both"
                ),
            ));
        }
        Ok(Self { address: address.to_owned(), link: Mutex::new(Some(Link::new(End::Member(stream)))) })
    }

    /// Returns the address of the server.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the names of the segments that the server keeps.
    ///
    /// # Errors
    /// [`Kind::ManagerClosed`].
    pub fn list(&self) -> Result<Vec<String>> {
        self.with_link(|link| {
            let mut reply = link.ask(&Request::List)?;
            let mut all = Vec::new();
            loop {
                let Reply::Names { is_last, names } = reply else { return Err(io::ErrorKind::InvalidData.into()) };
                all.extend(names);
                if is_last {
                    return Ok(all);
                }
                reply = link.reply(Instant::now() + REPLY_TIMEOUT)?;
            }
        })
    }

    /// Disconnects. If this process started the server, ends the manager for all members. Idempotent.
    pub fn end(&self) {
        let Some(mut link) = self.link().take() else { return };
        if matches!(link.end, End::Starter(_)) {
            // A server that does not answer is killed on drop, and its tracker cleans up.
            let _ = link.ask(&Request::End);
            drop(link);
            sys::Server::clean_up(&self.address);
        }
    }

    fn link(&self) -> MutexGuard<'_, Option<Link>> {
        mutex::lock(&self.link)
    }

    /// Sends a request and receives the reply. Never again after a failure, because nothing is known about what the
    /// server received.
    fn with_link<T>(&self, talk: impl FnOnce(&mut Link) -> io::Result<T>) -> Result<T> {
        let mut guard = self.link();
        let link = guard.as_mut().ok_or_else(super::ended)?;
        talk(link).map_err(|e| {
            if let Some(Link { end: End::Starter(server), .. }) = guard.take() {
                drop(server);
                sys::Server::clean_up(&self.address);
            }
            let why = match e.kind() {
                io::ErrorKind::TimedOut => "has not answered in time",
                _ => "is gone",
            };
            Error::new(
                Kind::ManagerClosed,
                format!("the manager's server at '{}' {why}: everything created through it is unlinked", self.address),
            )
        })
    }
}

impl Keeper for Client {
    fn check(&self) -> Result<()> {
        if self.link().is_some() { Ok(()) } else { Err(super::ended()) }
    }

    fn keep(&self, registration: &Registration, _mapping: &Mapping) -> Result<()> {
        let request = Request::Tell(Frame::Register(registration.clone()));
        let deadline = Instant::now() + SWEEP_PATIENCE;
        let mut reply = self.with_link(|link| link.ask(&request))?;
        // The server never waits, so this process does.
        while is_held(&reply) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
            reply = self.with_link(|link| link.ask(&request))?;
        }
        match reply {
            Reply::Done => {
                // From here on the server owns the segment and has it on record with its tracker.
                tracker::forget(registration.identity);
                Ok(())
            }
            Reply::Refused { message, .. } => {
                Err(Error::new(Kind::System, format!("the manager's server refused the segment: {message}")))
            }
            _ => Err(Error::new(Kind::System, "unexpected reply from the manager's server")),
        }
    }

    fn unlinked(&self, identity: Identity) {
        // A server that has ended keeps nothing.
        let _ = self.with_link(|link| link.ask(&Request::Tell(Frame::Forget(identity))));
    }
}

/// Returns whether the server could not open a segment because a sweep had a lease on it.
fn is_held(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused { errno, .. }
        if io::Error::from_raw_os_error(*errno).kind() == io::ErrorKind::WouldBlock)
}

/// Why a handshake failed.
#[derive(Debug)]
enum Refusal {
    /// The server closed the connection, and not because of the proof.
    HungUp,
    /// The server read the proof and closed the connection.
    Rejected,
    /// The server answered without a proof that it has the key.
    Unproven,
    /// A system call failed.
    Failed(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(e: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match e.kind() {
            UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => Self::HungUp,
            _ => Self::Failed(e),
        }
    }
}

/// The member's side of the handshake. Returns the server's version, once both sides have proven to have the key.
fn introduce(stream: &sys::Stream, key: &Key, deadline: Instant) -> Result<u16, Refusal> {
    let mut nonce: Nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let challenge = receive_exactly::<NONCE>(stream, deadline)?;
    let transcript =
        Transcript { challenge: &challenge, nonce: &nonce, address: stream.endpoint(), member_version: VERSION };
    stream.send(&transcript.prove(key), deadline)?;
    // A server that closes before it has read the proof resets the connection; a server that has read it only ends the
    // connection.
    let answer = receive_exactly::<ANSWER>(stream, deadline).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => Refusal::Rejected,
        _ => e.into(),
    })?;
    transcript.check_answer(key, &answer).ok_or(Refusal::Unproven)
}

/// Checks that a key is long enough for its use.
fn check_key(address: &Address, key: &Key) -> Result<()> {
    let length = key.bytes().len();
    if matches!(address, Address::Tcp(_)) && length < Key::MIN_FOR_TCP {
        return Err(Error::new(
            Kind::OutOfRange,
            format!(
                "an authkey of {length} bytes is too short for TCP, where every process that reaches the port can guess: \
                 use at least {} random bytes, or leave it out",
                Key::MIN_FOR_TCP
            ),
        ));
    }
    Ok(())
}

fn refused(address: &str, refusal: Refusal) -> Error {
    match refusal {
        Refusal::HungUp => Error::new(
            Kind::ManagerClosed,
            format!(
                "'{address}' closed the connection {ATTEMPTS} times before the handshake was over: a manager there is \
                 shutting down or has too many clients that have not proven the key, or it is another program"
            ),
        ),
        Refusal::Rejected => Error::new(
            Kind::Authentication,
            format!("the manager at '{address}' refused this process's proof of the key: the keys differ"),
        ),
        Refusal::Unproven => Error::new(
            Kind::Authentication,
            format!("the program that listens at '{address}' does not have the manager's key"),
        ),
        Refusal::Failed(e) => not_connected(address, &e),
    }
}

fn receive_exactly<const N: usize>(stream: &sys::Stream, deadline: Instant) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match stream.receive(&mut bytes[filled..], deadline)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            received => filled += received,
        }
    }
    Ok(bytes)
}

fn unsupported(why: &str) -> Error {
    Error::new(Kind::Unsupported, format!("managers cannot have a server here: {why}"))
}

fn not_started(program: &Path, e: &io::Error) -> Error {
    if e.kind() == io::ErrorKind::Unsupported {
        return unsupported("this system is not supported").with_remedy(Remedy::UseLocalManager);
    }
    Error::new(Kind::Tracker, format!("cannot start the manager's server, {}: {e}", program.display()))
        .with_os("posix_spawn", sys::errno_of(e))
}

fn not_connected(address: &str, e: &io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::Unsupported => unsupported("this system is not supported").with_remedy(Remedy::UseLocalManager),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::new(
            Kind::ManagerClosed,
            format!("no manager listens at '{address}': it has been shut down, or was never started"),
        ),
        _ => Error::new(Kind::System, format!("cannot connect to the manager at '{address}': {e}"))
            .with_os("connect", sys::errno_of(e)),
    }
}

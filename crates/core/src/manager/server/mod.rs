//! The server: one thread, one loop, and a bounded amount of memory for clients that have not proven to have the key.

mod peer;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use peer::{Next, Peer};

use super::protocol::{Decoder, Message, Reply, Request, Settings};
use super::{Address, Blocks, Key};
use crate::sys::{self, Interest, Listener, Stream};
use crate::sys::{Connection as _, Listening as _};
use crate::tracker;

/// How long an untrusted client may take for its proof, from the first byte to the last, and the starter for its
/// settings.
const PROOF_TIMEOUT: Duration = Duration::from_secs(5);

/// How many untrusted clients are served at once. If more connect, the oldest are disconnected first.
const MAX_PENDING: usize = 64;

/// How long a new client is not disconnected in favour of others. An honest client needs a fraction of a millisecond;
/// the rest is for a busy machine. The others wait to be accepted, in order.
const GRACE: Duration = Duration::from_millis(5);

/// How many connections are accepted before the existing ones are served again.
const BATCH: usize = 16;

/// How long no connections are accepted after the system had no resources for one.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the process whose connection is standard input, and every process that has the address and the key. Returns
/// when that process asks for it or has ended, and everything is unlinked.
///
/// # Errors
/// When that process does not exist, or sends no settings, or the system cannot wait.
pub fn serve() -> io::Result<()> {
    sys::prepare_server();
    let starter = sys::starter()?;
    let mut decoder = Decoder::default();
    let Settings { key, address, temporary } = settings(&starter, &mut decoder)?;
    let listener = match listen(&address, &temporary) {
        Ok(listener) => listener,
        Err(e) => {
            let refused = Reply::Refused {
                errno: sys::errno_of(&e).unwrap_or(0),
                message: if address.is_empty() { reason_in_temporary(&e, &temporary) } else { reason(&e) },
            };
            return starter.send(&refused.encode(), Instant::now() + PROOF_TIMEOUT);
        }
    };
    starter.send(&Reply::Serving(listener.address().to_owned()).encode(), Instant::now() + PROOF_TIMEOUT)?;
    let mut server =
        Server { listener, key, blocks: Blocks::default(), peers: vec![Peer::starter(starter, decoder)], resume: None };
    let outcome = server.run();
    // Whatever has failed: unlink the kept segments now, and then remove the address.
    let ended = server.blocks.end().map_err(io::Error::other);
    let Server { listener, peers, .. } = server;
    drop(listener);
    // While the starter still waits: it kills this process afterwards, and no other process can reap its child.
    tracker::finish();
    if let Some(starter) = peers.into_iter().find(Peer::is_starter) {
        starter.say_last(&Reply::Done, Instant::now() + PROOF_TIMEOUT);
    }
    outcome.and(ended)
}

fn settings(starter: &Stream, decoder: &mut Decoder) -> io::Result<Settings> {
    let deadline = Instant::now() + PROOF_TIMEOUT;
    let mut buffer = [0; 4096];
    loop {
        match decoder.take() {
            Ok(Some(Request::Serve(settings))) => return Ok(settings),
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
        match starter.receive(&mut buffer, deadline)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            received => decoder.push(&buffer[..received]),
        }
    }
}

fn listen(address: &str, temporary: &str) -> io::Result<Listener> {
    if address.is_empty() {
        return Listener::bind_in_fresh_folder(Path::new(temporary));
    }
    Listener::bind(&Address::parse(address).map_err(io::Error::other)?)
}

/// Words an error without repeating its number.
fn reason(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::AddrInUse => {
            "a process listens there already, or the name belongs to something that is not an abandoned socket"
                .to_owned()
        }
        io::ErrorKind::InvalidInput => format!("{e}; a socket's path has at most {LONGEST_SOCKET_PATH} bytes"),
        _ => e.to_string(),
    }
}

/// The longest path of a Unix socket, in bytes: see unix(7) and its equivalents.
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The error for a server that makes a folder for its socket under `temporary`, with advice.
fn reason_in_temporary(e: &io::Error, temporary: &str) -> String {
    if cfg!(windows) {
        return e.to_string();
    }
    let why = if e.kind() == io::ErrorKind::InvalidInput {
        format!(
            "with the {} bytes of this path, the socket's would be longer than {LONGEST_SOCKET_PATH}",
            temporary.len()
        )
    } else {
        e.to_string()
    };
    format!(
        "{why}. Set TMPDIR to a short path of a local folder that this user may write to, or give start() an address"
    )
}

/// What one turn of the loop serves.
struct Server {
    listener: Listener,
    key: Key,
    blocks: Blocks,
    /// In the order in which they connected.
    peers: Vec<Peer>,
    /// When to accept connections again.
    resume: Option<Instant>,
}

impl Server {
    /// Repeats turns until the starter ends the manager or has ended itself.
    fn run(&mut self) -> io::Result<()> {
        loop {
            let now = Instant::now();
            self.resume = self.resume.filter(|resume| *resume > now);
            let deadlines = self.peers.iter().filter_map(Peer::deadline);
            let deadline = deadlines.chain(self.resume).min();
            let patience = if self.peers.iter().any(Peer::is_due) {
                Some(Duration::ZERO)
            } else {
                deadline.map(|deadline| deadline.saturating_duration_since(now))
            };
            let listens = self.resume.is_none();
            let mut interests: Vec<_> = self.peers.iter().map(Peer::interest).collect();
            if listens {
                interests.push(Interest::to_read(&self.listener));
            }
            let mut ready = sys::wait(&interests, patience)?;
            let has_callers = listens && ready.pop() == Some(true);
            if !self.hear(&ready) {
                return Ok(());
            }
            if has_callers {
                self.admit();
            }
        }
    }

    /// Lets each peer that is ready take one step, and drops those whose time is up. Returns whether the starter wants
    /// to continue.
    fn hear(&mut self, ready: &[bool]) -> bool {
        let now = Instant::now();
        let mut goes_on = true;
        let mut ready = ready.iter();
        let Self { peers, key, blocks, .. } = self;
        peers.retain_mut(|peer| {
            let is_ready = ready.next() == Some(&true) || peer.is_due();
            let next = if is_ready { peer.step(key, blocks) } else { Next::Stays };
            let is_late = peer.deadline().is_some_and(|deadline| deadline <= now);
            match next {
                Next::Stays => !is_late,
                Next::Leaves => {
                    goes_on &= !peer.is_starter();
                    // The starter stays connected, to receive the reply.
                    peer.is_starter()
                }
            }
        });
        goes_on
    }

    /// Accepts waiting connections, up to a batch of them.
    fn admit(&mut self) {
        for _ in 0..BATCH {
            if let Some(oldest) = self.oldest_in_the_way().filter(|oldest| oldest.elapsed() < GRACE) {
                self.resume = Some(oldest + GRACE);
                return;
            }
            self.make_room(MAX_PENDING - 1);
            match self.listener.accept() {
                Ok(Some(stream)) => {
                    let mut challenge = [0; super::handshake::NONCE];
                    if getrandom::fill(&mut challenge).is_ok()
                        && let Some(peer) = Peer::untrusted(stream, challenge)
                    {
                        self.peers.push(peer);
                    }
                }
                Ok(None) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if is_passing(&e) => {}
                // No descriptors or no memory: disconnect untrusted clients first.
                Err(_) => {
                    if !self.make_room(0) {
                        self.resume = Some(Instant::now() + PAUSE);
                        return;
                    }
                }
            }
        }
    }

    /// Returns when the client connected that must be disconnected before another one is accepted.
    fn oldest_in_the_way(&self) -> Option<Instant> {
        let mut arrivals = self.peers.iter().filter_map(Peer::arrival);
        let oldest = arrivals.next()?;
        (arrivals.count() + 1 >= MAX_PENDING).then_some(oldest)
    }

    /// Disconnects the oldest untrusted clients until at most `limit` are left. Returns whether any was disconnected.
    fn make_room(&mut self, limit: usize) -> bool {
        let pending = self.peers.iter().filter(|peer| peer.is_untrusted()).count();
        let mut excess = pending.saturating_sub(limit);
        let has_to = excess > 0;
        self.peers.retain(|peer| {
            let goes = excess > 0 && peer.is_untrusted();
            excess -= usize::from(goes);
            !goes
        });
        has_to
    }
}

/// Returns whether an error concerns only one caller, which has disconnected.
fn is_passing(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

#[cfg(all(test, backend = "unix"))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A server with two peers for a test, and the other ends of their connections.
    fn server_with_two_members() -> (Server, [Stream; 2]) {
        let listener = Listener::bind_in_fresh_folder(&std::env::temp_dir()).unwrap();
        let address = Address::parse(listener.address()).unwrap();
        let (mut peers, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            ends.push(Stream::connect(&address, Instant::now() + LONG).unwrap());
            let stream = listener.accept().unwrap().unwrap();
            peers.push(Peer::starter(stream, Decoder::default()));
        }
        let key = Key::new(vec![7; 32]).unwrap();
        let server = Server { listener, key, blocks: Blocks::default(), peers, resume: None };
        (server, ends.try_into().unwrap())
    }

    fn replies(end: &Stream, decoder: &mut Decoder) -> usize {
        let mut buffer = [0; 4096];
        while let Ok(received @ 1..) = end.try_receive(&mut buffer) {
            decoder.push(&buffer[..received]);
        }
        std::iter::from_fn(|| decoder.take::<Reply>().unwrap()).count()
    }

    #[test]
    fn in_one_turn_each_peer_has_one_request_answered_however_many_it_has_sent() {
        let (mut server, [flood, honest]) = server_with_two_members();
        flood.send(&Request::List.encode().repeat(100), Instant::now() + LONG).unwrap();
        honest.send(&Request::List.encode(), Instant::now() + LONG).unwrap();
        assert!(server.hear(&[true, true]));
        let (mut first, mut second) = (Decoder::default(), Decoder::default());
        assert_eq!((replies(&flood, &mut first), replies(&honest, &mut second)), (1, 1));
        // The other requests are handled although no more bytes come.
        for turn in 2..=100 {
            assert!(server.peers[0].is_due(), "turn {turn}");
            assert!(server.hear(&[false, false]));
            assert_eq!(replies(&flood, &mut first), 1, "turn {turn}");
        }
        assert!(!server.peers[0].is_due());
    }
}

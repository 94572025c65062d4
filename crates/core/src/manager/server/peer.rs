//! One connection of the server, from an untrusted client's first byte to a member's last.

use std::io;
use std::time::Instant;

use super::super::blocks::Names;
use super::super::handshake::{Introduction, Nonce, Proven, Transcript, VERSION};
use super::super::protocol::{Decoder, Message, NAMES_PER_FRAME, Reply, Request};
use super::super::{Blocks, Key};
use super::PROOF_TIMEOUT;
use crate::Identity;
use crate::sys::Connection as _;
use crate::sys::{Interest, Stream};
use crate::tracker::protocol::Frame;

/// What happens to a peer after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stays,
    Leaves,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Peer {
    stream: Stream,
    stage: Stage,
    /// The part of its replies that it has not received yet. While there is any, no requests of it are read.
    unsent: Vec<u8>,
    /// The block after which its requested list continues.
    listing: Option<Identity>,
}

#[derive(Debug)]
enum Stage {
    Untrusted(Box<Introduction>, Instant),
    Member(Decoder),
    Starter(Decoder),
}

impl Peer {
    pub(super) fn starter(stream: Stream, decoder: Decoder) -> Self {
        Self { stream, stage: Stage::Starter(decoder), unsent: Vec::new(), listing: None }
    }

    /// Sends an untrusted client its challenge. A new connection has room for it; one that has not is dropped.
    pub(super) fn untrusted(stream: Stream, challenge: Nonce) -> Option<Self> {
        let sent = stream.try_send(&challenge).ok()?;
        (sent == challenge.len()).then(|| Self {
            stream,
            stage: Stage::Untrusted(Box::new(Introduction::new(challenge)), Instant::now()),
            unsent: Vec::new(),
            listing: None,
        })
    }

    pub(super) fn is_starter(&self) -> bool {
        matches!(self.stage, Stage::Starter(_))
    }

    pub(super) fn is_untrusted(&self) -> bool {
        matches!(self.stage, Stage::Untrusted(..))
    }

    /// Returns when an untrusted client connected.
    pub(super) fn arrival(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Untrusted(_, arrival) => Some(*arrival),
            Stage::Member(_) | Stage::Starter(_) => None,
        }
    }

    /// Returns when it is disconnected, unless it has proven to have the key by then.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.arrival().map(|arrival| arrival + PROOF_TIMEOUT)
    }

    pub(super) fn interest(&self) -> Interest<'_> {
        if self.unsent.is_empty() { Interest::to_read(&self.stream) } else { Interest::to_write(&self.stream) }
    }

    /// Returns whether its next step needs nothing from its socket: a whole request has arrived, or the rest of a list
    /// is due.
    pub(super) fn is_due(&self) -> bool {
        let has_request = match &self.stage {
            Stage::Untrusted(..) => false,
            Stage::Member(decoder) | Stage::Starter(decoder) => decoder.is_ready(),
        };
        self.unsent.is_empty() && (self.listing.is_some() || has_request)
    }

    /// Takes one step without waiting. It answers at most one request, so that each peer gets its turn.
    pub(super) fn step(&mut self, key: &Key, blocks: &Blocks) -> Next {
        match self.go_on(key, blocks) {
            Ok(next) => next,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Next::Stays,
            Err(_) => Next::Leaves,
        }
    }

    fn go_on(&mut self, key: &Key, blocks: &Blocks) -> io::Result<Next> {
        if !self.flush()? {
            return Ok(Next::Stays);
        }
        if let Stage::Untrusted(introduction, _) = &mut self.stage {
            return match self.stream.try_receive(introduction.room())? {
                0 => Ok(Next::Leaves),
                received if introduction.fill(received) => self.judge(key),
                _ => Ok(Next::Stays),
            };
        }
        if !self.is_due() {
            let mut buffer = [0; 16 * 1024];
            let received = self.stream.try_receive(&mut buffer)?;
            match &mut self.stage {
                Stage::Member(decoder) | Stage::Starter(decoder) if received > 0 => decoder.push(&buffer[..received]),
                _ => return Ok(Next::Leaves),
            }
        }
        self.serve(blocks)
    }

    /// Accepts a client that has the key and speaks this version. Of the others, only those with the key get an answer.
    fn judge(&mut self, key: &Key) -> io::Result<Next> {
        let Stage::Untrusted(introduction, _) = &self.stage else { return Ok(Next::Stays) };
        let address = self.stream.endpoint();
        let Some(Proven { version, nonce }) = introduction.check(key, address) else { return Ok(Next::Leaves) };
        let transcript =
            Transcript { challenge: introduction.challenge(), nonce: &nonce, address, member_version: version };
        self.unsent.extend(transcript.answer(key, VERSION));
        self.stage = Stage::Member(Decoder::default());
        let has_heard = self.flush()?;
        Ok(if has_heard && version == VERSION { Next::Stays } else { Next::Leaves })
    }

    /// Answers one request, if a whole one has arrived.
    fn serve(&mut self, blocks: &Blocks) -> io::Result<Next> {
        if let Some(last) = self.listing {
            self.say_names(blocks, Some(last));
        } else {
            let (Stage::Member(decoder) | Stage::Starter(decoder)) = &mut self.stage else { return Ok(Next::Stays) };
            match decoder.take() {
                Ok(Some(Request::Tell(frame))) => self.say(&tell(blocks, frame)),
                Ok(Some(Request::List)) => self.say_names(blocks, None),
                Ok(None) => return Ok(Next::Stays),
                // From the starter: the end of the manager. From a member: not a valid request, like unreadable bytes.
                Ok(Some(Request::End | Request::Serve(_))) | Err(_) => return Ok(Next::Leaves),
            }
        }
        self.flush()?;
        Ok(Next::Stays)
    }

    /// Sends one frame of names. The next step sends the next one.
    fn say_names(&mut self, blocks: &Blocks, last: Option<Identity>) {
        let Names { names, next } = blocks.names_after(last, NAMES_PER_FRAME);
        self.say(&Reply::Names { is_last: next.is_none(), names });
        self.listing = next;
    }

    fn say(&mut self, reply: &Reply) {
        self.unsent.extend(reply.encode());
    }

    /// Sends what the socket accepts, and returns whether that is everything.
    fn flush(&mut self) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match self.stream.try_send(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Sends one more reply, if the peer is still connected.
    pub(super) fn say_last(mut self, reply: &Reply, deadline: Instant) {
        self.say(reply);
        let _ = self.stream.send(&self.unsent, deadline);
    }
}

fn tell(blocks: &Blocks, frame: Frame) -> Reply {
    match frame {
        Frame::Register(registration) => match blocks.take_over(&registration) {
            Ok(()) => Reply::Done,
            Err(e) => Reply::Refused { errno: e.errno().unwrap_or(0), message: e.message().to_owned() },
        },
        Frame::Forget(identity) => {
            blocks.forget_if_gone(identity);
            Reply::Done
        }
        // Only trackers get these: a server ends when its starter asks for it.
        Frame::Finish => Reply::Done,
    }
}

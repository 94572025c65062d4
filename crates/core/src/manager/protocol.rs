//! The messages between the members and the server of a manager after the handshake. Pure.
//!
//! ```text
//! frame    = length:u32 kind:u8 body         length counts kind and body; integers are little-endian
//! serve    = 1: key_length:u16 key address_length:u16 address temporary     the starter's first word
//! tell     = 2: a frame of the tracker's protocol
//! list     = 3:
//! end      = 4:                              from the starter only
//! done     = 129:
//! refused  = 130: errno:i32 message
//! names    = 131: is_last:u8 (length:u16 name)*
//! serving  = 132: address
//! ```
//!
//! Every request has one reply, except `list`, which has one or more `names`.

use std::fmt;

use super::Key;
use crate::tracker::protocol::{Decoder as TrackerDecoder, Frame};

/// The largest frame that is accepted, without its length. Long lists come in several frames.
pub const MAX_FRAME: usize = 64 * 1024;

/// The maximum number of names in a `names` frame. A name has up to 255 bytes, so the frame is well below
/// [`MAX_FRAME`].
pub const NAMES_PER_FRAME: usize = 128;

/// Bytes of the length.
const PREFIX: usize = size_of::<u32>();

/// A request of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Where to listen, and which key to require.
    Serve(Settings),
    /// A segment to keep, or to stop keeping.
    Tell(Frame),
    /// Asks for the names of the kept segments.
    List,
    /// Ends the manager.
    End,
}

/// The settings of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The key of the members.
    pub key: Key,
    /// Where to listen; empty for a socket in its own folder.
    pub address: String,
    /// Where such a folder may be created.
    pub temporary: String,
}

/// A reply of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The request has succeeded.
    Done,
    /// The request has failed.
    Refused {
        /// The errno, or 0.
        errno: i32,
        /// The reason.
        message: String,
    },
    /// Names of kept segments.
    Names {
        /// Whether there are no more.
        is_last: bool,
        /// Some of the names.
        names: Vec<String>,
    },
    /// The server listens here.
    Serving(String),
}

/// The error for bytes that are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these bytes are not a frame of the manager's protocol")
    }
}

impl std::error::Error for Malformed {}

/// A message in a frame.
pub trait Message: Sized {
    /// Returns its kind and its body.
    fn write(&self, frame: &mut Vec<u8>);

    /// Parses what [`write`](Self::write) wrote; `None` for anything else.
    fn read(kind: u8, body: &[u8]) -> Option<Self>;

    /// Returns the frame's bytes.
    fn encode(&self) -> Vec<u8> {
        let mut frame = vec![0; PREFIX];
        self.write(&mut frame);
        #[expect(clippy::cast_possible_truncation, reason = "no message is anywhere near 4 GiB")]
        let length = (frame.len() - PREFIX) as u32;
        frame[..PREFIX].copy_from_slice(&length.to_le_bytes());
        frame
    }
}

impl Message for Request {
    fn write(&self, frame: &mut Vec<u8>) {
        match self {
            Self::Serve(settings) => {
                frame.push(1);
                push_sized(frame, settings.key.bytes());
                push_sized(frame, settings.address.as_bytes());
                frame.extend(settings.temporary.as_bytes());
            }
            Self::Tell(told) => {
                frame.push(2);
                frame.extend(told.encode());
            }
            Self::List => frame.push(3),
            Self::End => frame.push(4),
        }
    }

    fn read(kind: u8, mut body: &[u8]) -> Option<Self> {
        match (kind, body.len()) {
            (1, _) => Some(Self::Serve(Settings {
                key: Key::new(take_sized(&mut body)?.to_vec())?,
                address: text(take_sized(&mut body)?)?,
                temporary: text(body)?,
            })),
            (2, length) => {
                let frames = TrackerDecoder::default().push(body).ok()?;
                let [frame] = <[_; 1]>::try_from(frames).ok()?;
                (frame.encode().len() == length).then_some(Self::Tell(frame))
            }
            (3, 0) => Some(Self::List),
            (4, 0) => Some(Self::End),
            _ => None,
        }
    }
}

impl Message for Reply {
    fn write(&self, frame: &mut Vec<u8>) {
        match self {
            Self::Done => frame.push(129),
            Self::Refused { errno, message } => {
                frame.push(130);
                frame.extend(errno.to_le_bytes());
                frame.extend(&message.as_bytes()[..message.floor_char_boundary(1024)]);
            }
            Self::Names { is_last, names } => {
                frame.push(131);
                frame.push(u8::from(*is_last));
                for name in names {
                    push_sized(frame, name.as_bytes());
                }
            }
            Self::Serving(address) => {
                frame.push(132);
                frame.extend(address.as_bytes());
            }
        }
    }

    fn read(kind: u8, mut body: &[u8]) -> Option<Self> {
        match (kind, body.len()) {
            (129, 0) => Some(Self::Done),
            (130, _) => {
                let (errno, message) = body.split_first_chunk()?;
                Some(Self::Refused { errno: i32::from_le_bytes(*errno), message: text(message)? })
            }
            (131, _) => {
                let [is_last @ (0 | 1), rest @ ..] = body else { return None };
                body = rest;
                let mut names = Vec::new();
                while !body.is_empty() {
                    names.push(text(take_sized(&mut body)?)?);
                }
                Some(Self::Names { is_last: *is_last == 1, names })
            }
            (132, _) => text(body).map(Self::Serving),
            _ => None,
        }
    }
}

/// Appends bytes after their number. Bytes that are too long for it are cut off; callers have checked that none are.
fn push_sized(frame: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    frame.extend(length.to_le_bytes());
    frame.extend(&bytes[..usize::from(length)]);
}

fn take_sized<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = body.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *body = rest;
    Some(bytes)
}

fn text(bytes: &[u8]) -> Option<String> {
    str::from_utf8(bytes).ok().map(str::to_owned)
}

/// Cuts a stream of bytes into frames. It holds only the bytes that have arrived, whatever a length announces.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Appends the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Returns whether [`take`](Self::take) would return a message or an error without more bytes.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.pending.split_first_chunk::<PREFIX>().is_some_and(|(prefix, rest)| {
            let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
            !(1..=MAX_FRAME).contains(&length) || rest.len() >= length
        })
    }

    /// Returns the next message, if it is complete.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that no [`Message::encode`] makes, as soon as that is certain. The rest of the stream
    /// cannot be parsed.
    pub fn take<M: Message>(&mut self) -> Result<Option<M>, Malformed> {
        let Some((prefix, rest)) = self.pending.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
        if !(1..=MAX_FRAME).contains(&length) {
            return Err(Malformed);
        }
        let Some((kind, body)) = rest.get(..length).and_then(<[u8]>::split_first) else { return Ok(None) };
        let message = M::read(*kind, body).ok_or(Malformed)?;
        self.pending.drain(..PREFIX + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Identity;
    use crate::tracker::protocol::Registration;

    fn requests() -> Vec<Request> {
        let identity = Identity { device: 3, inode: u64::MAX };
        let registration = Registration { identity, size: 9, name: "psm_é".to_owned(), origin: "a.ts:1".to_owned() };
        let key = Key::new(vec![0, 1, 255]).unwrap();
        vec![
            Request::Serve(Settings { key, address: "tcp://127.0.0.1:0".to_owned(), temporary: "/tmp".to_owned() }),
            Request::Tell(Frame::Register(registration)),
            Request::Tell(Frame::Forget(identity)),
            Request::List,
            Request::End,
        ]
    }

    fn replies() -> Vec<Reply> {
        vec![
            Reply::Done,
            Reply::Refused { errno: -1, message: "no".to_owned() },
            Reply::Names { is_last: true, names: vec!["a".to_owned(), String::new(), "é".repeat(127)] },
            Reply::Serving("/tmp/x".to_owned()),
        ]
    }

    fn decode<M: Message + PartialEq + fmt::Debug>(pieces: &[&[u8]]) -> Result<Vec<M>, Malformed> {
        let mut decoder = Decoder::default();
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            loop {
                let is_ready = decoder.is_ready();
                let taken = decoder.take();
                assert_eq!(is_ready, taken != Ok(None), "is_ready and take agree");
                let Some(message) = taken? else { break };
                messages.push(message);
            }
        }
        Ok(messages)
    }

    #[test]
    fn a_message_comes_back_as_it_was_sent() {
        for request in requests() {
            assert_eq!(decode(&[&request.encode()]), Ok(vec![request]));
        }
        for reply in replies() {
            assert_eq!(decode(&[&reply.encode()]), Ok(vec![reply]));
        }
    }

    #[test]
    fn a_message_that_is_cut_short_is_not_complete() {
        let bytes = requests()[1].encode();
        for end in 0..bytes.len() {
            assert_eq!(decode::<Request>(&[&bytes[..end]]), Ok(vec![]), "{end} bytes");
        }
    }

    #[test]
    fn a_frame_past_the_limit_is_refused_by_its_length_alone() {
        for length in [0, u32::try_from(MAX_FRAME).unwrap() + 1, 16 << 20, u32::MAX] {
            assert_eq!(decode::<Request>(&[&length.to_le_bytes()]), Err(Malformed), "{length} bytes");
        }
    }

    #[test]
    fn requests_are_not_replies_and_replies_are_not_requests() {
        assert!(requests().iter().all(|request| decode::<Reply>(&[&request.encode()]).is_err()));
        assert!(replies().iter().all(|reply| decode::<Request>(&[&reply.encode()]).is_err()));
    }

    #[test]
    fn a_frame_of_the_longest_names_is_within_the_limit() {
        let names = vec!["x".repeat(255); NAMES_PER_FRAME];
        let reply = Reply::Names { is_last: true, names };
        assert_eq!(decode(&[&reply.encode()]), Ok(vec![reply]));
    }

    #[test]
    fn two_frames_of_the_tracker_in_one_request_are_malformed() {
        let twice = Frame::Forget(Identity { device: 1, inode: 2 }).encode().repeat(2);
        assert_eq!(Request::read(2, &twice), None);
    }

    proptest! {
        #[test]
        fn messages_survive_any_cutting_of_the_stream(order in prop::collection::vec(0usize..5, 1..12), cut in 1usize..40) {
            let sent: Vec<_> = order.iter().map(|index| requests()[*index].clone()).collect();
            let stream: Vec<_> = sent.iter().flat_map(Message::encode).collect();
            let pieces: Vec<_> = stream.chunks(cut).collect();
            prop_assert_eq!(decode(&pieces), Ok(sent));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic_or_hoard(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..20)) {
            let mut decoder = Decoder::default();
            let mut pushed = 0;
            'stream: for piece in pieces {
                decoder.push(&piece);
                pushed += piece.len();
                loop {
                    match decoder.take::<Request>() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(Malformed) => break 'stream,
                    }
                }
                prop_assert!(decoder.pending.capacity() <= 2 * pushed.max(8));
            }
        }

        #[test]
        fn no_body_makes_a_message_panic(kind in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::read(kind, &body);
            let _ = Reply::read(kind, &body);
        }
    }
}

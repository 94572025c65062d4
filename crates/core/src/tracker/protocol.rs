//! The messages from a process to its tracker: frames in a byte stream, one way. Pure.
//!
//! ```text
//! frame     = length:u16 kind:u8 body        length counts kind and body; integers are little-endian
//! register  = 1: device:u64 inode:u64 size:u64 name_length:u16 name origin
//! forget    = 2: device:u64 inode:u64
//! finish    = 3:
//! ```
//!
//! A frame is written whole in one call, so it reaches the tracker even if its writer dies in the next instruction. The
//! tracker ignores a frame that was cut short: its writer never did what the frame announces.

use std::fmt;

use crate::Identity;
pub use crate::ownership::Registration;

/// The largest frame that is accepted, with its length. A pipe or socket accepts it in one piece.
pub const MAX_FRAME: usize = 2048;

/// Bytes of the length.
const PREFIX: usize = size_of::<u16>();

/// The longest origin that is sent; longer ones are cut off.
const MAX_ORIGIN: usize = 1024;

/// A message of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// This segment is about to get its name, and its owner is the sender.
    Register(Registration),
    /// This segment is no longer the sender's to unlink.
    Forget(Identity),
    /// The sender is about to end and waits for its tracker: clean up now.
    Finish,
}

/// The error for bytes that are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these bytes are not a frame of the tracker's protocol")
    }
}

impl std::error::Error for Malformed {}

impl Frame {
    /// Returns the frame's bytes, at most [`MAX_FRAME`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = vec![0; PREFIX];
        match self {
            Self::Register(segment) => {
                frame.push(1);
                push_identity(&mut frame, segment.identity);
                frame.extend(segment.size.to_le_bytes());
                let name = prefix(&segment.name, MAX_FRAME - MAX_ORIGIN - 64);
                #[expect(clippy::cast_possible_truncation, reason = "shorter than a frame")]
                frame.extend((name.len() as u16).to_le_bytes());
                frame.extend(name.as_bytes());
                frame.extend(prefix(&segment.origin, MAX_ORIGIN).as_bytes());
            }
            Self::Forget(identity) => {
                frame.push(2);
                push_identity(&mut frame, *identity);
            }
            Self::Finish => frame.push(3),
        }
        #[expect(clippy::cast_possible_truncation, reason = "name and origin are cut to fit a frame")]
        let length = (frame.len() - PREFIX) as u16;
        frame[..PREFIX].copy_from_slice(&length.to_le_bytes());
        frame
    }

    fn decode(frame: &[u8]) -> Option<Self> {
        let (kind, mut body) = frame.split_first()?;
        if *kind == 3 {
            return body.is_empty().then_some(Self::Finish);
        }
        let identity = Identity { device: take_u64(&mut body)?, inode: take_u64(&mut body)? };
        match kind {
            1 => {
                let size = take_u64(&mut body)?;
                let name_length = u16::from_le_bytes(take(&mut body)?);
                let (name, origin) = body.split_at_checked(usize::from(name_length))?;
                Some(Self::Register(Registration {
                    identity,
                    size,
                    name: str::from_utf8(name).ok()?.to_owned(),
                    origin: str::from_utf8(origin).ok()?.to_owned(),
                }))
            }
            2 if body.is_empty() => Some(Self::Forget(identity)),
            _ => None,
        }
    }
}

fn push_identity(frame: &mut Vec<u8>, identity: Identity) {
    frame.extend(identity.device.to_le_bytes());
    frame.extend(identity.inode.to_le_bytes());
}

fn take<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = body.split_first_chunk::<N>()?;
    *body = rest;
    Some(*head)
}

fn take_u64(body: &mut &[u8]) -> Option<u64> {
    take(body).map(u64::from_le_bytes)
}

/// Returns the longest beginning of `text` that has at most `max` bytes and ends between characters.
fn prefix(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// Parses the first frame of a stream. Returns it and the bytes after it, or `None` when it is not complete.
fn next(stream: &[u8]) -> Result<Option<(Frame, &[u8])>, Malformed> {
    let Some((prefix, rest)) = stream.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::from(u16::from_le_bytes(*prefix));
    if length > MAX_FRAME - PREFIX {
        return Err(Malformed);
    }
    let Some((frame, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    Frame::decode(frame).map(|frame| Some((frame, rest))).ok_or(Malformed)
}

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Appends the next bytes of the stream and returns the frames that are complete now.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that no [`Frame::encode`] makes; the rest of the stream cannot be parsed. Frames before
    /// those bytes are returned first, and the error by the next call.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, Malformed> {
        self.pending.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut rest = &self.pending[..];
        loop {
            match next(rest) {
                Ok(Some((frame, tail))) => {
                    frames.push(frame);
                    rest = tail;
                }
                Err(Malformed) if frames.is_empty() => return Err(Malformed),
                Ok(None) | Err(Malformed) => break,
            }
        }
        let consumed = self.pending.len() - rest.len();
        self.pending.drain(..consumed);
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registration(name: &str, origin: &str) -> Frame {
        let identity = Identity { device: 7, inode: u64::MAX };
        Frame::Register(Registration { identity, size: 4096, name: name.to_owned(), origin: origin.to_owned() })
    }

    #[test]
    fn a_frame_comes_back_as_it_was_sent() {
        for frame in
            [registration("psm_é\n'", "a.ts:3"), Frame::Forget(Identity { device: 1, inode: 2 }), Frame::Finish]
        {
            assert_eq!(Decoder::default().push(&frame.encode()), Ok(vec![frame]));
        }
    }

    #[test]
    fn a_frame_that_is_cut_short_is_not_complete() {
        let bytes = registration("name", "origin").encode();
        for end in 0..bytes.len() {
            assert_eq!(Decoder::default().push(&bytes[..end]), Ok(vec![]), "{end} bytes");
        }
    }

    #[test]
    fn the_longest_name_and_origin_fit_a_frame() {
        let bytes = registration(&"é".repeat(127), &"x".repeat(5000)).encode();
        assert!(bytes.len() <= MAX_FRAME);
        let frames = Decoder::default().push(&bytes).unwrap();
        let [Frame::Register(decoded)] = &frames[..] else { panic!("{frames:?} is not one registration") };
        assert_eq!(decoded.name.chars().count(), 127);
        assert_eq!(decoded.origin.len(), MAX_ORIGIN);
    }

    #[test]
    fn an_oversized_or_unknown_frame_is_malformed() {
        assert_eq!(Decoder::default().push(&[0xff, 0xff]), Err(Malformed));
        assert_eq!(Decoder::default().push(&[0, 0]), Err(Malformed));
        let mut unknown = Frame::Forget(Identity { device: 1, inode: 2 }).encode();
        unknown[2] = 9;
        assert_eq!(Decoder::default().push(&unknown), Err(Malformed));
    }

    #[test]
    fn frames_before_malformed_bytes_count() {
        let frame = registration("name", "origin");
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(&[frame.encode(), vec![0xff; 9]].concat()), Ok(vec![frame]));
        assert_eq!(decoder.push(&[]), Err(Malformed));
        assert_eq!(decoder.push(&[1]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn frames_survive_any_cutting_of_the_stream(names in prop::collection::vec("[a-zé]{1,20}", 1..8), cut in 1usize..40) {
            let frames: Vec<_> = names.iter().map(|name| registration(name, name)).collect();
            let stream: Vec<_> = frames.iter().flat_map(Frame::encode).collect();
            let mut decoder = Decoder::default();
            let mut decoded = Vec::new();
            for piece in stream.chunks(cut) {
                decoded.extend(decoder.push(piece).unwrap());
            }
            prop_assert_eq!(decoded, frames);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic_or_hoard(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..20)) {
            let mut decoder = Decoder::default();
            for piece in pieces {
                if decoder.push(&piece).is_err() {
                    break;
                }
                prop_assert!(decoder.pending.len() <= MAX_FRAME);
            }
        }
    }
}

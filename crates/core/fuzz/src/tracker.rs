//! The messages that a tracker reads, in pieces of any size.

use shareable_core::tracker::protocol::{Decoder, Frame, MAX_FRAME, Malformed};
use shareable_core::tracker::{Ledger, warning};

use super::cut;

/// The writer cuts off longer names and origins, so the decoded ones are shorter.
const LONGEST_NAME: usize = 960;
const LONGEST_ORIGIN: usize = 1024;

/// Decodes `data`, whole and in pieces. Its first two bytes tell how to cut it.
pub fn run(data: &[u8]) {
    let [first, step, stream @ ..] = data else { return };
    let (frames, end) = decode(std::iter::once(stream));
    assert_eq!(decode(cut(stream, *first, *step)), (frames.clone(), end), "however the stream is cut");
    let mut registered = Vec::new();
    let mut ledger = Ledger::default();
    for frame in frames {
        let encoded = frame.encode();
        assert!(encoded.len() <= MAX_FRAME);
        let is_whole = match &frame {
            Frame::Register(it) => it.name.len() <= LONGEST_NAME && it.origin.len() <= LONGEST_ORIGIN,
            Frame::Forget(_) | Frame::Finish => true,
        };
        let (again, end) = decode(std::iter::once(&encoded[..]));
        assert_eq!((again.len(), end), (1, Ok(())));
        assert!(!is_whole || again[0] == frame, "{frame:?} came back as {:?}", again[0]);
        if let Frame::Register(registration) = &frame {
            registered.push(registration.clone());
        }
        ledger.note(frame);
    }
    assert_eq!(warning(&registered).is_some(), !registered.is_empty());
    // Not cleaned: that would unlink the segments that the input names.
    drop(ledger);
}

/// Returns the frames of a stream, and whether it ended in an invalid one.
fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Result<(), Malformed>) {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for piece in pieces.chain(std::iter::once(&[][..])) {
        match decoder.push(piece) {
            Ok(more) => frames.extend(more),
            Err(malformed) => return (frames, Err(malformed)),
        }
    }
    (frames, Ok(()))
}

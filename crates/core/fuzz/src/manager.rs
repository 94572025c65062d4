//! The messages that a manager's server and its members read from each other, in pieces of any size.

use std::fmt::Debug;

use shareable_core::manager::protocol::{Decoder, MAX_FRAME, Malformed, Message, Reply, Request};

use super::cut;

/// The server cuts off longer reasons.
const LONGEST_MESSAGE: usize = 1024;

/// Decodes `data` as a stream of either side. Its first two bytes tell how to cut it.
pub fn run(data: &[u8]) {
    let [first, step, stream @ ..] = data else { return };
    run_as::<Request>(stream, *first, *step, |_| true);
    run_as::<Reply>(stream, *first, *step, |reply| match reply {
        Reply::Refused { message, .. } => message.len() <= LONGEST_MESSAGE,
        _ => true,
    });
}

fn run_as<M: Message + Debug + PartialEq>(stream: &[u8], first: u8, step: u8, is_whole: impl Fn(&M) -> bool) {
    let (messages, end) = decode::<M>(std::iter::once(stream));
    assert_eq!(decode(cut(stream, first, step)), (messages, end), "however the stream is cut");
    for message in decode::<M>(std::iter::once(stream)).0 {
        let encoded = message.encode();
        assert!(encoded.len() <= MAX_FRAME + 4);
        let (again, end) = decode::<M>(std::iter::once(&encoded[..]));
        assert_eq!((again.len(), end), (1, Ok(())));
        assert!(!is_whole(&message) || again[0] == message, "{message:?} came back as {:?}", again[0]);
    }
}

/// Returns the messages of a stream, and whether it ended in an invalid one.
fn decode<'a, M: Message>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<M>, Result<(), Malformed>) {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.take() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(malformed) => return (messages, Err(malformed)),
            }
        }
    }
    (messages, Ok(()))
}

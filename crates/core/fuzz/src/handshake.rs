//! The bytes that a manager's server reads from untrusted clients, and a member from an unproven server.

use arbitrary::{Arbitrary, Unstructured};
use shareable_core::manager::handshake::{ANSWER, Introduction, Nonce, PROOF, Proven, Transcript, VERSION};
use shareable_core::manager::{Address, Key};

use super::cut;

/// One handshake, and how an adversary changes its messages.
#[derive(Arbitrary, Debug)]
struct Case<'a> {
    challenge: Nonce,
    nonce: Nonce,
    version: u16,
    first: u8,
    step: u8,
    change: Change,
    key: &'a [u8],
    address: &'a str,
    hostile: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Change {
    /// Nothing is changed.
    Nothing,
    /// One bit of a message is flipped.
    Bit(u16),
    /// Another key.
    Key,
    /// Another address.
    Address,
    /// Another challenge.
    Challenge,
    /// Bytes that were not computed from a key.
    Everything,
}

/// Plays both sides of the handshake that `data` describes.
pub fn run(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    if let Ok(Address::Unix(path)) = Address::parse(case.address) {
        assert!(path.is_absolute());
    }
    let Some(key) = Key::new(case.key.to_vec()) else {
        return assert!(case.key.is_empty() || case.key.len() > Key::MAX);
    };
    let other_key = Key::new([case.key, b"x"].concat()).unwrap_or_else(|| key.clone());
    // HMAC pads keys with NULs and hashes long ones; neither makes these two keys equal.
    let said_key = if matches!(case.change, Change::Key) { &other_key } else { &key };
    let other_address = format!("{}x", case.address);
    let said_address = if matches!(case.change, Change::Address) { &other_address } else { case.address };
    let mut said_challenge = case.challenge;
    if matches!(case.change, Change::Challenge) {
        said_challenge[0] ^= 1;
    }
    let said = Transcript {
        challenge: &said_challenge,
        nonce: &case.nonce,
        address: said_address,
        member_version: case.version,
    };
    let is_honest = matches!(case.change, Change::Nothing) || (matches!(case.change, Change::Key) && *said_key == key);

    let proof = changed(said.prove(said_key), &case);
    let proven = introduce(&proof, &key, &case);
    let expected = Proven { version: case.version, nonce: case.nonce };
    assert_eq!(proven, is_honest.then_some(expected));

    let answer: [u8; ANSWER] = changed(said.answer(said_key, VERSION), &case);
    let ours = Transcript { challenge: &case.challenge, nonce: &case.nonce, address: case.address, ..said };
    assert_eq!(ours.check_answer(&key, &answer), is_honest.then_some(VERSION));
}

/// Returns the bytes that arrive when `bytes` are sent.
fn changed<const N: usize>(mut bytes: [u8; N], case: &Case<'_>) -> [u8; N] {
    match case.change {
        Change::Bit(bit) => {
            let bit = usize::from(bit) % (N * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        Change::Everything => {
            bytes = [0; N];
            for (byte, hostile) in bytes.iter_mut().zip(case.hostile) {
                *byte = *hostile;
            }
        }
        _ => {}
    }
    bytes
}

/// Sends `proof` and the adversary's other bytes, as a socket delivers them.
fn introduce(proof: &[u8; PROOF], key: &Key, case: &Case<'_>) -> Option<Proven> {
    let mut introduction = Introduction::new(case.challenge);
    let stream = [&proof[..], case.hostile].concat();
    for mut piece in cut(&stream, case.first, case.step) {
        while !piece.is_empty() {
            let room = introduction.room();
            let taken = room.len().min(piece.len());
            assert!(taken > 0, "there is room until the proof is complete");
            let (head, tail) = piece.split_at(taken);
            room[..taken].copy_from_slice(head);
            if introduction.fill(taken) {
                assert!(introduction.room().is_empty());
                return introduction.check(key, case.address);
            }
            piece = tail;
        }
    }
    unreachable!("the stream has a whole proof")
}

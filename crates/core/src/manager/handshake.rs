//! The handshake, by which a member and a server prove to each other that they have the same key. Pure: nonces come
//! from the caller.
//!
//! ```text
//! server -> member   challenge: nonce[32]
//! member -> server   proof:     version:u16 nonce[32] mac[32]
//! server -> member   answer:    version:u16 mac[32]
//! mac = HMAC-SHA-256(key, label, role, member's version, server's version or 0, server's nonce, member's nonce, address)
//! ```
//!
//! - The member proves first. An untrusted client gets 32 random bytes and then silence, so it learns nothing from the
//!   server and cannot use it to answer other challenges.
//! - The role is part of the proof: a member's message is never valid as a server's, so neither can be obtained from
//!   one and used against the other.
//! - The address is part of the proof, as each side knows it: a server that passes a challenge on to a member gets a
//!   proof for its own address, which is useless at the other server's.
//! - Both nonces are part of the proof, so no message can be used again.
//! - These three messages are the same in all future versions. A server of another version answers a member that has
//!   proven to have the key, so that both know why they disconnect.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The version of the frames that follow a handshake.
pub const VERSION: u16 = 1;

/// Bytes of a nonce and of a challenge.
pub const NONCE: usize = 32;

const MAC: usize = 32;

/// Bytes of a proof.
pub const PROOF: usize = 2 + NONCE + MAC;

/// Bytes of an answer.
pub const ANSWER: usize = 2 + MAC;

const LABEL: &[u8] = b"shareable manager handshake\0";

/// The secret that the members of a manager share.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// The longest key, in bytes.
    pub const MAX: usize = 4096;

    /// The shortest key for a manager that listens on TCP, in bytes: long enough that it cannot be guessed.
    pub const MIN_FOR_TCP: usize = 16;

    /// Makes a key of 1 to [`MAX`](Self::MAX) bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=Self::MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Hides the key: it is never printed.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Returns fresh random bytes of the system.
pub type Nonce = [u8; NONCE];

#[derive(Clone, Copy)]
#[repr(u8)]
enum Role {
    Member = b'M',
    Server = b'S',
}

/// The values on which both sides of one handshake must agree, as one of them sees them.
#[derive(Clone, Copy, Debug)]
pub struct Transcript<'a> {
    /// The server's nonce.
    pub challenge: &'a Nonce,
    /// The member's nonce.
    pub nonce: &'a Nonce,
    /// The server's address.
    pub address: &'a str,
    /// The member's version.
    pub member_version: u16,
}

impl Transcript<'_> {
    fn mac(&self, key: &Key, role: Role, server_version: u16) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes a key of any length");
        mac.update(LABEL);
        mac.update(&[role as u8]);
        mac.update(&self.member_version.to_le_bytes());
        mac.update(&server_version.to_le_bytes());
        mac.update(self.challenge);
        mac.update(self.nonce);
        // Last, as the only part of variable length.
        mac.update(self.address.as_bytes());
        mac
    }

    /// Makes the member's message.
    #[must_use]
    pub fn prove(&self, key: &Key) -> [u8; PROOF] {
        let mut proof = [0; PROOF];
        proof[..2].copy_from_slice(&self.member_version.to_le_bytes());
        proof[2..2 + NONCE].copy_from_slice(self.nonce);
        proof[2 + NONCE..].copy_from_slice(&self.mac(key, Role::Member, 0).finalize().into_bytes());
        proof
    }

    /// Makes the server's last message, from a server of this version.
    #[must_use]
    pub fn answer(&self, key: &Key, server_version: u16) -> [u8; ANSWER] {
        let mut answer = [0; ANSWER];
        answer[..2].copy_from_slice(&server_version.to_le_bytes());
        answer[2..].copy_from_slice(&self.mac(key, Role::Server, server_version).finalize().into_bytes());
        answer
    }

    /// Returns the server's version, if its answer proves that it has the key. Takes constant time.
    #[must_use]
    pub fn check_answer(&self, key: &Key, answer: &[u8; ANSWER]) -> Option<u16> {
        let (version, mac) = answer.split_first_chunk()?;
        let version = u16::from_le_bytes(*version);
        self.mac(key, Role::Server, version).verify_slice(mac).is_ok().then_some(version)
    }
}

/// A member that has proven to have the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Its version.
    pub version: u16,
    /// Its nonce.
    pub nonce: Nonce,
}

/// Checks a member's message against the challenge that it received. Takes constant time.
#[must_use]
pub fn check_proof(key: &Key, challenge: &Nonce, address: &str, proof: &[u8; PROOF]) -> Option<Proven> {
    let (version, rest) = proof.split_first_chunk()?;
    let (nonce, mac) = rest.split_first_chunk()?;
    let version = u16::from_le_bytes(*version);
    let transcript = Transcript { challenge, nonce, address, member_version: version };
    transcript.mac(key, Role::Member, 0).verify_slice(mac).is_ok().then_some(Proven { version, nonce: *nonce })
}

/// The bytes that an untrusted client has sent so far. They never exceed one proof.
#[derive(Clone, Debug)]
pub struct Introduction {
    challenge: Nonce,
    proof: [u8; PROOF],
    filled: usize,
}

impl Introduction {
    /// Makes the state for a client that gets this challenge.
    #[must_use]
    pub fn new(challenge: Nonce) -> Self {
        Self { challenge, proof: [0; PROOF], filled: 0 }
    }

    /// Returns the challenge.
    #[must_use]
    pub fn challenge(&self) -> &Nonce {
        &self.challenge
    }

    /// Returns where the next bytes go; empty when the proof is complete.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.proof[self.filled..]
    }

    /// Records that `received` more bytes have arrived, and returns whether the proof is complete.
    pub fn fill(&mut self, received: usize) -> bool {
        self.filled = (self.filled + received).min(PROOF);
        self.filled == PROOF
    }

    /// Checks the proof, as [`check_proof`].
    #[must_use]
    pub fn check(&self, key: &Key, address: &str) -> Option<Proven> {
        check_proof(key, &self.challenge, address, &self.proof)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHALLENGE: Nonce = [1; NONCE];
    const OURS: Transcript<'_> =
        Transcript { challenge: &CHALLENGE, nonce: &[2; NONCE], address: "/run/s", member_version: VERSION };

    fn key(bytes: &[u8]) -> Key {
        Key::new(bytes.to_vec()).unwrap()
    }

    #[test]
    fn both_sides_with_one_key_agree() {
        let key = key(b"secret");
        let proven = check_proof(&key, &CHALLENGE, "/run/s", &OURS.prove(&key)).unwrap();
        assert_eq!(proven, Proven { version: VERSION, nonce: [2; NONCE] });
        assert_eq!(OURS.check_answer(&key, &OURS.answer(&key, 7)), Some(7));
    }

    #[test]
    fn the_mac_is_the_one_that_is_documented() {
        // By Python: hmac.new(b"k", b"shareable manager handshake\0M" + bytes([1,0,0,0]) + b"\1"*32 + b"\2"*32 + b"/run/s",
        // "sha256").hexdigest()
        let mac = data_encoding::HEXLOWER.encode(&OURS.prove(&key(b"k"))[2 + NONCE..]);
        assert_eq!(mac, "436935ce640e576dd7c147fd5176a5393282ff127416a7a63e35a997ab75fb73");
    }

    #[test]
    fn another_key_address_or_challenge_fails() {
        let proof = OURS.prove(&key(b"secret"));
        assert_eq!(check_proof(&key(b"secreT"), &CHALLENGE, "/run/s", &proof), None);
        assert_eq!(check_proof(&key(b"secret"), &CHALLENGE, "/run/t", &proof), None);
        assert_eq!(check_proof(&key(b"secret"), &[3; NONCE], "/run/s", &proof), None);
    }

    #[test]
    fn a_members_proof_is_not_a_servers_answer() {
        let key = key(b"secret");
        let proof = OURS.prove(&key);
        let mut answer = [0; ANSWER];
        answer[..2].copy_from_slice(&proof[..2]);
        answer[2..].copy_from_slice(&proof[2 + NONCE..]);
        assert_eq!(OURS.check_answer(&key, &answer), None);
        // Nor with versions that make all other parts equal.
        answer[..2].copy_from_slice(&[0, 0]);
        assert_eq!(OURS.check_answer(&key, &answer), None);
    }

    #[test]
    fn an_untrusted_client_gets_room_for_one_proof() {
        assert!(size_of::<Introduction>() <= 256);
        let key = key(b"secret");
        let mut introduction = Introduction::new(CHALLENGE);
        for (index, byte) in OURS.prove(&key).into_iter().enumerate() {
            assert_eq!(introduction.check(&key, "/run/s"), None);
            introduction.room()[0] = byte;
            assert_eq!(introduction.fill(1), index == PROOF - 1);
        }
        assert!(introduction.room().is_empty());
        assert_eq!(introduction.check(&key, "/run/s").map(|proven| proven.version), Some(VERSION));
    }

    #[test]
    fn an_empty_or_endless_key_is_refused() {
        assert_eq!(Key::new(vec![]), None);
        assert_eq!(Key::new(vec![0; Key::MAX + 1]), None);
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", key(b"secret")), "Key(..)");
    }

    proptest! {
        #[test]
        fn a_proof_with_any_bit_changed_fails(bit in 0..PROOF * 8) {
            let key = key(b"secret");
            let mut proof = OURS.prove(&key);
            proof[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(check_proof(&key, &CHALLENGE, "/run/s", &proof), None);
        }

        #[test]
        fn an_answer_with_any_bit_changed_fails(bit in 0..ANSWER * 8) {
            let key = key(b"secret");
            let mut answer = OURS.answer(&key, VERSION);
            answer[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(OURS.check_answer(&key, &answer), None);
        }
    }
}

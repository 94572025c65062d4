//! The mark by which this library recognizes its own segments when every process that knew them has died. Pure.
//!
//! A permission bit alone proves nothing: `chmod -R 1777 /dev/shm` sets it on every file. So each owned segment also
//! has a check value that no other program writes by accident:
//!
//! - a random name ends in 30 bits that are computed from the rest of the name, differently for owned segments;
//! - a file with a chosen name has a modification time whose nanoseconds are computed from its inode and its seconds.
//!   chmod(2) does not change it. The kernel changes it when a process writes to a page to which it has not written before.
//!   So the file gets this mark when it is filled, and loses it when another process writes, or its creator to another page.
//!   From Linux 6.6 on, an extended attribute says the same and stays.

use crate::Lifetime;

/// Characters of a random name after its prefix.
pub(crate) const TEXT: usize = 26;

/// The number of random characters: 100 bits.
const RANDOM: usize = 20;

/// The digits of random names, none of which differ in case alone.
pub(crate) const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

const NANOSECONDS: u64 = 1_000_000_000;

/// Returns the text of a random name after its prefix: 100 of the given bits and the check value of `lifetime`.
pub(crate) fn text(bits: u128, lifetime: Lifetime) -> [u8; TEXT] {
    let mut text = [0; TEXT];
    let mut rest = bits;
    for digit in &mut text[..RANDOM] {
        *digit = DIGITS[(rest & 31) as usize];
        rest >>= 5;
    }
    let mut check = check(&text[..RANDOM], lifetime);
    for digit in &mut text[RANDOM..] {
        *digit = DIGITS[(check & 31) as usize];
        check >>= 5;
    }
    text
}

/// Returns the lifetime in the text of a name after its prefix; `None` for a text that [`text`] does not make.
pub(crate) fn lifetime_of(text: &str) -> Option<Lifetime> {
    let bits = text.as_bytes();
    if bits.len() != TEXT {
        return None;
    }
    let mut found = 0;
    for byte in bits[RANDOM..].iter().rev() {
        found = found << 5 | DIGITS.iter().position(|digit| digit == byte)? as u64;
    }
    bits[..RANDOM].iter().all(|byte| DIGITS.contains(byte)).then_some(())?;
    [Lifetime::Owned, Lifetime::Detached].into_iter().find(|lifetime| check(&bits[..RANDOM], *lifetime) == found)
}

/// Returns 30 bits that follow from the random ones.
fn check(random: &[u8], lifetime: Lifetime) -> u64 {
    let seed = match lifetime {
        Lifetime::Owned => 0x7368_6172_6561_626c,
        Lifetime::Detached => 0x6465_7461_6368_6564,
    };
    random.iter().fold(seed, |state, &byte| mix(state ^ u64::from(byte))) >> 34
}

/// Returns the nanoseconds in the modification time of an owned file.
pub(crate) fn nanoseconds(inode: u64, seconds: i64) -> u64 {
    mix(mix(inode ^ 0x6f77_6e65_6420_6279).wrapping_add(seconds.cast_unsigned())) % NANOSECONDS
}

/// The finalizer of splitmix64: every bit of the result depends on every bit of `value`.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_check_value_shows_the_lifetime_of_a_random_name(bits: u128) {
            for lifetime in [Lifetime::Owned, Lifetime::Detached] {
                let text = text(bits, lifetime);
                prop_assert_eq!(lifetime_of(str::from_utf8(&text).unwrap()), Some(lifetime));
            }
        }

        #[test]
        fn other_names_claim_nothing(name in "[0-9a-v]{26}|.{0,40}|[0-9a-f]{8}") {
            prop_assert_eq!(lifetime_of(&name), None);
        }

        #[test]
        fn a_changed_character_voids_the_claim(bits: u128, place in 0..TEXT) {
            let mut text = text(bits, Lifetime::Owned);
            text[place] = if text[place] == b'0' { b'1' } else { b'0' };
            prop_assert_ne!(lifetime_of(str::from_utf8(&text).unwrap()), Some(Lifetime::Owned));
        }

        #[test]
        fn the_nanoseconds_are_valid_and_depend_on_both(inode: u64, seconds: i64) {
            let here = nanoseconds(inode, seconds);
            prop_assert!(here < NANOSECONDS);
            prop_assert_ne!(here, nanoseconds(inode ^ 1, seconds));
            prop_assert_ne!(here, nanoseconds(inode, seconds ^ 1));
        }
    }

    #[test]
    fn the_marks_are_the_same_in_every_release() {
        assert_eq!(str::from_utf8(&text(1, Lifetime::Owned)).unwrap(), "10000000000000000000ou4d64");
        assert_eq!(str::from_utf8(&text(1, Lifetime::Detached)).unwrap(), "100000000000000000004lqfes");
        assert_eq!(nanoseconds(1, 1), 480_168_402);
    }
}

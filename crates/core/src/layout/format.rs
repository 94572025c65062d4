//! The type of a slot's value, as a list stores it: an eight-byte struct format and a one-byte code.
//!
//! Source: `Lib/multiprocessing/shared_memory.py` of CPython 3.9 to 3.14, `ShareableList._types_mapping` and
//! `_extract_recreation_code`; the formats are those of Python's `struct` module.

use std::fmt;
use std::io::Write;

/// A slot's struct format. A format field with any other contents is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `q`: a signed 64-bit integer.
    Int,
    /// `d`: a double.
    Float,
    /// `xxxxxxx?`: a bool in the last byte.
    Bool,
    /// `xxxxxx?x`: CPython's None.
    None,
    /// `%ds`: text or bytes; NULs at the end are padding.
    Padded(usize),
    /// `%ds%dx`: text or bytes that end in NUL, with their exact length. CPython reads it. When CPython next writes the
    /// slot, it replaces it by the slot's whole size, because the format does not end in `s`.
    Exact {
        /// Bytes of the value.
        len: usize,
        /// Bytes after it.
        pad: usize,
    },
    /// `%dsx`: as above, but with one pad byte, where the number of all pad bytes would need more than eight
    /// characters.
    ExactBrief(usize),
    /// `%ds` and a space, which `struct` skips: as above, in a slot that the value fills, where `%ds0x` would need more
    /// than eight characters.
    ExactFull(usize),
}

/// The bytes of a format field.
pub const FORMAT_BYTES: usize = 8;

/// The format field of a slot while its value is being written, if the value has more than one word or a new type. It
/// is not a struct format, so a CPython reader raises an exception and never sees half a value.
pub const WRITING: u64 = u64::from_le_bytes(*b"writing\0");

/// Returns whether a format field marks the slot as being written. Its lower half suffices: JavaScript's atomic
/// operations on 64 bits are slow, so it marks only the lower half when the upper half does not change.
#[must_use]
pub(super) const fn is_writing(word: u64) -> bool {
    low_half(word) == low_half(WRITING)
}

/// Returns the first four characters of a format field.
#[must_use]
pub const fn low_half(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl Format {
    pub(super) const INT: u64 = u64::from_le_bytes(*b"q\0\0\0\0\0\0\0");
    pub(super) const FLOAT: u64 = u64::from_le_bytes(*b"d\0\0\0\0\0\0\0");
    const BOOL: u64 = u64::from_le_bytes(*b"xxxxxxx?");
    const NONE: u64 = u64::from_le_bytes(*b"xxxxxx?x");

    /// Returns the field's word; `None` when the format has more than eight characters.
    #[must_use]
    pub fn encode(self) -> Option<u64> {
        let mut field = [0; FORMAT_BYTES];
        match self {
            Self::Int => return Some(Self::INT),
            Self::Float => return Some(Self::FLOAT),
            Self::Bool => return Some(Self::BOOL),
            Self::None => return Some(Self::NONE),
            _ => write!(&mut field[..], "{self}").ok()?,
        }
        Some(u64::from_le_bytes(field))
    }

    /// Returns the format for a value of `len` bytes that ends in NUL, in a slot that has `pad` bytes more. It cannot
    /// be encoded from 1,000,000 bytes on.
    pub(super) fn exact(len: usize, pad: usize) -> Self {
        let format = Self::Exact { len, pad };
        match pad {
            _ if format.encode().is_some() => format,
            0 => Self::ExactFull(len),
            _ => Self::ExactBrief(len),
        }
    }

    /// Decodes a field. Returns `None` for any format that [`encode`](Self::encode) does not write.
    #[must_use]
    pub fn decode(word: u64) -> Option<Self> {
        match word {
            Self::INT => Some(Self::Int),
            Self::FLOAT => Some(Self::Float),
            Self::BOOL => Some(Self::Bool),
            Self::NONE => Some(Self::None),
            _ => Self::decode_sized(word.to_le_bytes()),
        }
    }

    fn decode_sized(field: [u8; FORMAT_BYTES]) -> Option<Self> {
        let (len, rest) = leading_number(&field)?;
        let rest = rest.strip_prefix(b"s")?;
        if rest.iter().all(|&b| b == 0) {
            return Some(Self::Padded(len));
        }
        let end = rest.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        match &rest[..end] {
            b"x" => Some(Self::ExactBrief(len)),
            b" " => Some(Self::exact(len, 0)).filter(|&format| format == Self::ExactFull(len)),
            rest => match leading_number(rest)? {
                (pad, b"x") => Some(Self::Exact { len, pad }),
                _ => None,
            },
        }
    }

    /// Returns the bytes that a value in this format takes.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Padded(len) | Self::ExactFull(len) => len,
            Self::ExactBrief(len) => len + 1,
            Self::Exact { len, pad } => len + pad,
            Self::Int | Self::Float | Self::Bool | Self::None => super::SLOT_ALIGNMENT,
        }
    }

    /// Returns the exact length of text or bytes that this format records; `None` for padded values and scalars.
    #[must_use]
    pub fn exact_len(self) -> Option<usize> {
        match self {
            Self::Exact { len, .. } | Self::ExactBrief(len) | Self::ExactFull(len) => Some(len),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int => f.write_str("q"),
            Self::Float => f.write_str("d"),
            Self::Bool => f.write_str("xxxxxxx?"),
            Self::None => f.write_str("xxxxxx?x"),
            Self::Padded(len) => write!(f, "{len}s"),
            Self::Exact { len, pad } => write!(f, "{len}s{pad}x"),
            Self::ExactBrief(len) => write!(f, "{len}sx"),
            Self::ExactFull(len) => write!(f, "{len}s "),
        }
    }
}

/// Parses the decimal number at the start of `field`, without leading zeros. Returns it and what follows.
fn leading_number(field: &[u8]) -> Option<(usize, &[u8])> {
    let digits = field.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = field.split_at(digits);
    if number.is_empty() || (number.len() > 1 && number[0] == b'0') {
        return None;
    }
    Some((number.iter().fold(0, |n, b| n * 10 + usize::from(b - b'0')), rest))
}

/// How a slot's bytes become a value; CPython's `_back_transforms_mapping`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// A number or a bool, as it is.
    Scalar = 0,
    /// UTF-8 text.
    Str = 1,
    /// Bytes.
    Bytes = 2,
    /// None, whatever the bytes are.
    None = 3,
}

impl Code {
    /// Returns the code in a code field; `None` when it is not a code.
    #[must_use]
    pub fn decode(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Scalar),
            1 => Some(Self::Str),
            2 => Some(Self::Bytes),
            3 => Some(Self::None),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(text: &[u8]) -> u64 {
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        u64::from_le_bytes(bytes)
    }

    #[test]
    fn each_format_has_the_characters_that_cpython_writes() {
        for (format, text) in [
            (Format::Int, "q"),
            (Format::Float, "d"),
            (Format::Bool, "xxxxxxx?"),
            (Format::None, "xxxxxx?x"),
            (Format::Padded(8), "8s"),
            (Format::Padded(9_999_999), "9999999s"),
            (Format::Exact { len: 5, pad: 3 }, "5s3x"),
            (Format::Exact { len: 8, pad: 0 }, "8s0x"),
            (Format::exact(99_999, 9), "99999s9x"),
            (Format::exact(99_999, 10), "99999sx"),
            (Format::exact(150_001, 7), "150001sx"),
            (Format::exact(999_999, 1), "999999sx"),
            (Format::exact(150_000, 0), "150000s "),
            (Format::exact(2, 99_998), "2s99998x"),
            (Format::exact(3, 999_997), "3sx"),
        ] {
            assert_eq!(format.encode(), Some(field(text.as_bytes())), "{text}");
            assert_eq!(Format::decode(field(text.as_bytes())), Some(format), "{text}");
        }
    }

    #[test]
    fn more_than_eight_characters_have_no_encoding() {
        assert_eq!(Format::Padded(10_000_000).encode(), None);
        assert_eq!(Format::Exact { len: 99_999, pad: 10 }.encode(), None);
        assert_eq!(Format::Exact { len: 99_999, pad: 1 }.encode(), Some(field(b"99999s1x")));
        assert_eq!(Format::exact(1_000_000, 0).encode(), None);
        assert_eq!(Format::exact(1_000_000, 8).encode(), None);
    }

    #[test]
    fn other_fields_are_not_a_format() {
        for text in [
            &b""[..],
            b"P",
            b">q",
            b"qq",
            b"s",
            b"8",
            b"08s",
            b"-8s",
            b"8s ",
            b" 8s",
            b"8s3",
            b"8s\x003x",
            b"?",
            b"8sxx",
            b"8s  ",
            b"8s x",
            b"8sx ",
        ] {
            assert_eq!(Format::decode(field(text)), None, "{text:?}");
        }
        assert_eq!(Format::decode(WRITING), None);
    }

    #[test]
    fn half_of_the_mark_of_a_writer_is_a_mark_and_not_a_format() {
        for mark in [&b"writing\0"[..], b"writ", b"writs"] {
            assert!(is_writing(field(mark)), "{mark:?}");
            assert_eq!(Format::decode(field(mark)), None, "{mark:?}");
        }
        for format in [Format::Int, Format::Bool, Format::Padded(16), Format::Exact { len: 5, pad: 3 }] {
            assert!(!format.encode().is_some_and(is_writing), "{format}");
        }
    }

    proptest! {
        #[test]
        fn whatever_decodes_encodes_to_the_same_word(word: u64) {
            if let Some(format) = Format::decode(word) {
                prop_assert_eq!(format.encode(), Some(word));
            }
        }

        #[test]
        fn digits_and_letters_decode_only_canonically(text in "[0-9]{0,3}[sxqd?]?[0-9]{0,3}[sx]?") {
            let word = field(&text.as_bytes()[..text.len().min(8)]);
            if let Some(format) = Format::decode(word) {
                prop_assert_eq!(format.encode(), Some(word));
            }
        }
    }
}

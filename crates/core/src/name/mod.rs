//! Names of segments: which are valid, and random ones that cannot be guessed.

use std::fmt;
use std::sync::Arc;

use crate::{Error, Kind, Lifetime, Result, mark};

#[cfg(not(windows))]
mod posix;
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code, reason = "other systems only test these rules"))]
mod windows;

#[cfg(not(windows))]
use posix as rules;
#[cfg(windows)]
use windows as rules;
#[cfg(all(windows, backend = "portable"))]
pub(crate) use windows::UNLINKED;
#[cfg(all(windows, not(backend = "portable")))]
pub(crate) use windows::{file_of, name_of};

/// The number of bytes of a random name.
const RANDOM_LENGTH: usize = rules::RANDOM_PREFIX.len() + mark::TEXT;

/// A valid segment name, without the leading slash of `shm_open(3)`, as CPython reports it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks `name` against the rules of this platform.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for an empty name, `.`, `..`, a name with a slash or a control character (including NUL
    /// and newline), a name or a character that the platform reserves, and a name that is too long.
    pub fn new(name: &str) -> Result<Self> {
        // Random names, which most are.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.len() == RANDOM_LENGTH && name.starts_with(rules::RANDOM_PREFIX) && name.bytes().all(is_plain) {
            return Ok(Self(name.into()));
        }
        let fault = if name.is_empty() {
            "is empty".to_owned()
        } else if name == "." || name == ".." {
            "is a directory's name".to_owned()
        } else if let Some(bad) = name.chars().find(|&c| c.is_control() || rules::is_reserved_in_name(c)) {
            format!("contains {bad:?}")
        } else if let Some(why) = rules::why_reserved(name) {
            why.to_owned()
        } else if name.len() > rules::MAX {
            format!("has {} bytes", name.len())
        } else {
            return Ok(Self(name.into()));
        };
        Err(Error::new(
            Kind::InvalidValue,
            format!(
                "segment name {name:?} {fault}; a name has 1 to {} bytes, no slash and no control character",
                rules::MAX
            ),
        ))
    }

    /// Makes a random name: the platform's prefix (`psm_`, on Windows `wnsm_`, as in CPython) and 26 characters, of
    /// which 20 are random and 6 follow from them. CPython's names have 32 random bits; 100 cannot be guessed and do
    /// not collide.
    ///
    /// # Errors
    /// [`Kind::System`] when the system cannot supply random numbers.
    pub fn random() -> Result<Self> {
        Self::random_for(Lifetime::Detached)
    }

    /// Makes a random name as [`random`](Self::random), which also tells a sweep how long its segment is meant to live.
    ///
    /// # Errors
    /// As [`random`](Self::random).
    pub fn random_for(lifetime: Lifetime) -> Result<Self> {
        let mut bits = [0; size_of::<u128>()];
        getrandom::fill(&mut bits).map_err(|e| {
            Error::new(Kind::System, format!("cannot make a random segment name: {e}"))
                .with_os("getrandom", e.raw_os_error())
        })?;
        Ok(Self::of_bits(u128::from_ne_bytes(bits), lifetime))
    }

    /// Makes the random name that consists of 100 of these bits.
    pub(crate) fn of_bits(bits: u128, lifetime: Lifetime) -> Self {
        const PREFIX: &[u8] = rules::RANDOM_PREFIX.as_bytes();
        let mut name = [0; RANDOM_LENGTH];
        name[..PREFIX.len()].copy_from_slice(PREFIX);
        name[PREFIX.len()..].copy_from_slice(&mark::text(bits, lifetime));
        Self(str::from_utf8(&name).expect("prefix and digits are ASCII").into())
    }

    /// Returns what a random name tells about its segment; `None` for any other name.
    #[cfg_attr(not(backend = "linux"), allow(dead_code, reason = "only a sweep asks"))]
    pub(crate) fn lifetime_of(name: &str) -> Option<Lifetime> {
        mark::lifetime_of(name.strip_prefix(rules::RANDOM_PREFIX)?)
    }

    /// Returns whether the name has the prefix and the length of a random one. Few chosen names have.
    #[cfg_attr(not(backend = "linux"), allow(dead_code, reason = "only Linux asks"))]
    pub(crate) fn looks_random(&self) -> bool {
        self.0.len() == RANDOM_LENGTH && self.0.starts_with(rules::RANDOM_PREFIX)
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_that_could_reach_another_file_or_line_are_refused() {
        for bad in ["", ".", "..", "a/b", "/a", "a\0b", "a\nb", "a\x7fb"] {
            assert_eq!(Name::new(bad).unwrap_err().kind(), Kind::InvalidValue, "{bad:?}");
        }
    }

    #[test]
    fn length_is_counted_in_bytes() {
        assert!(Name::new(&"a".repeat(rules::MAX)).is_ok());
        assert!(Name::new(&"a".repeat(rules::MAX + 1)).is_err());
        assert!(Name::new(&"é".repeat(rules::MAX / 2 + 1)).is_err());
    }

    #[test]
    fn beyond_ascii_is_allowed() {
        assert_eq!(Name::new("données").unwrap().as_str(), "données");
    }

    #[test]
    #[cfg(all(target_os = "linux", not(backend = "macos")))]
    fn names_of_posix_semaphores_are_refused() {
        let error = Name::new("sem.mine").unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidValue);
        assert!(error.message().contains("begins with 'sem.', as POSIX semaphores do"), "{error}");
        assert!(Name::new("sem").is_ok() && Name::new("a.sem.b").is_ok());
    }

    #[test]
    fn a_random_name_shows_its_lifetime() {
        for lifetime in [Lifetime::Owned, Lifetime::Detached] {
            assert_eq!(Name::lifetime_of(Name::random_for(lifetime).unwrap().as_str()), Some(lifetime));
        }
        assert_eq!(Name::lifetime_of("psm_12345678"), None);
    }

    #[test]
    fn random_names_are_valid_short_and_distinct() {
        let names: HashSet<_> = (0..1000).map(|_| Name::random().unwrap()).collect();
        assert_eq!(names.len(), 1000);
        for name in names {
            assert!(Name::new(name.as_str()).is_ok());
            assert!(name.as_str().len() <= 31);
        }
    }
}

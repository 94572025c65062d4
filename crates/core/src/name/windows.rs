//! The rules of Windows, where a name is the name of a file and of a kernel object.

/// What the crate `shared_memory`, the portable backend, appends to the name of the file of an unlinked segment that is
/// still mapped.
pub(crate) const UNLINKED: &str = "_deleted";

/// The longest name in bytes: a file name may have 255, and [`UNLINKED`] needs some of them.
pub(crate) const MAX: usize = 255 - UNLINKED.len();

/// The prefix of CPython's random names.
pub(crate) const RANDOM_PREFIX: &str = "wnsm_";

/// Returns whether the character is forbidden in the name of a file or of a kernel object.
pub(crate) fn is_reserved_in_name(c: char) -> bool {
    matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

/// Returns why the name is reserved, if it is: Windows would open a device, or the name without its trailing dots or
/// spaces. Names that end in [`UNLINKED`] are reserved too, because the crate replaces a file of that name.
pub(crate) fn why_reserved(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let is_device = match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        stem => ["COM", "LPT"].iter().any(|port| {
            stem.strip_prefix(port).is_some_and(|number| number.chars().count() == 1 && number.contains(is_port_number))
        }),
    };
    let is_reserved = is_device || name.ends_with(['.', ' ']) || name.to_ascii_lowercase().ends_with(UNLINKED);
    is_reserved.then_some("is reserved by the system")
}

/// Returns the name of the file of a segment: the segment's name and [`SEAL`] more characters that follow from it. File
/// names do not distinguish upper and lower case, and the names of kernel objects do; by these characters, two names that
/// differ in nothing else have different files.
pub(crate) fn file_of(name: &str) -> String {
    format!("{name}{}", seal(name))
}

/// Returns the name of the segment whose file has this name; `None` when it is no segment's.
pub(crate) fn name_of(file: &str) -> Option<&str> {
    let name = file.get(..file.len().checked_sub(SEAL)?)?;
    (!name.is_empty() && file[name.len()..] == seal(name)).then_some(name)
}

/// Characters that a file name has more than the segment's name. Their number makes [`MAX`] fit a file name.
const SEAL: usize = UNLINKED.len();

/// A tilde and 35 bits, by the FNV-1a hash.
fn seal(name: &str) -> String {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut text = String::from("~");
    text.extend((1..SEAL).map(|digit| char::from(crate::mark::DIGITS[(hash >> (64 - 5 * digit) & 31) as usize])));
    text
}

fn is_port_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '¹' | '²' | '³')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_would_open_as_something_else_are_reserved() {
        let of_unlinked = ["a_deleted", "A_Deleted"];
        let of_others = ["NUL", "nul", "con.txt", "Aux .log", "COM1", "lpt9.x", "com²", "CONIN$", "a.", "a "];
        for name in of_others.into_iter().chain(of_unlinked) {
            assert!(why_reserved(name).is_some(), "{name:?}");
        }
        for name in ["null", "COM", "COM10", "a.nul", "psm_1", "aux1", " a", ".a", "a_deleted_1"] {
            assert_eq!(why_reserved(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_name_of_a_file_gives_the_name_of_its_segment() {
        for name in ["a", "A", "wnsm_0123456789", "données", "x~1234567", &"é".repeat(MAX / 2)] {
            assert_eq!(name_of(&file_of(name)), Some(name));
            assert!(file_of(name).len() <= 255);
        }
        for file in ["", "a", "~", "desktop.ini", "wnsm_12345678", "é", "éééé"] {
            assert_eq!(name_of(file), None, "{file:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_have_different_files() {
        for (one, other) in [("results", "Results"), ("É", "é"), ("abc", "ABC")] {
            assert_ne!(file_of(one).to_uppercase(), file_of(other).to_uppercase());
        }
    }

    #[test]
    fn the_names_of_files_are_the_same_in_every_release() {
        assert_eq!(file_of("results"), "results~adse48g");
    }

    #[cfg(windows)]
    #[test]
    fn a_reserved_name_is_an_invalid_value() {
        assert_eq!(crate::Name::new("NUL").unwrap_err().kind(), crate::Kind::InvalidValue);
    }
}

//! The rules of Windows, where a name is the name of a file and of a kernel object.

/// What the crate `shared_memory` appends to the name of the file of an unlinked segment that is still mapped.
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

    #[cfg(windows)]
    #[test]
    fn a_reserved_name_is_an_invalid_value() {
        assert_eq!(crate::Name::new("NUL").unwrap_err().kind(), crate::Kind::InvalidValue);
    }
}

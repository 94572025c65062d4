//! How a file of whole pages tells the exact size of its segment. Pure.
//!
//! CPython maps a segment in whole pages, so on Windows the file and the section behind it must have whole pages too.
//! The exact size is in the length of the file, which is longer than its pages by the number of bytes that the segment
//! does not use in its last page:
//!
//! ```text
//! |  pages of the segment, of which the section consists  |  unused bytes in the last page, 0 to 4095  |
//! ```
//!
//! That takes no byte of the segment, exists from the moment at which the file has its length, works on every file
//! system, and does not change when the file is written to.

/// The unit of the format, whatever the size of this machine's pages: a page of Windows on every processor.
pub(crate) const PAGE: u64 = 4096;

/// The size of a segment, and that of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes of the segment.
    pub(crate) exact: u64,
    /// Bytes of the whole pages that contain it, which are the size of its section.
    pub(crate) mapped: u64,
}

impl Extent {
    /// Returns the extent of a segment of `exact` bytes; `None` for a size of zero, and one that no file can have.
    pub(crate) fn of(exact: u64) -> Option<Self> {
        let mapped = exact.checked_next_multiple_of(PAGE)?;
        let extent = Self { exact, mapped };
        (exact > 0 && i64::try_from(mapped.checked_add(PAGE)?).is_ok()).then_some(extent)
    }

    /// Returns the extent of the segment in a file of that length; `None` for a file that holds no segment.
    pub(crate) fn in_file(length: u64) -> Option<Self> {
        let unused = length % PAGE;
        let mapped = length - unused;
        Self::of(mapped.checked_sub(unused)?).filter(|extent| extent.mapped == mapped)
    }

    /// Returns the length of the segment's file.
    pub(crate) fn file(self) -> u64 {
        self.mapped + (self.mapped - self.exact)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_length_of_a_file_tells_the_exact_size(exact in 1..1u64 << 50) {
            let extent = Extent::of(exact).unwrap();
            prop_assert_eq!(extent.mapped % PAGE, 0);
            prop_assert!(extent.mapped >= exact && extent.mapped - exact < PAGE);
            prop_assert!(extent.file() >= extent.mapped);
            prop_assert_eq!(Extent::in_file(extent.file()), Some(extent));
        }

        #[test]
        fn any_length_gives_an_extent_that_lies_in_the_file_or_none(length: u64) {
            if let Some(extent) = Extent::in_file(length) {
                prop_assert!(extent.exact <= extent.mapped && extent.mapped <= length);
                prop_assert_eq!(extent.file(), length);
            }
        }
    }

    #[test]
    fn files_that_hold_no_segment_have_no_extent() {
        for length in [0, 1, 4095, u64::MAX] {
            assert_eq!(Extent::in_file(length), None, "{length}");
        }
        assert_eq!(Extent::of(0), None);
        assert_eq!(Extent::of(u64::MAX), None);
    }
}

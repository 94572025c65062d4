//! Page arithmetic. Pure: the caller supplies the page size.

/// The pages of every supported system are multiples of this. So a mapping has all bytes up to the next multiple.
pub const BLOCK: usize = 4096;

/// `bytes` rounded up to whole pages of `page` bytes; `None` when the result does not fit.
#[must_use]
pub fn round_up_to_page(bytes: usize, page: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pages_stay_and_one_byte_more_takes_the_next_page() {
        assert_eq!(round_up_to_page(0, 4096), Some(0));
        assert_eq!(round_up_to_page(1, 4096), Some(4096));
        assert_eq!(round_up_to_page(4096, 4096), Some(4096));
        assert_eq!(round_up_to_page(4097, 4096), Some(8192));
    }

    #[test]
    fn a_size_whose_last_page_ends_past_the_address_space_has_no_rounding() {
        assert_eq!(round_up_to_page(usize::MAX, 4096), None);
    }
}

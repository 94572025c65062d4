//! Page arithmetic. Pure but for one number that the system supplies.

use crate::sys;

/// The size of a memory page in bytes: 4096 on most machines, 16384 on Apple silicon.
#[must_use]
pub fn page_size() -> usize {
    sys::page_size()
}

/// `bytes` rounded up to whole pages; `None` when the result does not fit.
#[must_use]
pub fn round_up_to_page(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(page_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pages_stay_and_a_byte_more_takes_the_next_page() {
        let page = page_size();
        assert!(page.is_power_of_two());
        assert_eq!(round_up_to_page(0), Some(0));
        assert_eq!(round_up_to_page(1), Some(page));
        assert_eq!(round_up_to_page(page), Some(page));
        assert_eq!(round_up_to_page(page + 1), Some(2 * page));
    }

    #[test]
    fn a_size_whose_last_page_ends_past_the_address_space_has_no_rounding() {
        assert_eq!(round_up_to_page(usize::MAX), None);
    }
}

//! Memory of exactly the requested length, so that AddressSanitizer detects an access to the first byte past it.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU64};

use shareable_core::SharedBytes;

/// The bytes of a segment.
pub struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    /// Allocates zeros.
    pub fn zeros(len: usize) -> Self {
        let layout = Layout::from_size_align(len.max(1), 8).expect("a size that fits an address space");
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        Self { start, layout: Layout::from_size_align(len, 8).expect("as above") }
    }

    /// Allocates a copy of `bytes`.
    pub fn holding(bytes: &[u8]) -> Self {
        let memory = Self::zeros(bytes.len());
        let (words, rest) = bytes.as_chunks::<8>();
        let (places, places_of_rest) = memory.parts();
        for (place, word) in places.iter().zip(words) {
            place.store(u64::from_le_bytes(*word), Relaxed);
        }
        for (place, byte) in places_of_rest.iter().zip(rest) {
            place.store(*byte, Relaxed);
        }
        memory
    }

    /// Returns a view of the bytes.
    pub fn view(&self) -> SharedBytes<'_> {
        // SAFETY: the memory lives as long as `self`, is aligned to 8, and is accessed only through such views.
        unsafe { SharedBytes::new(self.start, self.layout.size()) }
    }

    /// Returns a copy of the bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.layout.size());
        let (words, rest) = self.parts();
        for word in words {
            bytes.extend_from_slice(&word.load(Relaxed).to_le_bytes());
        }
        bytes.extend(rest.iter().map(|byte| byte.load(Relaxed)));
        bytes
    }

    /// Returns the whole words, and the bytes after them.
    fn parts(&self) -> (&[AtomicU64], &[AtomicU8]) {
        let view = self.view();
        let whole = view.len() / 8 * 8;
        let parts = view.words(0..whole).zip(view.bytes(whole..view.len()));
        parts.expect("ranges inside the view")
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let layout = Layout::from_size_align(self.layout.size().max(1), 8).expect("as above");
        // SAFETY: allocated by `zeros` with this layout, and not yet freed.
        unsafe { dealloc(self.start.as_ptr(), layout) };
    }
}

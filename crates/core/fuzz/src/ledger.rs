//! A slot of the ledger with any bytes, which its owner or any process of the same user may have written.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use shareable_core::ledger::{self, WORDS};

/// Reads `data` as a slot and as a header, and writes the result to another slot.
pub fn run(data: &[u8]) {
    let slot = [const { AtomicU64::new(0) }; WORDS];
    for (word, bytes) in slot.iter().zip(data.chunks(size_of::<u64>())) {
        let mut value = [0; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(value), Relaxed);
    }
    let _ = ledger::owner(&slot);
    let Some(entry) = ledger::read(&slot) else { return };
    assert!(!entry.segment.name.is_empty() && entry.segment.name.len() <= 255);
    let other = [const { AtomicU64::new(0) }; WORDS];
    ledger::announce(&other, entry.turn, entry.created, &entry.segment.name, entry.segment.size, &entry.segment.origin);
    let announced = ledger::read(&other).expect("what was announced is there");
    assert_eq!((announced.turn, announced.created, announced.is_live), (entry.turn, entry.created, false));
    ledger::identify(&other, entry.turn, entry.segment.identity);
    let registered = ledger::read(&other).expect("what was registered is there");
    assert_eq!(registered.segment.name, entry.segment.name);
    // Bytes that are not UTF-8 become characters that take more room, so the beginning may be left out.
    let end = entry.segment.origin.chars().next_back();
    assert_eq!(registered.segment.origin.chars().next_back(), end);
    ledger::clear(&other);
    assert_eq!(ledger::read(&other), None);
}

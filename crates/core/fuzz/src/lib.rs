//! The fuzz targets, and what must hold for every input. Each module has a `run`, which panics if it does not hold.
//!
//! `fuzz_targets/` passes them to libFuzzer; `crates/core/tests/corpus.rs` runs them over the corpus without it.

pub mod channel;
pub mod codec;
pub mod gate;
pub mod handshake;
pub mod ledger;
pub mod list;
pub mod manager;
mod memory;
pub mod npy;
mod same;
pub mod tracker;
pub mod trailer;

/// Cuts bytes as a stream may deliver them: one piece of `first` bytes, then pieces of `step`.
fn cut(bytes: &[u8], first: u8, step: u8) -> impl Iterator<Item = &[u8]> {
    let (head, tail) = bytes.split_at(usize::from(first).min(bytes.len()));
    std::iter::once(head).chain(tail.chunks(usize::from(step) + 1))
}

//! Tests of the layout: CPython's bytes, each slot's rules, hostile bytes, races.

mod golden;
mod hostile;
mod model;
mod race;
mod slots;
mod vectors;

use std::ptr::NonNull;

use super::*;
use crate::page::BLOCK;

/// The bytes of a segment, in private memory of any length.
struct Memory {
    words: Vec<u64>,
    len: usize,
}

impl Memory {
    /// Whole blocks, as a segment has them.
    fn zeros(len: usize) -> Self {
        Self { words: vec![0; len.next_multiple_of(BLOCK) / WORD], len }
    }

    fn holding(bytes: &[u8]) -> Self {
        let mut memory = Self::zeros(bytes.len());
        for (word, chunk) in memory.words.iter_mut().zip(bytes.chunks(WORD)) {
            let mut padded = [0; WORD];
            padded[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(padded);
        }
        memory
    }

    fn view(&mut self) -> SharedBytes<'_> {
        let start = NonNull::from(&mut self.words[..]).cast();
        // SAFETY: the words hold at least `len` bytes, aligned to 8, and stay borrowed exclusively for as long as the
        // view lives, which reaches them by atomic accesses only.
        unsafe { SharedBytes::new(start, self.len) }
    }

    /// As `view`, with the bytes after the segment.
    fn blocks(&mut self) -> SharedBytes<'_> {
        SharedBytes::from_words(&mut self.words)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(self.len);
        bytes
    }
}

/// A list as `build` makes it.
fn list_of(values: &[Value<'_>]) -> (Memory, Header) {
    let header = plan(values).unwrap();
    let mut memory = Memory::zeros(header.total());
    build(memory.view(), header, values).unwrap();
    (memory, header)
}

fn layout_of(memory: &mut Memory) -> Result<Layout<'_>> {
    let header = Header::read(memory.view())?;
    let size = memory.len;
    let blocks = memory.blocks();
    let layout = Layout::new(blocks, header)?.with_versions(Versions::new(blocks, size));
    layout.check_offsets()?;
    Ok(layout)
}

/// Returns the result of an attempt at a slot that no other thread uses.
#[track_caller]
fn done<T>(attempt: Attempt<T>) -> T {
    match attempt {
        Attempt::Done(value) => value,
        Attempt::Busy => panic!("a slot is busy that no writer uses"),
    }
}

#[track_caller]
fn read<'t>(slot: &Slot<'_>, text: &'t mut Vec<u8>) -> Value<'t> {
    done(slot.read(text).unwrap()).into_value(0, text).unwrap()
}

#[track_caller]
fn assert_reads(slot: &Slot<'_>, expected: Value<'_>) {
    let mut text = Vec::new();
    let found = read(slot, &mut text);
    assert!(is_identical(found, expected), "{found:?} is not {expected:?}");
}

/// As `==`, but bit for bit: NaN equals NaN, and -0 does not equal 0.
fn is_identical(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        // All NaNs are stored as the same one.
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        _ => a == b,
    }
}

fn set(slot: &Slot<'_>, input: Input<'_>) -> Result<()> {
    slot.write(input).map(|attempt| assert_eq!(attempt, Attempt::Done(Written)))
}

fn format_of(slot: &Slot<'_>) -> String {
    done(slot.format().unwrap()).to_string()
}

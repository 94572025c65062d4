//! A ring whose bytes all come from an untrusted writer.

use std::sync::atomic::Ordering::Relaxed;

use shareable_core::Kind;
use shareable_core::layout::channel::{Header, Kind as FrameKind, RING, Ring, Summary, Words, at};

use super::memory::Memory;

/// The smallest ring.
const CAPACITY: usize = 4096;
/// An input begins with the positions, the bytes at the head, and the contents of the header; the bytes of the ring
/// follow.
const PREFIX: usize = 16;

/// Walks over a ring that is filled with `data`, and checks that every step stays inside it.
pub fn run(data: &[u8]) {
    let (prefix, filling) = data.split_at(data.len().min(PREFIX));
    let byte = |at: usize| prefix.get(at).copied().unwrap_or_default();
    let word = |at: usize| u32::from_le_bytes([byte(at), byte(at + 1), byte(at + 2), byte(at + 3)]);
    let memory = Memory::zeros(RING + CAPACITY);
    let view = memory.view();
    let header = Header { identifier: 1, capacity: CAPACITY as u64, max_message: 0, producers: 0, codec: 1 };
    header.write(view).expect("there is room");
    let (head, used, shift) = (word(0), word(4) % 700, usize::from(byte(8)));
    let ring_bytes = view.bytes(RING..RING + CAPACITY).expect("the ring");
    for (at, byte) in filling.iter().enumerate() {
        ring_bytes[(at + shift * 8) % CAPACITY].store(*byte, Relaxed);
    }
    if byte(9).is_multiple_of(4) {
        // A header with false contents.
        let at = usize::from(byte(10)) % 40;
        view.bytes(at..at + 1).expect("the header")[0].store(byte(11), Relaxed);
    }
    let tail = head.wrapping_add(used);
    let words = Words::new(view);
    words.word(at::HEAD).expect("a word").store(head, Relaxed);
    words.word(at::TAIL).expect("a word").store(tail, Relaxed);
    if let Ok(summary) = Summary::read(view) {
        assert!(summary.used <= summary.header.capacity);
    }
    match Header::read(view) {
        Ok(header) => assert!(header.total() <= view.len() as u64),
        Err(e) => return assert_eq!(e.kind(), Kind::Layout),
    }
    walk(Ring::new(view, &header).expect("the segment has its size"), head, tail);
}

fn walk(ring: Ring<'_>, mut head: u32, tail: u32) {
    let mut target = [0; CAPACITY];
    loop {
        let frame = match ring.frame(head, tail) {
            Ok(Some(frame)) => frame,
            Ok(None) => return assert_eq!(head, tail, "the walk ends at the tail"),
            Err(e) => return assert_eq!(e.kind(), Kind::Layout),
        };
        assert_ne!(frame.kind, FrameKind::Padding);
        assert!(frame.length as usize <= CAPACITY - 8);
        assert_eq!(ring.copy(&frame, 0, &mut target), frame.length as usize);
        let rest = ring.copy(&frame, 1, &mut target[..10]);
        assert!(rest <= 10);
        ring.touch(&frame);
        let again = ring.frame(frame.position, tail).expect("still a frame").expect("still there");
        assert!(again.is_touched && again.length == frame.length && again.kind == frame.kind);
        assert!(tail.wrapping_sub(frame.end()) < tail.wrapping_sub(head), "each step goes towards the tail");
        head = frame.end();
        // Room is found only where there is some.
        if let Ok(Some(position)) = ring.place(head, tail, 8) {
            assert!(position.wrapping_sub(tail) <= ring.capacity());
        }
    }
}

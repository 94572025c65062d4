use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;

use super::*;
use crate::{Kind as ErrorKind, SharedBytes};

const HEADER: Header = Header { identifier: 7, capacity: 4096, max_message: 9, producers: 2, codec: 3 };
const WORDS: usize = (RING + 4096) / 8;

#[test]
fn the_bytes_of_the_header_never_change() {
    let mut memory = [0; WORDS];
    let view = SharedBytes::from_words(&mut memory);
    HEADER.write(view).unwrap();
    assert_eq!(Header::read(view).unwrap(), HEADER);
    let golden = b"SHRCHAN\x01\x07\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x02\0\0\0\x03\0\0\0";
    let bytes: Vec<_> = view.bytes(0..40).unwrap().iter().map(|byte| byte.load(Relaxed)).collect();
    assert_eq!(bytes, golden);
}

#[test]
fn the_bytes_of_a_frame_never_change() {
    let mut memory = [0; WORDS];
    let view = SharedBytes::from_words(&mut memory);
    let ring = Ring::new(view, &HEADER).unwrap();
    let position = ring.place(510, 510, 11).unwrap().unwrap();
    assert_eq!(position, 512, "what does not fit before the end goes to the beginning");
    let end = ring.write(510, position, Kind::Whole, 0x1234, [b"hello ", b"world"]);
    assert_eq!(end, 515);
    let bytes = |at: usize, count: usize| -> Vec<u8> {
        view.bytes(RING + at..RING + at + count).unwrap().iter().map(|byte| byte.load(Relaxed)).collect()
    };
    assert_eq!(bytes(510 * 8, 8), [8, 0, 0, 0, 5, 0, 0x34, 0x12], "padding of one unit");
    assert_eq!(bytes(0, 8), [11, 0, 0, 0, 1, 0, 0x34, 0x12]);
}

#[test]
fn padding_with_no_frame_behind_it_is_refused() {
    let mut memory = [0; WORDS];
    let ring = Ring::new(SharedBytes::from_words(&mut memory), &HEADER).unwrap();
    let position = ring.place(510, 510, 11).unwrap().unwrap();
    let end = ring.write(510, position, Kind::Whole, 1, [b"hello ", b"world"]);
    assert_eq!(ring.frame(510, end).unwrap().unwrap().position, 512);
    assert_eq!(ring.frame(510, 510).unwrap(), None);
    assert_eq!(ring.frame(510, 512).unwrap_err().kind(), ErrorKind::Layout);
}

#[test]
fn a_segment_without_a_whole_channel_is_refused() {
    let mut memory = [0; WORDS];
    let check = |memory: &mut [u64]| Header::read(SharedBytes::from_words(memory)).unwrap_err().kind();
    assert_eq!(check(&mut memory), ErrorKind::Layout);
    HEADER.write(SharedBytes::from_words(&mut memory)).unwrap();
    assert_eq!(check(&mut memory[..WORDS - 1]), ErrorKind::Layout);
    assert_eq!(check(&mut memory[..4]), ErrorKind::Layout);
    for capacity in [0, 1, 2048, 4097, 1 << 32, u64::MAX] {
        memory[2] = capacity;
        assert_eq!(check(&mut memory), ErrorKind::Layout, "{capacity}");
    }
}

proptest! {
    #[test]
    fn a_written_frame_is_read_at_any_position(
        start in any::<u32>(),
        lengths in prop::collection::vec(0_u32..512, 1..40),
    ) {
        let mut memory = [0; WORDS];
        let ring = Ring::new(SharedBytes::from_words(&mut memory), &HEADER).unwrap();
        let (mut head, mut tail) = (start, start);
        let mut waiting = std::collections::VecDeque::new();
        for (count, length) in lengths.into_iter().enumerate() {
            let payload: Vec<u8> = (0..length as usize).map(|at| (at + count).to_le_bytes()[0]).collect();
            loop {
                if let Some(position) = ring.place(head, tail, length).unwrap() {
                    tail = ring.write(tail, position, Kind::Whole, 5, [&payload, &[]]);
                    waiting.push_back(payload);
                    break;
                }
                let frame = ring.frame(head, tail).unwrap().unwrap();
                let mut target = vec![0; frame.length as usize];
                ring.copy(&frame, 0, &mut target);
                prop_assert_eq!(Some(target), waiting.pop_front());
                head = frame.end();
            }
        }
        while let Some(frame) = ring.frame(head, tail).unwrap() {
            let mut target = vec![0; frame.length as usize];
            prop_assert_eq!(ring.copy(&frame, 0, &mut target), target.len());
            prop_assert_eq!(Some(target), waiting.pop_front());
            head = frame.end();
        }
        prop_assert_eq!(head, tail);
        prop_assert!(waiting.is_empty());
    }

    #[test]
    fn no_bytes_make_a_frame_that_leaves_the_ring(words in prop::collection::vec(any::<u64>(), 512), head: u32, used: u32) {
        let mut memory = [0; WORDS];
        memory[RING / 8..].copy_from_slice(&words);
        let ring = Ring::new(SharedBytes::from_words(&mut memory), &HEADER).unwrap();
        let tail = head.wrapping_add(used % 600);
        match ring.frame(head, tail) {
            Ok(Some(frame)) => {
                prop_assert!(frame.end().wrapping_sub(head) <= tail.wrapping_sub(head));
                ring.copy(&frame, 0, &mut vec![0; frame.length as usize]);
            }
            Ok(None) => prop_assert_eq!(head, tail),
            Err(e) => prop_assert_eq!(e.kind(), ErrorKind::Layout),
        }
    }
}

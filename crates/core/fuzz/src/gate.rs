//! A gate whose bytes all come from an untrusted writer.

use std::sync::atomic::Ordering::Relaxed;

use shareable_core::Kind;
use shareable_core::layout::gate::{Copied, Header, Purpose, SIZE, Summary, Values, Words, at, entry};

use super::memory::Memory;

/// Bytes of one value at most.
const CAPACITY: usize = 64;
const BYTES: usize = SIZE + 2 * (CAPACITY + 8);

/// Reads a gate whose header, state and value are overwritten by `data`: an offset, a length, and that many bytes, again
/// and again. Checks that every step stays inside the segment.
pub fn run(data: &[u8]) {
    let memory = Memory::zeros(BYTES);
    let view = memory.view();
    let header = Header { identifier: 1, purpose: Purpose::Value, limit: 0, codec: 1, capacity: CAPACITY as u64 };
    let values = Values::new(view, &header).expect("there is room");
    values.write_first(b"first").expect("it is short");
    header.write(view).expect("there is room");
    let mut rest = data;
    while let [place, low, length, tail @ ..] = rest {
        let (bytes, more) = tail.split_at(tail.len().min(usize::from(*length)));
        let area = [0, at::VERSION, at::ENTRIES, at::VALUES][usize::from(place % 4)];
        for (i, byte) in bytes.iter().enumerate() {
            let offset = area + usize::from(*low) + i;
            if let Some([cell]) = view.bytes(offset..offset + 1) {
                cell.store(*byte, Relaxed);
            }
        }
        rest = more;
    }
    match Summary::read(view) {
        Ok(summary) => assert!(summary.header.total() <= view.len() as u64),
        Err(e) => assert_eq!(e.kind(), Kind::Layout),
    }
    let words = Words::new(view).expect("the segment has its size");
    for seat in [0, 1, 1023, 1024, u16::MAX] {
        let _ = words.entry(seat, entry::MARK).load(Relaxed);
    }
    let mut target = [0; CAPACITY];
    match values.copy(&mut target) {
        Ok(Copied::Whole(version, length)) => {
            assert!(version >= 1.0 && length <= CAPACITY);
            let next = values.write(&target[..length]).expect("it was read");
            assert!(next >= 1.0);
        }
        Ok(Copied::TooLong(_) | Copied::Torn) => panic!("the target is large enough, and nobody else writes"),
        Err(e) => assert_eq!(e.kind(), Kind::Layout),
    }
    if let Ok(found) = Header::read(view)
        && found.purpose == Purpose::Value
    {
        let values = Values::new(view, &found).expect("the header was checked");
        if let Err(e) = values.copy(&mut target) {
            assert_eq!(e.kind(), Kind::Layout);
        }
    }
}

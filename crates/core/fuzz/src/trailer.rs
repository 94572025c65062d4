//! The last bytes of an object, which any process that can write to the segment may have written.

use std::sync::atomic::AtomicU64;

use shareable_core::trailer::{
    BYTES, Creator, Stage, Trailer, WORDS, begin, complete, identity, is_identity, read, total,
};
use shareable_core::{Identity, Lifetime};

/// Reads `data` as the size of an object and the words of its trailer; then as facts to write and to read again.
pub fn run(data: &[u8]) {
    let mut values = data.chunks(size_of::<u64>()).map(|bytes| {
        let mut value = [0; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(value)
    });
    let object = values.next().unwrap_or(0);
    let values: [u64; WORDS] = std::array::from_fn(|_| values.next().unwrap_or(0));
    let words = values.map(AtomicU64::new);
    if let Some((found, stage)) = read(&words, object) {
        check(&found, object);
        let again = [const { AtomicU64::new(0) }; WORDS];
        begin(&again, &found);
        if stage == Stage::Ready {
            complete(&again);
        }
        assert_eq!(read(&again, object), Some((found, stage)), "what was read can be written");
    }
    write(object, values);
}

/// Writes a trailer whose facts are any numbers.
fn write(size: u64, [page, high, low, pid, start, lifetime, other, _]: [u64; WORDS]) {
    let page = [4 << 10, 16 << 10, 64 << 10][(page % 3) as usize];
    let written = Trailer {
        identity: identity(u128::from(high) << 64 | u128::from(low)),
        size,
        creator: Creator { pid: (pid & 0xffff_ffff).try_into().expect("32 bits"), start },
        lifetime: if lifetime & 1 == 0 { Lifetime::Detached } else { Lifetime::Owned },
    };
    let words = [const { AtomicU64::new(0) }; WORDS];
    begin(&words, &written);
    match total(size, page).filter(|_| size > 0) {
        Some(object) => {
            assert_eq!(read(&words, object), Some((written, Stage::Making)));
            complete(&words);
            assert_eq!(read(&words, object), Some((written, Stage::Ready)));
        }
        None => assert_eq!(read(&words, other), None, "no object has that size"),
    }
    if let Some((found, _)) = read(&words, other) {
        check(&found, other);
    }
}

fn check(found: &Trailer, object: u64) {
    assert!(is_identity(found.identity) && found.identity != Identity { device: 0, inode: 0 });
    assert!(found.size > 0 && found.size + BYTES as u64 <= object, "the segment lies before its trailer");
    assert!(object - found.size <= 2 * (64 << 10), "the object is not much larger than the segment");
}

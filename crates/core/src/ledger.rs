//! The ledger: what a process owns, in memory that it shares with its tracker. Pure: the format, and the order of its
//! stores.
//!
//! ```text
//! slot 0    magic, owner's pid, its start time, its user, the tracker's word
//! slot 1…   state and turn, inode, device, size, lengths of name and origin, time of creation, name, origin
//! ```
//!
//! A slot has 512 bytes, which are 64 words. Its state is stored last and cleared first, so an owner that dies between
//! two stores leaves the old state or the new one, and never a mixture that counts as valid. So registering a segment
//! needs no system call and wakes no process: the tracker reads the ledger after the owner's death.

use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

use crate::Identity;
use crate::ownership::Registration;

/// Words of a slot.
pub const WORDS: usize = 64;

/// Bytes of a slot.
pub const SLOT: usize = WORDS * size_of::<u64>();

/// The word of slot 0 that the tracker marks as its own, see [`Watch`].
pub const TRACKER: usize = 4;

/// The value of word 0 of slot 0 once the header is complete: the name and the version of the format.
const MAGIC: u64 = u64::from_le_bytes(*b"shrldgr1");

/// The offset of the text, and its maximum number of bytes.
const TEXT: usize = 6;
const ROOM: usize = (WORDS - TEXT) * size_of::<u64>();

/// The length of the longest name, NAME_MAX of Linux.
const MAX_NAME: usize = 255;

/// The prefix of an origin whose beginning was left out.
const CUT: &str = "…";

/// Low bits of a slot's first word; the rest of the word counts registrations.
const STATE: u64 = 0xff;
const PENDING: u64 = 1;
const LIVE: u64 = 2;

/// The words of one slot, which other threads and processes read or write at any time.
pub trait Slot {
    /// Loads a word.
    fn load(&self, word: usize, ordering: Ordering) -> u64;
    /// Stores a word.
    fn store(&self, word: usize, value: u64, ordering: Ordering);
    /// Orders loads and stores of different words.
    fn fence(&self, ordering: Ordering) {
        fence(ordering);
    }
}

impl Slot for [AtomicU64; WORDS] {
    fn load(&self, word: usize, ordering: Ordering) -> u64 {
        self[word].load(ordering)
    }

    fn store(&self, word: usize, value: u64, ordering: Ordering) {
        self[word].store(value, ordering);
    }
}

/// A segment as its slot describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number of the owner's registration: a smaller one came first.
    pub turn: u64,
    /// Whether the segment had its identity by then. If not, `segment.identity` is meaningless, and only the owner can
    /// have created a file of that name.
    pub is_live: bool,
    /// When it was registered or announced, in microseconds since 1970; 0 if the owner's release did not record it.
    pub created: u64,
    /// The segment.
    pub segment: Registration,
}

/// The process that owns a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its process number.
    pub pid: u32,
    /// When it started, in the kernel's ticks, because its number may be reused.
    pub start: u64,
    /// The user whose segments these are.
    pub uid: u32,
}

/// Writes the header. Until it is complete, no slot is valid.
pub fn open(header: &impl Slot, owner: Owner) {
    header.store(1, u64::from(owner.pid), Relaxed);
    header.store(2, owner.start, Relaxed);
    header.store(3, u64::from(owner.uid), Relaxed);
    header.store(0, MAGIC, Release);
}

/// Returns the owner of this ledger; `None` if it is incomplete, or not a ledger.
pub fn owner(header: &impl Slot) -> Option<Owner> {
    if header.load(0, Acquire) != MAGIC {
        return None;
    }
    Some(Owner {
        pid: u32::try_from(header.load(1, Relaxed)).ok()?,
        start: header.load(2, Relaxed),
        uid: u32::try_from(header.load(3, Relaxed)).ok()?,
    })
}

/// Announces a segment that is about to be created under `name`. The slot must be free.
pub fn announce(slot: &impl Slot, turn: u64, created: u64, name: &str, size: u64, origin: &str) {
    write(slot, created, name, size, origin);
    slot.store(0, turn << 8 | PENDING, Release);
}

/// Registers a segment that exists. The slot must be free.
pub fn register(slot: &impl Slot, turn: u64, created: u64, segment: &Registration) {
    write(slot, created, &segment.name, segment.size, &segment.origin);
    identify(slot, turn, segment.identity);
}

/// Records which segment has the announced name.
pub fn identify(slot: &impl Slot, turn: u64, identity: Identity) {
    slot.store(1, identity.inode, Relaxed);
    slot.store(2, identity.device, Relaxed);
    slot.store(0, turn << 8 | LIVE, Release);
}

/// Frees the slot: the process no longer owns the segment.
pub fn clear(slot: &impl Slot) {
    slot.store(0, 0, Release);
}

fn write(slot: &impl Slot, created: u64, name: &str, size: u64, origin: &str) {
    // A reader that sees one of the new words also sees that the old entry was cleared.
    slot.fence(Release);
    slot.store(3, size, Relaxed);
    slot.store(5, created, Relaxed);
    let name = &name[..name.floor_char_boundary(MAX_NAME)];
    let mut text = [0; ROOM];
    text[..name.len()].copy_from_slice(name.as_bytes());
    let room = ROOM - name.len();
    let (cut, origin) = if origin.len() <= room {
        ("", origin)
    } else {
        // The end has the line number.
        (CUT, &origin[origin.ceil_char_boundary(origin.len() - (room - CUT.len()))..])
    };
    let whole = name.len() + cut.len() + origin.len();
    text[name.len()..name.len() + cut.len()].copy_from_slice(cut.as_bytes());
    text[name.len() + cut.len()..whole].copy_from_slice(origin.as_bytes());
    for (word, bytes) in text[..whole.next_multiple_of(8)].chunks_exact(8).enumerate() {
        let mut value = [0; 8];
        value.copy_from_slice(bytes);
        slot.store(TEXT + word, u64::from_ne_bytes(value), Relaxed);
    }
    slot.store(4, (name.len() | (whole - name.len()) << 16) as u64, Relaxed);
}

/// Reads a slot. Returns `None` for a free slot, one that changes meanwhile, and bytes that no owner writes.
pub fn read(slot: &impl Slot) -> Option<Entry> {
    let state = slot.load(0, Acquire);
    let is_live = match state & STATE {
        PENDING => false,
        LIVE => true,
        _ => return None,
    };
    let lengths = slot.load(4, Relaxed);
    let (name, origin) = (usize::try_from(lengths & 0xffff).ok()?, usize::try_from(lengths >> 16).ok()?);
    if name == 0 || name > MAX_NAME || origin > ROOM - name {
        return None;
    }
    let mut text = [0; ROOM];
    for (word, bytes) in text[..(name + origin).next_multiple_of(8)].chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&slot.load(TEXT + word, Relaxed).to_ne_bytes());
    }
    let identity = Identity { inode: slot.load(1, Relaxed), device: slot.load(2, Relaxed) };
    let (size, created) = (slot.load(3, Relaxed), slot.load(5, Relaxed));
    // A reader beside a living owner detects that the slot was reused meanwhile.
    slot.fence(Acquire);
    if slot.load(0, Relaxed) != state {
        return None;
    }
    let name_text = str::from_utf8(&text[..name]).ok()?.to_owned();
    let origin = String::from_utf8_lossy(&text[name..name + origin]).into_owned();
    Some(Entry {
        turn: state >> 8,
        is_live,
        created,
        segment: Registration { identity, size, name: name_text, origin },
    })
}

/// Whether the tracker lives, by its word in slot 0: the tracker stores its thread number there, and the kernel marks
/// the word when that thread has ended, see set_robust_list(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// No tracker has opened the ledger yet.
    Starting,
    /// It lives, or is stopped.
    Alive,
    /// It has ended.
    Dead,
}

impl Watch {
    /// FUTEX_OWNER_DIED of linux/futex.h.
    const DIED: u32 = 0x4000_0000;

    /// Returns what the tracker's word means.
    #[must_use]
    pub fn of(word: u32) -> Self {
        match word {
            0 => Self::Starting,
            word if word & Self::DIED != 0 => Self::Dead,
            _ => Self::Alive,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A slot whose writer dies: after that number of stores, it stores nothing.
    struct Memory {
        words: [AtomicU64; WORDS],
        left: std::cell::Cell<usize>,
    }

    impl Memory {
        fn new() -> Self {
            Self { words: [const { AtomicU64::new(0) }; WORDS], left: std::cell::Cell::new(usize::MAX) }
        }
    }

    impl Slot for Memory {
        fn load(&self, word: usize, ordering: Ordering) -> u64 {
            self.words[word].load(ordering)
        }

        fn store(&self, word: usize, value: u64, ordering: Ordering) {
            if self.left.get() > 0 {
                self.left.set(self.left.get() - 1);
                self.words[word].store(value, ordering);
            }
        }
    }

    fn segment(name: &str, origin: &str) -> Registration {
        let identity = Identity { device: 7, inode: u64::MAX };
        Registration { identity, size: 4096, name: name.to_owned(), origin: origin.to_owned() }
    }

    proptest! {
        #[test]
        fn an_entry_comes_back_as_it_was_written(name in "[a-zé]{1,100}", origin in ".{0,60}", turn in 0..1u64 << 56, created in any::<u64>()) {
            let slot = Memory::new();
            register(&slot, turn, created, &segment(&name, &origin));
            prop_assert_eq!(read(&slot), Some(Entry { turn, is_live: true, created, segment: segment(&name, &origin) }));
            clear(&slot);
            prop_assert_eq!(read(&slot), None);
        }

        #[test]
        fn whatever_the_bytes_are_reading_them_gives_an_entry_or_none(words in prop::array::uniform32(any::<u64>())) {
            let slot = Memory::new();
            for (word, value) in words.into_iter().enumerate() {
                slot.store(word, value, Relaxed);
            }
            slot.store(0, words[0] & !STATE | LIVE, Relaxed);
            let _ = (read(&slot), owner(&slot));
        }
    }

    #[test]
    fn the_longest_name_keeps_the_end_of_the_longest_origin() {
        let slot = Memory::new();
        let origin = format!("file:///{}/main.ts:12:28", "é".repeat(2000));
        register(&slot, 1, 2, &segment(&"n".repeat(255), &origin));
        let entry = read(&slot).unwrap();
        assert_eq!(entry.segment.name.len(), 255);
        assert!(entry.segment.origin.starts_with('…') && entry.segment.origin.ends_with("/main.ts:12:28"), "{entry:?}");
    }

    #[test]
    fn an_owner_that_dies_at_any_store_leaves_the_old_entry_the_new_one_or_none() {
        let (old, new) = (segment("psm_old", "old.ts:1"), segment("a-longer-name-that-was-chosen", "new.ts:2"));
        let identity = new.identity;
        let mut seen = std::collections::BTreeSet::new();
        for stores in 0.. {
            let slot = Memory::new();
            register(&slot, 1, 3, &old);
            slot.left.set(stores);
            clear(&slot);
            announce(&slot, 2, 4, &new.name, new.size, &new.origin);
            identify(&slot, 2, identity);
            let is_done = slot.left.get() > 0;
            match read(&slot) {
                Some(entry) if entry.turn == 1 => {
                    assert_eq!((stores, &entry.segment), (0, &old));
                    seen.insert("old");
                }
                Some(entry) => {
                    assert_eq!(entry.segment.name, new.name, "after {stores} stores");
                    assert!(!entry.is_live || entry.segment == new, "after {stores} stores");
                    seen.insert(if entry.is_live { "live" } else { "pending" });
                }
                None => drop(seen.insert("none")),
            }
            if is_done {
                break;
            }
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["live", "none", "old", "pending"]);
    }

    #[test]
    fn a_header_counts_only_when_it_is_whole() {
        let whole = Owner { pid: 4_194_304, start: 99, uid: 1000 };
        for stores in 0..4 {
            let slot = Memory::new();
            slot.left.set(stores);
            open(&slot, whole);
            assert_eq!(owner(&slot), None, "after {stores} stores");
        }
        let slot = Memory::new();
        open(&slot, whole);
        assert_eq!(owner(&slot), Some(whole));
    }

    #[test]
    fn the_trackers_word_shows_its_death() {
        assert_eq!(Watch::of(0), Watch::Starting);
        assert_eq!(Watch::of(1234), Watch::Alive);
        assert_eq!(Watch::of(0x8000_04d2), Watch::Alive);
        assert_eq!(Watch::of(0x4000_0000), Watch::Dead);
    }
}

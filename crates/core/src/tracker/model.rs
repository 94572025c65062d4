//! Checks the ledger under every relevant schedule, by the model checker `loom`:
//! `cargo test --release --package shareable-core --features model tracker::model`.
//!
//! The code under test is `ledger.rs`; memory is a model here. An owner registers, announces and frees segments, and
//! dies at a store that the model picks. Another process reads at the same time, as `shareable ls` does, and the
//! tracker reads after the owner's death. The existing names are kept apart from the ledger, as in a file system.
//!
//! A mutant is the same code over a memory with one fault. The checks must catch each mutant.

use std::cell::{Cell, RefCell};
use std::env;
use std::process::Command;
use std::sync::atomic::Ordering;

use loom::sync::atomic::{AtomicBool, AtomicU64, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::protocol::Registration;
use crate::Identity;
use crate::ledger::{Entry, Slot, announce, clear, identify, read, register};

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// Stores and loads do not order other memory.
    Unordered,
    /// Stores alone do not.
    UnorderedStores,
    /// Loads alone do not.
    UnorderedLoads,
    /// Fences alone do not.
    Unfenced,
    /// The state is stored before the words that it validates.
    StateFirst,
    /// An entry is not cleared before its words are reused.
    NeverCleared,
    /// A registration comes after the name is visible.
    Late,
}

/// The words of a slot that are used for short names without an origin.
const USED: usize = 8;

struct Memory {
    words: [AtomicU64; USED],
    mutant: Mutant,
}

/// A slot as the owner sees it. The owner dies before one of its stores.
struct Owner<'a> {
    memory: &'a Memory,
    left: &'a Cell<usize>,
    held_back: RefCell<Vec<(usize, u64)>>,
}

impl Memory {
    fn put(&self, word: usize, value: u64, ordering: Ordering) {
        let is_weak = matches!(self.mutant, Mutant::Unordered | Mutant::UnorderedStores);
        let ordering = if is_weak { Ordering::Relaxed } else { ordering };
        if word < USED {
            self.words[word].store(value, ordering);
        }
    }
}

impl Slot for &Memory {
    fn load(&self, word: usize, ordering: Ordering) -> u64 {
        let is_weak = matches!(self.mutant, Mutant::Unordered | Mutant::UnorderedLoads);
        let ordering = if is_weak { Ordering::Relaxed } else { ordering };
        self.words.get(word).map_or(0, |word| word.load(ordering))
    }

    fn store(&self, _: usize, _: u64, _: Ordering) {
        unreachable!("readers store nothing");
    }

    fn fence(&self, ordering: Ordering) {
        if !matches!(self.mutant, Mutant::Unordered | Mutant::Unfenced) {
            fence(ordering);
        }
    }
}

impl Owner<'_> {
    fn is_dead(&self) -> bool {
        self.left.get() == 0
    }

    fn put(&self, word: usize, value: u64, ordering: Ordering) {
        if self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            self.memory.put(word, value, ordering);
        }
    }
}

impl Slot for Owner<'_> {
    fn load(&self, word: usize, ordering: Ordering) -> u64 {
        self.memory.load(word, ordering)
    }

    fn store(&self, word: usize, value: u64, ordering: Ordering) {
        match (self.memory.mutant, word, value) {
            (Mutant::NeverCleared, 0, 0) => {}
            (Mutant::StateFirst, 1.., _) => self.held_back.borrow_mut().push((word, value)),
            (Mutant::StateFirst, 0, 1..) => {
                self.put(0, value, ordering);
                for (word, value) in self.held_back.take() {
                    self.put(word, value, Ordering::Relaxed);
                }
            }
            _ => self.put(word, value, ordering),
        }
    }

    fn fence(&self, ordering: Ordering) {
        self.memory.fence(ordering);
    }
}

fn segment(name: &str, inode: u64) -> Registration {
    Registration { identity: Identity { device: 1, inode }, size: inode, name: name.to_owned(), origin: String::new() }
}

/// One life of an owner that uses a slot for a chosen name, and then for a random one. It dies after `stores` stores.
fn live(mutant: Mutant, stores: usize, has_reader: bool) {
    let memory = Arc::new(Memory { words: std::array::from_fn(|_| AtomicU64::new(0)), mutant });
    // The names that exist.
    let names = Arc::new(Mutex::new(Vec::<&str>::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let (old, new) = (segment("aaaaaaaa", 3), segment("bbbbbbbb", 5));
    let check = {
        let (old, new) = (old.clone(), new.clone());
        move |entry: &Entry| {
            let whole = if entry.turn == 1 { &old } else { &new };
            assert_eq!(entry.segment.name, whole.name, "a mixture was taken for an entry");
            assert!(!entry.is_live || entry.segment == *whole, "a mixture was taken for an entry");
        }
    };
    let owner = {
        let (memory, names, is_over) = (Arc::clone(&memory), Arc::clone(&names), Arc::clone(&is_over));
        let (old, new) = (old.clone(), new.clone());
        thread::spawn(move || {
            let left = Cell::new(stores);
            let slot = Owner { memory: &memory, left: &left, held_back: RefCell::default() };
            let exist = |name| (!slot.is_dead()).then(|| names.lock().unwrap().push(name));
            if mutant == Mutant::Late {
                exist("aaaaaaaa");
            }
            register(&slot, 1, 0, &old);
            if mutant != Mutant::Late {
                exist("aaaaaaaa");
            }
            if !slot.is_dead() {
                names.lock().unwrap().clear();
            }
            clear(&slot);
            announce(&slot, 2, 0, &new.name, new.size, "");
            exist("bbbbbbbb");
            identify(&slot, 2, new.identity);
            // The kernel reports the death after everything that the owner did.
            is_over.store(true, Ordering::Release);
        })
    };
    let reader = has_reader.then(|| {
        let (memory, check) = (Arc::clone(&memory), check.clone());
        thread::spawn(move || {
            if let Some(entry) = read(&&*memory) {
                check(&entry);
            }
        })
    });
    let _ = reader.map(loom::thread::JoinHandle::join).transpose().map_err(std::panic::resume_unwind);
    owner.join().unwrap();
    assert!(is_over.load(Ordering::Acquire));
    let entry = read(&&*memory);
    entry.iter().for_each(&check);
    let names = names.lock().unwrap();
    for name in names.iter() {
        let is_known = entry.as_ref().is_some_and(|entry| entry.segment.name == **name);
        assert!(is_known, "'{name}' was left behind");
    }
}

fn check(mutant: Mutant) {
    for stores in 0..20 {
        loom::model(move || live(mutant, stores, false));
    }
    for stores in [usize::MAX, 9] {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(move || live(mutant, stores, true));
    }
}

#[test]
fn nothing_is_left_and_no_mixture_is_seen_wherever_the_owner_dies() {
    check(Mutant::None);
}

/// Runs one mutant in its own process, because loom's panics do not unwind properly.
fn is_caught(mutant: &str) -> bool {
    let program = env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", "tracker::model::a_mutant", "--ignored", "--quiet"]).env("MUTANT", mutant);
    !command.output().unwrap().status.success()
}

#[test]
#[ignore = "run by the next test, once for each mutant"]
fn a_mutant() {
    let all = [
        Mutant::None,
        Mutant::Unordered,
        Mutant::UnorderedStores,
        Mutant::UnorderedLoads,
        Mutant::Unfenced,
        Mutant::StateFirst,
        Mutant::NeverCleared,
        Mutant::Late,
    ];
    let wanted = env::var("MUTANT").unwrap_or_default();
    let mutant = all.into_iter().find(|mutant| format!("{mutant:?}") == wanted).expect("MUTANT names one");
    check(mutant);
}

#[test]
fn every_mutant_is_caught() {
    assert!(!is_caught("None"), "the code itself passes in its own process");
    let mutants = ["Unordered", "UnorderedStores", "UnorderedLoads", "Unfenced", "StateFirst", "NeverCleared", "Late"];
    for mutant in mutants {
        assert!(is_caught(mutant), "{mutant} was not caught");
    }
}

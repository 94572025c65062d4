//! Does what a sanitizer has to report, so that a run without a report means something: `overflow` for
//! AddressSanitizer, `race` for ThreadSanitizer.

use std::hint::black_box;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

/// Adds to a counter without a lock.
struct Racy(*mut u64);

// SAFETY: none. This is the defect that has to be found.
unsafe impl Send for Racy {}

fn overflow() -> u8 {
    let bytes = black_box(vec![1_u8; 8]);
    let past = bytes.as_ptr().wrapping_add(black_box(8));
    // SAFETY: none. This is the defect that has to be found.
    unsafe { past.read_volatile() }
}

/// Waits for all to come. Both threads have to be alive for the sanitizer to tell their accesses apart, and this orders
/// nothing of what they do to the counter.
fn meet(count: u32) {
    static ARRIVALS: AtomicU32 = AtomicU32::new(0);
    ARRIVALS.fetch_add(1, Relaxed);
    while ARRIVALS.load(Relaxed) < count {
        thread::yield_now();
    }
}

fn race() -> u64 {
    let mut counter = 0;
    let start = &raw mut counter;
    let threads = [Racy(start), Racy(start)].map(|racy| {
        thread::spawn(move || {
            let Racy(counter) = { racy };
            meet(2);
            for _ in 0..100 {
                // SAFETY: the counter outlives its threads, but that both write to it is the defect.
                unsafe { *black_box(counter) += 1 };
            }
            meet(4);
        })
    });
    for thread in threads {
        thread.join().expect("adding does not panic");
    }
    counter
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("overflow") => println!("{}", overflow()),
        Some("race") => println!("{}", race()),
        _ => std::process::exit(2),
    }
}

//! Surviving a segment that another process truncates while it is mapped here.
//!
//! Pages past the new end are gone, and touching one raises SIGBUS, whose default is to kill. The handler puts zero pages
//! in the place of the whole mapping and marks it lost; whatever touched it goes on and reads zeros. Faults at addresses
//! that are not ours go to the handler that was there before.
//!
//! Everything here that runs in the handler is a load, a store or a system call: signal-safety(7).

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::zeros;

/// How many mappings were lost, in this process. Only its changing matters.
pub(crate) static LOSSES: AtomicU32 = AtomicU32::new(0);

/// A range of addresses that is watched. Entries are never freed, only used again, for the handler may be looking at one.
#[derive(Debug)]
pub(super) struct Watch {
    /// 0 when the entry is free.
    start: AtomicUsize,
    len: AtomicUsize,
    lost: AtomicBool,
    next: AtomicPtr<Watch>,
}

static WATCHES: AtomicPtr<Watch> = AtomicPtr::new(ptr::null_mut());

/// Entries that watch nothing; locked also while the list grows.
static FREE: Mutex<Vec<&'static Watch>> = Mutex::new(Vec::new());

/// What was there before us.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

fn watches() -> impl Iterator<Item = &'static Watch> {
    let mut next = WATCHES.load(Acquire);
    std::iter::from_fn(move || {
        // SAFETY: the list holds pointers that `watch` leaked, each fully initialized before it was published.
        let watch = unsafe { next.as_ref::<'static>() }?;
        next = watch.next.load(Acquire);
        Some(watch)
    })
}

/// Watches the `len` bytes at `start` until the value is [released](Watch::release).
pub(super) fn watch(start: usize, len: usize) -> &'static Watch {
    install();
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(free) = free.pop() {
        free.lost.store(false, Relaxed);
        free.len.store(len, Relaxed);
        free.start.store(start, Release);
        return free;
    }
    let fresh = Box::leak(Box::new(Watch {
        start: AtomicUsize::new(start),
        len: AtomicUsize::new(len),
        lost: AtomicBool::new(false),
        next: AtomicPtr::new(WATCHES.load(Acquire)),
    }));
    WATCHES.store(fresh, Release);
    fresh
}

impl Watch {
    /// Whether the mapping's segment was cut off.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Acquire)
    }

    /// Ends the watch; to be called before the range is unmapped.
    pub(super) fn release(&'static self) {
        self.start.store(0, Release);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    fn contains(&self, address: usize) -> bool {
        let start = self.start.load(Acquire);
        start != 0 && address.checked_sub(start).is_some_and(|offset| offset < self.len.load(Relaxed))
    }

    /// Puts zero pages in the place of the mapping.
    fn replace(&self) -> bool {
        // SAFETY: the range is a mapping of ours that lives at least until the watch is released; its pages are gone.
        let replaced = unsafe { zeros::replace_at_any_price(self.start.load(Acquire), self.len.load(Relaxed)) };
        if replaced.is_ok() {
            self.lost.store(true, Release);
            LOSSES.fetch_add(1, AcqRel);
        }
        replaced.is_ok()
    }
}

/// Installs the handler, once.
fn install() {
    PREVIOUS.get_or_init(|| {
        let mut previous = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: for sigaction all zeros are a valid value: no flags, an empty mask.
        let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
        let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_sigbus;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: both point to values of the right type that live through the call, and the handler is signal-safe.
        unsafe { libc::sigaction(libc::SIGBUS, &raw const action, previous.as_mut_ptr()) };
        // SAFETY: zeroed is a valid value, and the call may have put another one there.
        unsafe { previous.assume_init() }
    });
}

extern "C" fn on_sigbus(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo that is valid for as long as the handler runs.
    let about = unsafe { &*info };
    // SAFETY: for SIGBUS the kernel fills si_addr.
    let address = unsafe { about.si_addr() }.addr();
    let is_ours = about.si_code == libc::BUS_ADRERR
        && watches().find(|watch| watch.contains(address)).is_some_and(Watch::replace);
    if !is_ours {
        pass_on(signal, info, context);
    }
}

/// Does what would have been done without us.
fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: as in `on_sigbus`. What a process sends has no positive code.
    let is_sent = unsafe { (*info).si_code } <= 0;
    let previous = PREVIOUS.get();
    match previous.map(|previous| (previous.sa_sigaction, previous.sa_flags & libc::SA_SIGINFO != 0)) {
        Some((libc::SIG_IGN, _)) if is_sent => {}
        None | Some((libc::SIG_DFL | libc::SIG_IGN, _)) => {
            // Back at the instruction that faulted the signal is raised again, and kills.
            // SAFETY: SIG_DFL installs no code.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            if is_sent {
                // SAFETY: raise(3) takes a number. The signal is blocked until the handler returns, and kills then.
                unsafe { libc::raise(signal) };
            }
        }
        Some((handler, true)) => {
            // SAFETY: with SA_SIGINFO this is what the field holds, installed by whoever was before us.
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        Some((handler, false)) => {
            // SAFETY: without SA_SIGINFO this is what the field holds.
            let handler: extern "C" fn(i32) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_entry_is_used_again_and_watches_nothing_meanwhile() {
        let first = watch(1 << 40, 4096);
        assert!(first.contains((1 << 40) + 4095));
        assert!(!first.contains((1 << 40) + 4096));
        assert!(!first.contains((1 << 40) - 1));
        first.release();
        assert!(!first.contains(1 << 40));
    }
}

//! Surviving a segment whose pages cannot be had, which raises SIGBUS, whose default is to kill.
//!
//! - Another process truncated it: the pages past the new end are gone. The handler puts zero pages in the place of the
//!   whole mapping.
//! - It is sparse, and the mount is full: there is no memory for a page that is touched for the first time. The handler
//!   puts a zero page of this process in its place; the others stay shared.
//!
//! Either way the mapping is marked, and whatever touched it goes on. Faults at addresses that are not ours go to the
//! handler that was there before.
//!
//! Everything here that runs in the handler is a load, a store or a system call: signal-safety(7).

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize};
use std::sync::{Mutex, PoisonError};

use super::zeros;
use crate::sys::Loss;
use crate::sys::memory::os;

/// How many mappings were lost, in this process. Only its changing matters.
pub(crate) static LOSSES: AtomicU32 = AtomicU32::new(0);

/// A range of addresses that is watched. Entries are never freed, only used again, for the handler may be looking at one.
#[derive(Debug)]
pub(super) struct Watch {
    /// 0 when the entry is free.
    start: AtomicUsize,
    len: AtomicUsize,
    /// A [`Loss`], or [`WHOLE`].
    loss: AtomicU8,
    is_sparse: AtomicBool,
    /// Where the last fault was let happen once more: room may have been made in between.
    retried: AtomicUsize,
    next: AtomicPtr<Watch>,
}

static WATCHES: AtomicPtr<Watch> = AtomicPtr::new(ptr::null_mut());

/// Entries that watch nothing; locked also while the list grows.
static FREE: Mutex<Vec<&'static Watch>> = Mutex::new(Vec::new());

/// Nothing of the mapping is lost.
const WHOLE: u8 = 0;
const TRUNCATED: u8 = 1;
const UNBACKED: u8 = 2;

/// What was there before us; never freed, for the handler may be looking at it.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

/// Held while the handler is installed.
static INSTALLING: Mutex<()> = Mutex::new(());

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
pub(super) fn watch(start: usize, len: usize, is_sparse: bool) -> &'static Watch {
    install();
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(free) = free.pop() {
        free.loss.store(WHOLE, Relaxed);
        free.is_sparse.store(is_sparse, Relaxed);
        free.retried.store(0, Relaxed);
        free.len.store(len, Relaxed);
        free.start.store(start, Release);
        return free;
    }
    let fresh = Box::leak(Box::new(Watch {
        start: AtomicUsize::new(start),
        len: AtomicUsize::new(len),
        loss: AtomicU8::new(WHOLE),
        is_sparse: AtomicBool::new(is_sparse),
        retried: AtomicUsize::new(0),
        next: AtomicPtr::new(WATCHES.load(Acquire)),
    }));
    WATCHES.store(fresh, Release);
    fresh
}

impl Watch {
    /// What of the mapping's segment was lost.
    pub(super) fn loss(&self) -> Option<Loss> {
        match self.loss.load(Acquire) {
            TRUNCATED => Some(Loss::Truncated),
            UNBACKED => Some(Loss::Unbacked),
            _ => None,
        }
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

    /// Makes the address usable, and marks the mapping.
    fn mend(&self, address: usize) -> bool {
        if !self.is_sparse.load(Relaxed) {
            return self.replace(self.start.load(Acquire), self.len.load(Relaxed), TRUNCATED);
        }
        if os::is_mount_full() {
            let page = rustix::param::page_size();
            return self.replace(address - address % page, page, UNBACKED);
        }
        // Either there was no room when the address was touched, or the page is gone: the next fault there tells.
        if self.retried.swap(address, AcqRel) != address {
            return true;
        }
        self.replace(self.start.load(Acquire), self.len.load(Relaxed), TRUNCATED)
    }

    fn replace(&self, start: usize, len: usize, loss: u8) -> bool {
        // SAFETY: the range is of a mapping of ours that lives at least until the watch is released; these pages are gone.
        let replaced = unsafe { zeros::replace_at_any_price(start, len) };
        if replaced.is_ok() {
            let _ = self.loss.compare_exchange(WHOLE, loss, AcqRel, Acquire);
            LOSSES.fetch_add(1, AcqRel);
        }
        replaced.is_ok()
    }
}

/// Installs the handler, unless it is there. A program or a library may have put another one in its place.
fn install() {
    if is_ours(&current()) {
        return;
    }
    let _lock = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let previous = current();
    if is_ours(&previous) {
        return;
    }
    PREVIOUS.store(Box::leak(Box::new(previous)), Release);
    // SAFETY: for sigaction all zeros are a valid value: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = handler();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action lives through the call, and the handler is signal-safe.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) };
}

/// Puts the handler back if it was there and somebody has replaced it. What replaced it is called for faults that are not
/// ours, and for signals that a process sends.
pub(crate) fn renew_fault_handler() {
    if !PREVIOUS.load(Acquire).is_null() {
        install();
    }
}

fn handler() -> usize {
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_sigbus;
    handler as usize
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handler()
}

fn current() -> libc::sigaction {
    let mut current = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the present one, to a place of the right type.
    unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), current.as_mut_ptr()) };
    // SAFETY: zeroed is a valid value, and the call may have put another one there.
    unsafe { current.assume_init() }
}

extern "C" fn on_sigbus(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo that is valid for as long as the handler runs.
    let about = unsafe { &*info };
    // SAFETY: for SIGBUS the kernel fills si_addr.
    let address = unsafe { about.si_addr() }.addr();
    let is_ours = about.si_code == libc::BUS_ADRERR
        && watches().find(|watch| watch.contains(address)).is_some_and(|watch| watch.mend(address));
    if !is_ours {
        pass_on(signal, info, context);
    }
}

/// Does what would have been done without us.
fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    /// The thread that passes a signal on, if one does: two handlers that were each there before the other would pass it
    /// on for ever.
    static PASSING: AtomicI32 = AtomicI32::new(0);
    // SAFETY: as in `on_sigbus`. What a process sends has no positive code.
    let is_sent = unsafe { (*info).si_code } <= 0;
    // SAFETY: what is stored there is a sigaction that is never freed.
    let previous = unsafe { PREVIOUS.load(Acquire).as_ref() };
    let thread = os::thread_id();
    let is_circle = PASSING.swap(thread, AcqRel) == thread;
    match previous.map(|previous| (previous.sa_sigaction, previous.sa_flags & libc::SA_SIGINFO != 0)) {
        Some((libc::SIG_IGN, _)) if is_sent => {}
        Some((handler, true)) if !is_circle && handler > libc::SIG_IGN => {
            // SAFETY: with SA_SIGINFO this is what the field holds, installed by whatever was there before us.
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        Some((handler, false)) if !is_circle && handler > libc::SIG_IGN => {
            // SAFETY: without SA_SIGINFO this is what the field holds.
            let handler: extern "C" fn(i32) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
        _ => {
            // Back at the instruction that faulted the signal is raised again, and kills.
            // SAFETY: SIG_DFL installs no code.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            if is_sent {
                // SAFETY: raise(3) takes a number. The signal is blocked until the handler returns, and kills then.
                unsafe { libc::raise(signal) };
            }
        }
    }
    PASSING.store(0, Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_entry_is_used_again_and_watches_nothing_meanwhile() {
        let first = watch(1 << 40, 4096, false);
        assert!(first.contains((1 << 40) + 4095));
        assert!(!first.contains((1 << 40) + 4096));
        assert!(!first.contains((1 << 40) - 1));
        first.release();
        assert!(!first.contains(1 << 40));
    }
}

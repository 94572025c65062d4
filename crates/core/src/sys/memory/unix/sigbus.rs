//! Keeps the process running when pages of a segment are not available. The kernel raises a signal, SIGBUS, which kills
//! by default.
//!
//! - On macOS, this process wrote to a read-only mapping. The handler makes the page a copy of this process's own.
//! - Another process truncated the segment: the pages past the new end are gone. The handler replaces the whole mapping
//!   by zero pages.
//! - The segment is sparse, and the mount is full: there is no memory for a page at its first access. The handler
//!   replaces that page by a private zero page; the others stay shared.
//!
//! In the last two cases the mapping is marked, and the code that accessed it continues. Faults at other addresses go to the
//! previous handler.
//!
//! Code that runs in the handler only loads, stores and makes system calls: signal-safety(7).

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize};

#[cfg(backend = "macos")]
use super::copies::Copies;
use super::seldom::Seldom;
use super::zeros;
use crate::Access;
use crate::mutex;
use crate::sys::Loss;
use crate::sys::memory::os;

/// Counts the lost mappings of this process. Only its changes matter.
pub(crate) static LOSSES: AtomicU32 = AtomicU32::new(0);

/// A range of addresses that is watched. Entries are reused and never freed, because the handler may be reading one.
#[derive(Debug)]
pub(super) struct Watch {
    /// 0 when the entry is free.
    start: AtomicUsize,
    len: AtomicUsize,
    /// A [`Loss`], or [`WHOLE`].
    loss: AtomicU8,
    is_sparse: AtomicBool,
    /// The address of the last fault that was retried once: there may be room for the page by then.
    retried: AtomicUsize,
    #[cfg(backend = "macos")]
    copies: Copies,
    next: AtomicPtr<Watch>,
}

static WATCHES: AtomicPtr<Watch> = AtomicPtr::new(ptr::null_mut());

/// Entries that watch nothing. Also locked while the list grows.
static FREE: Mutex<Vec<&'static Watch>> = Mutex::new(Vec::new());

/// No part of the mapping is lost.
const WHOLE: u8 = 0;
const TRUNCATED: u8 = 1;
const UNBACKED: u8 = 2;

/// The previous handlers of the [signals](os::SIGNALS); never freed, because the handler may be reading them.
static PREVIOUS: [AtomicPtr<libc::sigaction>; os::SIGNALS.len()] =
    [const { AtomicPtr::new(ptr::null_mut()) }; os::SIGNALS.len()];

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
pub(super) fn watch(start: usize, len: usize, is_sparse: bool, access: Access) -> &'static Watch {
    static INSTALLED: Seldom = Seldom::new();
    INSTALLED.run(|| (0..os::SIGNALS.len()).for_each(install));
    let mut free = mutex::lock(&FREE);
    if let Some(free) = free.pop() {
        free.loss.store(WHOLE, Relaxed);
        free.is_sparse.store(is_sparse, Relaxed);
        free.retried.store(0, Relaxed);
        free.len.store(len, Relaxed);
        free.prepare(access);
        free.start.store(start, Release);
        return free;
    }
    let fresh = Box::leak(Box::new(Watch {
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(len),
        loss: AtomicU8::new(WHOLE),
        is_sparse: AtomicBool::new(is_sparse),
        retried: AtomicUsize::new(0),
        #[cfg(backend = "macos")]
        copies: Copies::default(),
        next: AtomicPtr::new(WATCHES.load(Acquire)),
    }));
    fresh.prepare(access);
    fresh.start.store(start, Release);
    WATCHES.store(fresh, Release);
    fresh
}

impl Watch {
    /// Prepares the entry for a mapping of this access.
    #[cfg(backend = "macos")]
    fn prepare(&self, access: Access) {
        self.copies.prepare(self.len.load(Relaxed), access == Access::ReadOnly);
    }

    /// Read-only mappings are copied on write by the system itself.
    #[cfg(not(backend = "macos"))]
    #[allow(clippy::unused_self, reason = "macOS has something to prepare")]
    fn prepare(&self, _: Access) {}

    /// Returns which part of the mapping's segment was lost.
    pub(super) fn loss(&self) -> Option<Loss> {
        match self.loss.load(Acquire) {
            TRUNCATED => Some(Loss::Truncated),
            UNBACKED => Some(Loss::Unbacked),
            _ => None,
        }
    }

    /// Ends the watch. Call this before the range is unmapped.
    pub(super) fn release(&'static self) {
        self.start.store(0, Release);
        mutex::lock(&FREE).push(self);
    }

    fn contains(&self, address: usize) -> bool {
        let start = self.start.load(Acquire);
        start != 0 && address.checked_sub(start).is_some_and(|offset| offset < self.len.load(Relaxed))
    }

    /// Makes the address usable, and marks the mapping.
    fn mend(&self, address: usize) -> bool {
        #[cfg(backend = "macos")]
        if self.copies.are_needed() {
            return self.copies.copy(self.start.load(Acquire), address);
        }
        if !self.is_sparse.load(Relaxed) {
            return self.replace(self.start.load(Acquire), self.len.load(Relaxed), TRUNCATED);
        }
        if os::is_mount_full() {
            let page = rustix::param::page_size();
            return self.replace(address - address % page, page, UNBACKED);
        }
        // Either there was no room at the first access, or the page is gone: the next fault at the address decides.
        if self.retried.swap(address, AcqRel) != address {
            return true;
        }
        self.replace(self.start.load(Acquire), self.len.load(Relaxed), TRUNCATED)
    }

    fn replace(&self, start: usize, len: usize, loss: u8) -> bool {
        // SAFETY: the range belongs to a mapping of ours that lives at least until the watch is released; these pages
        // are gone.
        let replaced = unsafe { zeros::replace_at_any_price(start, len) };
        if replaced.is_ok() {
            let _ = self.loss.compare_exchange(WHOLE, loss, AcqRel, Acquire);
            LOSSES.fetch_add(1, AcqRel);
        }
        replaced.is_ok()
    }
}

/// Installs the handler of a signal, unless it is installed. The program or a library may have replaced it.
fn install(signal: usize) {
    if is_ours(&current(signal)) {
        return;
    }
    let _lock = mutex::lock(&INSTALLING);
    let previous = current(signal);
    if is_ours(&previous) {
        return;
    }
    PREVIOUS[signal].store(Box::leak(Box::new(previous)), Release);
    // SAFETY: for sigaction all zeros are a valid value: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = handler();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action lives through the call, and the handler is signal-safe.
    unsafe { libc::sigaction(os::SIGNALS[signal], &raw const action, ptr::null_mut()) };
}

/// Reinstalls the handlers that were installed and have been replaced. The replacement is called for other faults, and
/// for signals that a process sends.
pub(crate) fn renew_fault_handler() {
    for (signal, previous) in PREVIOUS.iter().enumerate() {
        if !previous.load(Acquire).is_null() {
            install(signal);
        }
    }
}

fn handler() -> usize {
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
    handler as usize
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handler()
}

fn current(signal: usize) -> libc::sigaction {
    let mut current = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the current one, to a place of the right type.
    unsafe { libc::sigaction(os::SIGNALS[signal], ptr::null(), current.as_mut_ptr()) };
    // SAFETY: the zeroed value is valid, and the call may have replaced it.
    unsafe { current.assume_init() }
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo that is valid for as long as the handler runs.
    let about = unsafe { &*info };
    // SAFETY: for a fault the kernel fills si_addr, and otherwise the value is not an address of a mapping of ours.
    let address = unsafe { about.si_addr() }.addr();
    let is_ours = os::is_fault(signal, about.si_code)
        && watches().find(|watch| watch.contains(address)).is_some_and(|watch| watch.mend(address));
    if !is_ours {
        pass_on(signal, info, context);
    }
}

/// Does what would have happened without this handler.
fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    /// The thread that passes a signal on, if any. Two handlers that each had the other as the previous one would pass
    /// the signal back and forth forever.
    static PASSING: AtomicI32 = AtomicI32::new(0);
    // SAFETY: as in `on_fault`. A signal that a process sends has no positive code.
    let is_sent = unsafe { (*info).si_code } <= 0;
    let previous = os::SIGNALS
        .iter()
        .position(|&one| one == signal)
        .map_or(ptr::null_mut(), |index| PREVIOUS[index].load(Acquire));
    // SAFETY: the pointer is null or to a sigaction that is never freed.
    let previous = unsafe { previous.as_ref() };
    let thread = os::thread_id();
    let is_circle = PASSING.swap(thread, AcqRel) == thread;
    match previous.map(|previous| (previous.sa_sigaction, previous.sa_flags & libc::SA_SIGINFO != 0)) {
        Some((libc::SIG_IGN, _)) if is_sent => {}
        Some((handler, true)) if !is_circle && handler > libc::SIG_IGN => {
            // SAFETY: with SA_SIGINFO the field holds such a function, which the previous code installed.
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        Some((handler, false)) if !is_circle && handler > libc::SIG_IGN => {
            // SAFETY: without SA_SIGINFO the field holds such a function.
            let handler: extern "C" fn(i32) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
        _ => {
            // Returning to the instruction that faulted raises the signal again, which kills.
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
        let first = watch(1 << 40, 4096, false, Access::ReadWrite);
        assert!(first.contains((1 << 40) + 4095));
        assert!(!first.contains((1 << 40) + 4096));
        assert!(!first.contains((1 << 40) - 1));
        first.release();
        assert!(!first.contains(1 << 40));
    }
}

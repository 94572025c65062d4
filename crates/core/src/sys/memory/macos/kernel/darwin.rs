//! The calls to the kernel of macOS. What is said of the kernel is from the sources of XNU: `bsd/kern/posix_shm.c`,
//! `osfmk/vm/vm_map.c`, and `unix_signal.c` of each processor.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, ftruncate};
use rustix::io::Errno;
use rustix::shm;

use crate::{Access, Name};

/// A page without the needed permission raises SIGBUS.
pub(in crate::sys) const SIGNALS: &[i32] = &[libc::SIGBUS];

/// Returns whether the signal can mean that a page is not available: the kernel reports `BUS_ADRERR` on Intel, and
/// `BUS_ADRALN` on Apple silicon whatever the reason.
pub(in crate::sys) fn is_fault(_signal: i32, code: i32) -> bool {
    code == libc::BUS_ADRERR || code == libc::BUS_ADRALN
}

/// Returns the unit of the sizes of objects that this process makes.
pub(in crate::sys) fn object_page() -> u64 {
    rustix::param::page_size() as u64
}

/// Returns a number that no other thread of this process has. Signal-safe.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "ports fit 31 bits")]
pub(in crate::sys) fn thread_id() -> i32 {
    // SAFETY: pthread_self(3) takes no arguments and cannot fail.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the call only reads the given thread, which is this one and so exists.
    unsafe { libc::pthread_mach_thread_np(thread) as i32 }
}

fn path(name: &Name) -> String {
    format!("/{name}")
}

/// The kernel keeps all twelve bits of the mode, and ignores the umask.
pub(in crate::sys) fn create(name: &Name, mode: u32) -> Result<OwnedFd, Errno> {
    #[expect(clippy::cast_possible_truncation, reason = "the bits of a mode fit the 16 bits of mode_t")]
    let mode = Mode::from_raw_mode(mode as u16);
    shm::open(path(name), shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR, mode)
}

pub(in crate::sys) fn open(name: &Name, access: Access) -> Result<OwnedFd, Errno> {
    let flags = match access {
        Access::ReadWrite => shm::OFlags::RDWR,
        Access::ReadOnly => shm::OFlags::RDONLY,
    };
    shm::open(path(name), flags, Mode::empty())
}

/// The kernel allows this once in the life of an object.
pub(in crate::sys) fn resize(object: BorrowedFd<'_>, total: u64) -> Result<(), Errno> {
    ftruncate(object, total)
}

pub(in crate::sys) fn remove(name: &Name) -> Result<(), Errno> {
    shm::unlink(path(name))
}

/// `VM_PROT_COPY` of `<mach/vm_prot.h>`: with it, the pages become a copy-on-write mapping of what they show.
const VM_PROT_COPY: libc::vm_prot_t = 0x10;

unsafe extern "C" {
    /// Of `<mach/mach_vm.h>`.
    fn mach_vm_protect(
        task: libc::mach_port_t,
        address: libc::mach_vm_address_t,
        size: libc::mach_vm_size_t,
        set_maximum: libc::boolean_t,
        new_protection: libc::vm_prot_t,
    ) -> libc::kern_return_t;

    /// Of `<mach/mach_init.h>`: what `mach_task_self()` stands for.
    static mach_task_self_: libc::mach_port_t;
}

/// Makes `len` bytes of pages at `start` a writable copy that only this process has. Signal-safe: one call to the kernel.
///
/// # Safety
/// The range is whole pages of a mapping of ours, which was mapped for reading only.
pub(in crate::sys) unsafe fn make_private(start: usize, len: usize) -> bool {
    // SAFETY: the C library sets it before any other code runs, and never again.
    let task = unsafe { mach_task_self_ };
    let protection = libc::VM_PROT_READ | libc::VM_PROT_WRITE | VM_PROT_COPY;
    // SAFETY: the caller's duty; the pages keep their contents, and gain a permission.
    unsafe { mach_vm_protect(task, start as u64, len as u64, 0, protection) == libc::KERN_SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_intel_and_one_of_apple_silicon_can_mean_a_missing_page() {
        let codes = [libc::BUS_ADRALN, libc::BUS_ADRERR, libc::BUS_OBJERR, 0];
        assert_eq!(codes.map(|code| is_fault(libc::SIGBUS, code)), [true, true, false, false]);
    }
}

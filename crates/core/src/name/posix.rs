//! The rules of shm_open(3).

/// The longest name in bytes. macOS allows 31 (`PSHMNAMLEN`), one of which is the leading slash.
pub(crate) const MAX: usize = if cfg!(backend = "macos") { 30 } else { 255 };

/// The prefix of CPython's random names.
pub(crate) const RANDOM_PREFIX: &str = "psm_";

/// Returns whether the character is forbidden in names.
pub(crate) fn is_reserved_in_name(c: char) -> bool {
    c == '/'
}

/// Returns why the whole name is reserved, if it is: glibc and musl keep named semaphores beside segments, see
/// sem_overview(7).
pub(crate) fn why_reserved(name: &str) -> Option<&'static str> {
    (cfg!(all(target_os = "linux", not(backend = "macos"))) && name.starts_with("sem."))
        .then_some("begins with 'sem.', as POSIX semaphores do")
}

//! Linux: field 22 of `/proc/<pid>/stat`, proc_pid_stat(5), and the process namespace.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::Life;

pub(super) fn life_of(pid: u32) -> Life {
    let stat = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        // With the mount option hidepid, the processes of other users are invisible.
        Err(e) if e.kind() == io::ErrorKind::NotFound && is_free(pid) => return Life::Over,
        // ESRCH: the process ended between open and read.
        Err(e) if e.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => return Life::Over,
        Err(_) => return Life::Unknown,
    };
    read(&stat).unwrap_or(Life::Unknown)
}

/// Returns whether no process has the number.
fn is_free(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

fn read(stat: &str) -> Option<Life> {
    // The second field may contain anything, including parentheses and spaces.
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    // A zombie has ended; only its parent has not been notified yet.
    if matches!(fields.next()?, "Z" | "X") {
        return Some(Life::Over);
    }
    fields.nth(18)?.parse().ok().map(Life::Since)
}

#[cfg_attr(backend = "linux", allow(dead_code, reason = "the seats of Linux are locks that the kernel frees"))]
pub(super) fn numbering() -> Option<u64> {
    fs::metadata("/proc/self/ns/pid").ok().map(|namespace| namespace.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_of_a_process_does_not_shift_the_fields() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        assert_eq!(read(&format!("12 (a) b (c)) {fields}")), Some(Life::Since(4711)));
        assert_eq!(read(&format!("12 (a) {}", fields.replace('S', "Z"))), Some(Life::Over));
        for garbage in ["", "12 (a)", "12 (a) S", "12 (a) S 1 2 3"] {
            assert_eq!(read(garbage), None, "{garbage:?}");
        }
    }
}

use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::Identity;
use crate::ownership::Registration;

/// Returns the file of a ledger, as others find it.
fn book(of: &Ledger) -> Option<Book> {
    let own = of.file.metadata().unwrap();
    books().into_iter().find(|book| book.file.metadata().is_ok_and(|found| found.ino() == own.ino()))
}

fn segment(name: &str) -> Registration {
    let identity = Identity { device: u64::MAX, inode: 7 };
    Registration { identity, size: 1, name: name.to_owned(), origin: "a.ts:1".to_owned() }
}

#[test]
fn other_processes_read_a_ledger_and_cannot_claim_it_while_its_owner_lives() {
    let ledger = Ledger::create().unwrap().unwrap();
    let owner = Owner { pid: 5, start: 6, uid: geteuid().as_raw() };
    ledger::open(ledger.slot(0), owner);
    ledger::register(ledger.slot(2), 2, 99, &segment("second"));
    ledger::register(ledger.slot(3), 1, 98, &segment("first"));
    let found = book(&ledger).unwrap();
    let (read, entries) = found.read();
    assert_eq!(read, Some(owner));
    let seen: Vec<_> = entries.iter().map(|entry| (entry.segment.name.as_str(), entry.created)).collect();
    assert_eq!(seen, [("first", 98), ("second", 99)]);
    assert!(found.claim().is_none());
    // A tracker has inherited the descriptor, so the lock outlives the owner.
    let tracker = rustix::io::fcntl_dupfd_cloexec(&ledger.file, 3).unwrap();
    drop(ledger);
    assert!(found.claim().is_none());
    drop(tracker);
    found.claim().unwrap().remove();
    assert!(!found.path.exists());
}

#[test]
fn a_ledger_grows_and_its_new_slots_can_be_used() {
    let ledger = Ledger::create().unwrap().unwrap();
    let before = ledger.len();
    ledger.grow().unwrap();
    assert_eq!(ledger.len(), before + STEP / SLOT);
    ledger.slot(ledger.len() - 1)[0].store(7, Relaxed);
    assert_eq!(ledger.slot(ledger.len() - 1)[0].load(Relaxed), 7);
    ledger.remove();
    assert!(book(&ledger).is_none());
}

#[test]
fn a_truncated_or_damaged_ledger_is_read_without_harm() {
    let ledger = Ledger::create().unwrap().unwrap();
    let found = book(&ledger).unwrap();
    ledger.file.write_all_at(&vec![0xff; STEP], 0).unwrap();
    assert_eq!(found.read(), (None, Vec::new()));
    ledger.file.set_len(SLOT as u64 / 2).unwrap();
    assert_eq!(found.read(), (None, Vec::new()));
    ledger.remove();
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_full_disk_is_an_error_and_leaves_no_file() {
    let folder = std::env::temp_dir().join(format!("shareable-test-{:016x}", getrandom::u64().unwrap()));
    fs::create_dir(&folder).unwrap();
    let status = std::process::Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs -o size=32k,mode=700 none \"$SHAREABLE_TEST_DISK\" && exec \"$@\"",
            "sh",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "sys::ledger::registry::tests::child_on_a_full_disk"])
        .env("SHAREABLE_TEST_DISK", &folder)
        .stdout(std::process::Stdio::null())
        .status();
    fs::remove_dir(&folder).unwrap();
    if !geteuid().is_root() {
        eprintln!("not checked: only root can mount a small disk");
        return;
    }
    assert!(status.unwrap().success());
}

#[cfg(not(target_os = "macos"))]
#[test]
#[ignore = "what another test starts"]
fn child_on_a_full_disk() {
    let disk = PathBuf::from(std::env::var_os("SHAREABLE_TEST_DISK").unwrap());
    PLACE.set(Some(disk.clone()));
    assert_eq!(Ledger::create().map(drop).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs::read_dir(disk).unwrap().count(), 0);
}

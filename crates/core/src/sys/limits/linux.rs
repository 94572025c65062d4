//! The memory cgroups that this process is in, cgroups(7), and how much they allow it to allocate.
//!
//! The kernel charges the pages of a segment to the cgroup of the process that allocates them, and kills a process of
//! that cgroup when the limit is reached. So a large allocation checks the limits first.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::MemoryLimit;

/// The kernel takes milliseconds to allocate this many bytes, so a check of the limits, which takes some tens of
/// microseconds, is cheap in comparison. Smaller allocations are not checked.
pub(in crate::sys) const WORTH_A_LOOK: u64 = 16 << 20;

/// A limit of cgroup v1 that is at least this means that there is no limit.
const UNLIMITED: u64 = 1 << 60;

/// Returns the limit that leaves the least room, of this process's memory cgroups; `None` when there is no limit.
pub(crate) fn memory_limit() -> Option<MemoryLimit> {
    static MOUNTS: OnceLock<Vec<Mount>> = OnceLock::new();
    let mounts = MOUNTS.get_or_init(|| mounts(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()));
    let swap = fs::read_to_string("/proc/meminfo").ok().and_then(|text| free_swap(&text)).unwrap_or(0);
    tightest(&fs::read_to_string("/proc/self/cgroup").ok()?, mounts, swap)
}

/// Where a hierarchy of cgroups is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// The cgroup at the mount point.
    root: String,
    point: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Returns the mounts that can have memory limits, from the text of `/proc/self/mountinfo`.
fn mounts(text: &str) -> Vec<Mount> {
    let read = |line: &str| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut fields = file_system.split(' ');
        let version = match (fields.next()?, fields.nth(1)?) {
            ("cgroup2", _) => Version::Two,
            ("cgroup", options) if options.split(',').any(|option| option == "memory") => Version::One,
            _ => return None,
        };
        Some(Mount { version, root: root.to_owned(), point: point.into() })
    };
    text.lines().filter_map(read).collect()
}

/// Returns the bytes of free swap, from the text of `/proc/meminfo`.
fn free_swap(text: &str) -> Option<u64> {
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("SwapFree:"))?.trim().strip_suffix(" kB")?;
    kibibytes.parse::<u64>().ok().map(|amount| amount * 1024)
}

/// Returns the limit that leaves the least room, among the cgroups in `text`, of `/proc/self/cgroup`, and their
/// ancestors.
fn tightest(text: &str, mounts: &[Mount], free_swap: u64) -> Option<MemoryLimit> {
    let cgroups = text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        match controllers {
            "" => Some((Version::Two, path)),
            _ if controllers.split(',').any(|name| name == "memory") => Some((Version::One, path)),
            _ => None,
        }
    });
    let limits = cgroups.flat_map(|(version, path)| {
        let mounted = mounts.iter().filter(move |mount| mount.version == version);
        mounted.flat_map(move |mount| folders(mount, path)).filter_map(move |folder| limit(version, &folder, free_swap))
    });
    limits.min_by_key(|limit| limit.left)
}

/// Returns the folder of a cgroup and those of its ancestors, as far as they are visible. For a cgroup outside of the
/// mount, which a container may see as its own, returns the mount's root.
fn folders(mount: &Mount, path: &str) -> Vec<PathBuf> {
    let inside = Path::new(path).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let folder = mount.point.join(inside);
    folder.ancestors().take_while(|ancestor| ancestor.starts_with(&mount.point)).map(Path::to_owned).collect()
}

fn limit(version: Version, folder: &Path, free_swap: u64) -> Option<MemoryLimit> {
    let text = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let number = |file: &str| text(file)?.trim().parse::<u64>().ok();
    let stat = text("memory.stat").unwrap_or_default();
    let sum = |keys: &[&str]| -> u64 {
        let values = stat.lines().filter_map(|line| line.split_once(' ')).filter(|(key, _)| keys.contains(key));
        values.filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
    };
    let (file, used, reclaimable, swap) = match version {
        Version::Two => {
            let swap =
                number("memory.swap.max").map(|max| max.saturating_sub(number("memory.swap.current").unwrap_or(0)));
            ("memory.max", number("memory.current")?, sum(&["active_file", "inactive_file", "slab_reclaimable"]), swap)
        }
        Version::One => {
            // This limit counts memory and swap together.
            let both = number("memory.memsw.limit_in_bytes").filter(|&limit| limit < UNLIMITED);
            let swap = both.map(|both| both.saturating_sub(number("memory.limit_in_bytes").unwrap_or(both)));
            let reclaimable = sum(&["total_active_file", "total_inactive_file"]);
            ("memory.limit_in_bytes", number("memory.usage_in_bytes")?, reclaimable, swap)
        }
    };
    let limit = number(file).filter(|&limit| limit < UNLIMITED)?;
    let swap = swap.unwrap_or(u64::MAX).min(free_swap);
    let left = limit.saturating_sub(used.saturating_sub(reclaimable)).saturating_add(swap);
    Some(MemoryLimit { file: folder.join(file), bytes: limit, left })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the files of cgroups, which is removed on drop.
    struct Tree(PathBuf);

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let mut random = [0; 8];
            getrandom::fill(&mut random).unwrap();
            let root = std::env::temp_dir().join(format!("test-cgroups-{:x}", u64::from_le_bytes(random)));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }

        fn mounts(&self, kind: &str, options: &str) -> Vec<Mount> {
            let point = self.0.display();
            mounts(&format!(
                "30 20 0:26 / /proc rw - proc proc rw\n31 20 0:27 / {point} rw shared:4 - {kind} x {options}\n"
            ))
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn the_tightest_limit_of_a_cgroup_and_its_ancestors_counts_and_page_cache_is_free() {
        let tree = Tree::new(&[
            ("memory.stat", "anon 9\n"),
            ("a/memory.max", "1000\n"),
            ("a/memory.current", "900\n"),
            ("a/memory.stat", "anon 1\nactive_file 30\ninactive_file 20\nslab_reclaimable 5\nshmem 700\n"),
            ("a/b/memory.max", "max\n"),
            ("a/b/memory.current", "400\n"),
            ("a/b/c/memory.max", "600\n"),
            ("a/b/c/memory.current", "100\n"),
        ]);
        let mounts = tree.mounts("cgroup2", "rw");
        let found = tightest("0::/a/b/c\n", &mounts, 0).unwrap();
        assert_eq!((found.bytes, found.left), (1000, 155));
        assert_eq!(found.file, tree.0.join("a/memory.max"));
        assert_eq!(tightest("0::/elsewhere\n", &mounts, 0), None);
    }

    #[test]
    fn swap_counts_as_room_as_far_as_the_cgroup_and_the_machine_have_any() {
        let tree = Tree::new(&[
            ("memory.max", "1000"),
            ("memory.current", "1000"),
            ("memory.swap.max", "300"),
            ("memory.swap.current", "100"),
        ]);
        let mounts = tree.mounts("cgroup2", "rw");
        assert_eq!(tightest("0::/", &mounts, 0).unwrap().left, 0);
        assert_eq!(tightest("0::/", &mounts, 150).unwrap().left, 150);
        assert_eq!(tightest("0::/", &mounts, 5000).unwrap().left, 200);
    }

    #[test]
    fn a_limit_of_the_first_version_is_read_and_its_largest_number_means_unlimited() {
        let tree = Tree::new(&[
            ("memory.limit_in_bytes", "9223372036854771712"),
            ("memory.usage_in_bytes", "5"),
            ("job/memory.limit_in_bytes", "800"),
            ("job/memory.usage_in_bytes", "500"),
            ("job/memory.memsw.limit_in_bytes", "900"),
            ("job/memory.stat", "active_file 1\ntotal_active_file 60\ntotal_inactive_file 40\n"),
        ]);
        let mounts = tree.mounts("cgroup", "rw,memory");
        let found = tightest("5:cpu:/\n4:memory:/job\n0::/\n", &mounts, 1 << 30).unwrap();
        assert_eq!((found.bytes, found.left), (800, 500));
        assert_eq!(tightest("4:memory:/\n", &mounts, 0), None);
    }

    #[test]
    fn a_container_that_sees_a_cgroup_outside_of_its_mount_has_the_limit_of_the_mounts_root() {
        let tree = Tree::new(&[("memory.max", "700"), ("memory.current", "100")]);
        let mounts = tree.mounts("cgroup2", "rw");
        assert_eq!(tightest("0::/../../other\n", &mounts, 0).unwrap().left, 600);
    }

    #[test]
    fn text_that_is_not_understood_means_no_limit() {
        assert_eq!(tightest("", &[], 0), None);
        assert_eq!(tightest("garbage\n0:\n::::\n", &mounts("garbage\n1 2 - cgroup2\n"), 0), None);
    }
}

//! `shareable-mach-o arm64|x64 OLDEST FILE…` checks what dyld, the loader of macOS, and the kernel require of a binary.
//! `OLDEST` is the oldest macOS that must load it, such as `11.0`. The program prints one line for each problem, and ends
//! with 1 if there is one. It runs on every system, so that a release can be checked where it is published.

use std::process::ExitCode;
use std::{env, fs};

use object::macho::{CPU_TYPE_ARM64, CPU_TYPE_X86_64, Version};

use crate::image::{Wanted, problems};

mod image;
mod parts;
mod signature;
#[cfg(test)]
mod tests;

fn wanted(cpu: &str, oldest: &str) -> Option<Wanted> {
    let cpu = match cpu {
        "arm64" => CPU_TYPE_ARM64,
        "x64" => CPU_TYPE_X86_64,
        _ => return None,
    };
    let (major, minor) = oldest.split_once('.')?;
    Some(Wanted { cpu, oldest: Version::new(major.parse().ok()?, minor.parse().ok()?, 0) })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [cpu, oldest, files @ ..] = arguments.as_slice() else { return usage() };
    let Some(wanted) = wanted(cpu, oldest) else { return usage() };
    if files.is_empty() {
        return usage();
    }
    let mut is_good = true;
    for file in files {
        let found = match fs::read(file) {
            Ok(bytes) => problems(&bytes, wanted),
            Err(e) => vec![format!("cannot be read: {e}")],
        };
        for problem in found {
            is_good = false;
            println!("{file} {problem}");
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("shareable-mach-o arm64|x64 OLDEST FILE…");
    ExitCode::from(2)
}

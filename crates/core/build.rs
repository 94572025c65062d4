//! Decides once which implementation of `sys` is built, and tells the sources by `cfg(backend = "…")`.
//!
//! | target                                      | values of `backend`      |
//! | ------------------------------------------- | ------------------------ |
//! | Linux                                       | `"linux"`, `"unix"`      |
//! | macOS                                       | `"macos"`, `"unix"`      |
//! | Windows                                     | `"windows"`              |
//! | Linux, feature `macos-rules`                | `"macos"`, `"unix"`      |
//! | Linux or macOS, feature `portable-backend`  | `"portable"`             |
//! | Windows, feature `portable-backend`         | `"windows"`, `"portable"` |
//! | any other system                            | `"unsupported"`          |
//!
//! `"portable"` means one thing: memory by the crate `shared_memory`. With `macos-rules`, the code for macOS runs on Linux;
//! only its calls to the kernel are replaced.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!(
        "cargo::rustc-check-cfg=cfg(backend, values(\"linux\", \"macos\", \"unix\", \"windows\", \"portable\", \"unsupported\"))"
    );
    // Set by the compiler flags of the tests under ThreadSanitizer.
    println!("cargo::rustc-check-cfg=cfg(thread_sanitizer)");
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let is_portable = env::var_os("CARGO_FEATURE_PORTABLE_BACKEND").is_some();
    let has_macos_rules = env::var_os("CARGO_FEATURE_MACOS_RULES").is_some();
    let backends: &[&str] = match (system.as_str(), is_portable) {
        ("windows", true) => &["windows", "portable"],
        ("windows", false) => &["windows"],
        ("linux" | "macos", true) => &["portable"],
        ("linux", false) if has_macos_rules => &["macos", "unix"],
        ("linux", false) => &["linux", "unix"],
        ("macos", false) => &["macos", "unix"],
        _ => &["unsupported"],
    };
    for backend in backends {
        println!("cargo::rustc-cfg=backend=\"{backend}\"");
    }
}

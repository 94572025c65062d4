//! What the models share to check that they catch each mutant.

use std::env;
use std::process::Command;

/// Runs a test of `module` that must fail, in its own process, because loom ends the process on some failures. Returns its
/// output.
pub fn failure_of(module: &str, test: &str) -> String {
    let (_crate, module) = module.split_once("::").expect("a module of this crate");
    let output = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("{module}::{test}")])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{test} should have been caught");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

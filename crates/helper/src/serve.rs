//! The role of a manager's server.

use std::process::ExitCode;

/// Serves the process that has started this one, until that process says so or is gone.
pub(crate) fn run() -> ExitCode {
    shareable_core::process::detach(false);
    // Should this process be killed, a tracker of its own unlinks what it keeps.
    if let Ok(program) = std::env::current_exe() {
        shareable_core::tracker::set_program(program, shareable_core::tracker::Warnings::Written);
    }
    // The reason of a failure cannot be reported: the starter notices that the answer is missing.
    if shareable_core::manager::serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! The role of a manager's server.

use std::process::ExitCode;

/// Serves the process that has started this one, until that process says so or is gone.
pub(crate) fn run() -> ExitCode {
    shareable_core::process::detach();
    // Should this process be killed, a tracker of its own unlinks what it keeps.
    if let Ok(program) = std::env::current_exe() {
        shareable_core::tracker::set_program(program);
    }
    // There is nobody to tell why it failed: whoever waits for an answer sees that there is none.
    if shareable_core::manager::serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

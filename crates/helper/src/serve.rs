//! The role of a manager's server.

use std::process::ExitCode;

/// Serves the process that has started this one, until that process asks for the end or has ended.
pub(crate) fn run() -> ExitCode {
    shareable_core::process::detach(false);
    // If this process is killed, its own tracker unlinks the segments that it keeps.
    if let Ok(program) = std::env::current_exe() {
        shareable_core::tracker::set_program(program, shareable_core::tracker::Warnings::Written);
    }
    // The reason for a failure cannot be reported: the starter notices that there is no reply.
    if shareable_core::manager::serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

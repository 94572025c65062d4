//! The resource tracker, for `binding.ts`.

use napi_derive::napi;
use shareable_core::tracker::Warnings;

/// Sets the path of the helper executable, whether it writes a warning about leaked segments, and whether it then also
/// reports what its sweep removes.
#[napi(catch_unwind)]
pub fn set_helper(path: String, warns: bool, is_detailed: bool) {
    let warnings = match (warns, is_detailed) {
        (false, _) => Warnings::Silent,
        (true, false) => Warnings::Written,
        (true, true) => Warnings::Detailed,
    };
    shareable_core::tracker::set_program(path.into(), warnings);
}

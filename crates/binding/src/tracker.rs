//! The resource tracker, for `binding.ts`.

use napi_derive::napi;

/// Says where the helper executable is.
#[napi(catch_unwind)]
pub fn set_helper(path: String) {
    shareable_core::tracker::set_program(path.into());
}

//! The resource tracker, for `binding.ts`.

use napi_derive::napi;
use shareable_core::tracker::Warnings;

/// Says where the helper executable is, and whether it writes a warning about segments that were left behind.
#[napi(catch_unwind)]
pub fn set_helper(path: String, warns: bool) {
    let warnings = if warns { Warnings::Written } else { Warnings::Silent };
    shareable_core::tracker::set_program(path.into(), warnings);
}

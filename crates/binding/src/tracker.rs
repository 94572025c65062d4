//! The resource tracker, for `binding.ts`.

use napi_derive::napi;
use shareable_core::tracker::Warnings;

/// Sets the path of the helper executable, and whether it writes a warning about leaked segments.
#[napi(catch_unwind)]
pub fn set_helper(path: String, warns: bool) {
    let warnings = if warns { Warnings::Written } else { Warnings::Silent };
    shareable_core::tracker::set_program(path.into(), warnings);
}

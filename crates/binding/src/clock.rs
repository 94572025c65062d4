//! The clock by which the package measures waits. The program can replace JavaScript's, as fake timers do.

use std::sync::LazyLock;
use std::time::Instant;

use napi_derive::napi;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the milliseconds since the first call. Never goes back.
#[napi(catch_unwind)]
#[must_use]
pub fn clock() -> f64 {
    START.elapsed().as_secs_f64() * 1000.0
}

//! What only one thread of all processes has: the gate of a maker, see `memory/once.ts`.

use std::cell::RefCell;
use std::collections::HashMap;

use napi::{Env, Result};
use napi_derive::napi;
use shareable_core::{CreateOptions, Kind, Name, Segment};

use crate::error::OrThrow as _;

/// The gate. Its drop opens it.
struct Gate(Segment);

impl Drop for Gate {
    fn drop(&mut self) {
        // After `leave_once` there is nothing left to do.
        let _ = self.0.dispose();
    }
}

thread_local! {
    /// The gates of this thread, by their names. They go with the thread: when a worker is terminated, the next maker must not
    /// wait for the end of the process.
    static GATES: RefCell<HashMap<String, Gate>> = RefCell::default();
}

/// Takes the gate of that name, unless another call, thread or process has it. Returns whether it did.
#[napi(catch_unwind)]
pub fn enter_once(env: &Env, name: String, origin: Option<String>) -> Result<bool> {
    let enter = || {
        let options = CreateOptions {
            name: Some(Name::new(&name)?),
            origin: origin.unwrap_or_default(),
            ..CreateOptions::default()
        };
        match Segment::create(1, &options) {
            Ok(segment) => {
                GATES.with_borrow_mut(|gates| gates.insert(name, Gate(segment)));
                Ok(true)
            }
            // On Windows, one that looks at the gate keeps its name for a moment after its maker has left.
            Err(e) if matches!(e.kind(), Kind::Exists | Kind::Busy) => Ok(false),
            Err(e) => Err(e),
        }
    };
    enter().or_throw(env)
}

/// Opens the gate of that name. Does nothing the second time.
#[napi(catch_unwind)]
pub fn leave_once(env: &Env, name: String) -> Result<()> {
    let gate = GATES.with_borrow_mut(|gates| gates.remove(&name));
    gate.map_or(Ok(()), |gate| gate.0.dispose()).or_throw(env)
}

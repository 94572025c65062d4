//! What only one thread of all processes has: the gate of a maker, see `memory/once.ts`.

use std::cell::RefCell;

use napi::bindgen_prelude::External;
use napi::{Env, Result};
use napi_derive::napi;
use shareable_core::{CreateOptions, Kind, Name, Segment};

use crate::error::OrThrow as _;

/// The gate. Its drop opens it: when the environment ends, as that of a worker that is terminated, the next maker must not
/// wait for the end of the process.
pub struct Gate(Segment);

impl Drop for Gate {
    fn drop(&mut self) {
        // After `leave_once` there is nothing left to do.
        let _ = self.0.dispose();
    }
}

/// Takes the gate of that name, unless another thread or process has it.
#[napi(catch_unwind)]
pub fn enter_once(env: &Env, name: String, origin: Option<String>) -> Result<Option<External<RefCell<Option<Gate>>>>> {
    let create = || {
        let options = CreateOptions {
            name: Some(Name::new(&name)?),
            origin: origin.unwrap_or_default(),
            ..CreateOptions::default()
        };
        match Segment::create(1, &options) {
            Ok(segment) => Ok(Some(External::new(RefCell::new(Some(Gate(segment)))))),
            Err(e) if e.kind() == Kind::Exists => Ok(None),
            Err(e) => Err(e),
        }
    };
    create().or_throw(env)
}

/// Opens the gate. Does nothing the second time.
#[napi(catch_unwind)]
pub fn leave_once(env: &Env, gate: &External<RefCell<Option<Gate>>>) -> Result<()> {
    let gate = gate.borrow_mut().take();
    gate.map_or(Ok(()), |gate| gate.0.dispose()).or_throw(env)
}

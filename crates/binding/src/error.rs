//! Errors cross as data; `errors.ts` turns them into classes.

use napi::bindgen_prelude::Object;
use napi::{Env, Error, Result, Status};
use shareable_core::Kind;

/// The name of an error's kind, which `errors.ts` knows a class for.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "NotFound",
        Kind::Exists => "Exists",
        Kind::Access => "Access",
        Kind::OutOfSharedMemory => "OutOfSharedMemory",
        Kind::Closed => "Closed",
        Kind::Layout => "Layout",
        Kind::Tracker => "Tracker",
        Kind::Truncated => "Truncated",
        Kind::Authentication => "Authentication",
        Kind::ManagerClosed => "ManagerClosed",
        Kind::Version => "Version",
        Kind::System => "System",
        Kind::Unsupported => "Unsupported",
        Kind::InvalidType => "InvalidType",
        Kind::InvalidValue => "InvalidValue",
        Kind::OutOfRange => "OutOfRange",
    }
}

/// The facts of an error, as `errors.ts` takes them.
pub(crate) fn facts<'env>(env: &Env, error: &shareable_core::Error) -> Result<Object<'env>> {
    let mut facts = Object::new(env)?;
    facts.set("kind", kind_name(error.kind()))?;
    facts.set("message", error.message())?;
    facts.set("errno", error.errno())?;
    facts.set("syscall", error.syscall())?;
    facts.set("segment", error.segment())?;
    Ok(facts)
}

/// Throws `error` as an object of facts, and returns what tells napi-rs that it has been thrown.
pub(crate) fn throw(env: &Env, error: &shareable_core::Error) -> Error {
    match facts(env, error).and_then(|facts| env.throw(facts)) {
        Ok(()) => Error::from_status(Status::PendingException),
        Err(e) => e,
    }
}

/// Lets `?` throw the errors of the core.
pub(crate) trait OrThrow<T> {
    /// The value, or the error thrown.
    fn or_throw(self, env: &Env) -> Result<T>;
}

impl<T> OrThrow<T> for shareable_core::Result<T> {
    fn or_throw(self, env: &Env) -> Result<T> {
        self.map_err(|e| throw(env, &e))
    }
}

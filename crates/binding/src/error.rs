//! Errors cross as data; `errors.ts` turns them into classes.

use napi::{Env, Error, Result, Status};
use napi_derive::napi;
use shareable_core::{Kind, Remedy, error_kinds, error_remedies};

macro_rules! export_kinds {
    ($($(#[$meta:meta])* $kind:ident,)*) => {
        /// What an error means. `errors.ts` handles each of them.
        // The documentation of each is at the core's enum: napi-rs would print it as source text.
        #[allow(missing_docs, reason = "documented in the core")]
        #[napi(string_enum)]
        pub enum NativeErrorKind {
            $($kind,)*
        }

        impl From<Kind> for NativeErrorKind {
            fn from(kind: Kind) -> Self {
                match kind { $(Kind::$kind => Self::$kind,)* }
            }
        }
    };
}

error_kinds!(export_kinds);

macro_rules! export_remedies {
    ($($(#[$meta:meta])* $remedy:ident,)*) => {
        /// What a caller can do about an error. `errors.ts` words each of them.
        // The documentation of each is at the core's enum: napi-rs would print it as source text.
        #[allow(missing_docs, reason = "documented in the core")]
        #[napi(string_enum)]
        pub enum NativeRemedy {
            $($remedy,)*
        }

        impl From<Remedy> for NativeRemedy {
            fn from(remedy: Remedy) -> Self {
                match remedy { $(Remedy::$remedy => Self::$remedy,)* }
            }
        }
    };
}

error_remedies!(export_remedies);

/// The facts of an error, as `errors.ts` receives them.
#[napi(object, object_from_js = false)]
pub struct NativeError {
    /// What it means.
    pub kind: NativeErrorKind,
    /// What happened to what, and why.
    pub message: String,
    /// The `errno` of the system call, if there was one.
    pub errno: Option<i32>,
    /// The system call that failed.
    pub syscall: Option<String>,
    /// The name of the segment concerned.
    pub segment: Option<String>,
    /// What the caller can do.
    pub remedy: Option<NativeRemedy>,
}

impl From<&shareable_core::Error> for NativeError {
    fn from(error: &shareable_core::Error) -> Self {
        Self {
            kind: error.kind().into(),
            message: error.message().to_owned(),
            errno: error.errno(),
            syscall: error.syscall().map(str::to_owned),
            segment: error.segment().map(str::to_owned),
            remedy: error.remedy().map(Into::into),
        }
    }
}

/// Throws the facts of `error`, and returns the value that tells napi-rs that an exception is pending.
pub(crate) fn throw(env: &Env, error: &shareable_core::Error) -> Error {
    match env.throw(NativeError::from(error)) {
        Ok(()) => Error::from_status(Status::PendingException),
        Err(e) => e,
    }
}

/// Lets `?` throw the errors of the core.
pub(crate) trait OrThrow<T> {
    /// Returns the value, or throws the error.
    fn or_throw(self, env: &Env) -> Result<T>;
}

impl<T> OrThrow<T> for shareable_core::Result<T> {
    fn or_throw(self, env: &Env) -> Result<T> {
        self.map_err(|e| throw(env, &e))
    }
}

//! Named shared memory for several processes: segments, and the list that CPython calls `ShareableList`.
//!
//! The crate does not know JavaScript. From the bottom up:
//!
//! - [`sys`](self) (private) contains every call to the operating system, with one backend per platform;
//! - [`Segment`] and [`Mapping`] are the life of a segment: create, attach, close, unlink;
//! - [`layout`] is pure: bytes in, values out. Only it knows the layout of a list;
//!
//! Untrusted writers can put any bytes into a segment. The crate reads them through [`SharedBytes`], which checks every
//! range and accesses memory only by atomic loads and stores, so no byte can cause undefined behaviour.

mod array;
mod bytes;
pub mod channel;
mod draft;
mod error;
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code, reason = "other systems only test it"))]
mod extent;
pub mod gate;
mod held;
mod identity;
mod keeper;
pub mod layout;
pub mod ledger;
pub mod limits;
mod list;
mod list_view;
pub mod lock;
pub mod manager;
mod mapping;
#[cfg_attr(not(backend = "linux"), allow(dead_code, reason = "only Linux lists segments, and so can look for marks"))]
mod mark;
#[cfg(all(test, feature = "model"))]
mod mutants;
mod mutex;
mod name;
mod ownership;
mod page;
pub mod process;
mod segment;
pub mod stale;
mod sys;
pub mod tracker;
pub mod trailer;

pub use array::{create_array, create_or_attach_array};
pub use bytes::SharedBytes;
pub use draft::Draft;
pub use error::{Error, Kind, Remedy, Result};
pub use held::{HeldSegment, held_segments};
pub use identity::Identity;
pub use list::List;
pub use list_view::ListView;
pub use mapping::{Mapping, losses, renew_fault_handler};
pub use name::Name;
pub use ownership::{Access, Foreign, Lifetime, Memory, Swept, Umask};
pub use page::round_up_to_page;
pub use segment::{AttachOptions, CreateOptions, Segment};
pub use sys::page_size;

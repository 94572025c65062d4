//! The Node-API addon of `shareable`: conversion between JavaScript and `shareable-core`, and nothing else.
//!
//! The functions are free functions over numbers and opaque handles, because a method call on a class costs several
//! times as much.
//! Only the TypeScript package calls them; it checks the arguments first.

#![allow(
    clippy::needless_pass_by_value,
    clippy::trivially_copy_pass_by_ref,
    reason = "napi-rs hands arguments over in this way"
)]

mod array;
mod buffer;
mod channel;
mod clock;
mod direct;
mod error;
mod gate;
mod list;
mod lock;
mod manager;
mod once;
mod segment;
mod table;
mod text;
mod tracker;
mod value;

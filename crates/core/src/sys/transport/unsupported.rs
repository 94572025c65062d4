//! A system whose managers cannot have a server yet: everything builds, and returns an error.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Connection, Listening, Serving};
use crate::sys::transport::Address;

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Stream(Infallible);

impl Connection for Stream {
    fn connect(_address: &Address, _deadline: Instant) -> io::Result<Self> {
        unsupported()
    }

    fn endpoint(&self) -> &str {
        match self.0 {}
    }

    fn try_send(&self, _bytes: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn try_receive(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn send(&self, _bytes: &[u8], _deadline: Instant) -> io::Result<()> {
        match self.0 {}
    }

    fn receive(&self, _buffer: &mut [u8], _deadline: Instant) -> io::Result<usize> {
        match self.0 {}
    }
}

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Listener(Infallible);

impl Listening for Listener {
    fn bind(_address: &Address) -> io::Result<Self> {
        unsupported()
    }

    fn bind_in_fresh_folder(_temporary: &Path) -> io::Result<Self> {
        unsupported()
    }

    fn address(&self) -> &str {
        match self.0 {}
    }

    fn accept(&self) -> io::Result<Option<Stream>> {
        match self.0 {}
    }
}

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Server(Infallible);

impl Serving for Server {
    fn spawn(_program: &Path, _role: &str) -> io::Result<Self> {
        unsupported()
    }

    fn stream(&self) -> &Stream {
        match self.0 {}
    }

    fn clean_up(_address: &str) {}
}

/// What to wait for: nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest<'a>(std::marker::PhantomData<&'a Stream>);

impl<'a> Interest<'a> {
    pub(crate) fn to_read<T>(_socket: &'a T) -> Self {
        Self(std::marker::PhantomData)
    }

    pub(crate) fn to_write<T>(_socket: &'a T) -> Self {
        Self(std::marker::PhantomData)
    }
}

pub(crate) fn wait(_interests: &[Interest<'_>], _patience: Option<Duration>) -> io::Result<Vec<bool>> {
    unsupported()
}

pub(crate) fn starter() -> io::Result<Stream> {
    unsupported()
}

pub(crate) fn prepare_server() {}

// On other systems, the drop ends something, and callers depend on when it happens.

impl Drop for Listener {
    fn drop(&mut self) {
        match self.0 {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.0 {}
    }
}

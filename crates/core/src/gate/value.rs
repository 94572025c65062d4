//! The value of a shared value.

use super::Gate;
use super::algorithm::{self, Calls, World as _};
use crate::layout::gate::{Copied, Values, at};
use crate::{Error, Result};

/// How often a reader copies the value anew when writers interfere, before it keeps them out.
const TRIES: u32 = 100;

impl Gate {
    /// Copies the latest value, whole. Returns its version and its length; a length above that of the target means that
    /// nothing was copied.
    ///
    /// # Errors
    /// As [`set`](Self::set); [`Kind::Layout`](crate::Kind::Layout) when its words are damaged.
    pub fn read(&self, target: &mut [u8]) -> Result<(f64, usize)> {
        let values =
            self.mapping().bytes().and_then(|bytes| Values::new(bytes, self.header())).map_err(|e| self.located(e))?;
        for _ in 0..TRIES {
            match values.copy(target).map_err(|e| self.located(e))? {
                Copied::Whole(version, length) => {
                    self.mapping().check().map_err(|e| self.located(e))?;
                    return Ok((version, length));
                }
                Copied::TooLong(length) => return Ok((0.0, length)),
                Copied::Torn => {}
            }
        }
        self.with(|_, _| match values.copy(target)? {
            Copied::Whole(version, length) => Ok(((version, length), Calls::default())),
            Copied::TooLong(length) => Ok(((0.0, length), Calls::default())),
            Copied::Torn => Err(Error::layout("an untrusted process changes this shared value without its lock")),
        })
    }

    /// Writes a value, and makes it the latest one at once. Returns its version; `None` when another participant holds
    /// the [write lock](super::Want::Write), because it computes the next value from the latest one.
    ///
    /// # Errors
    /// As [`set`](Self::set); [`Kind::SlotFull`](crate::Kind::SlotFull) when it is longer than the capacity.
    pub fn write(&self, value: &[u8]) -> Result<Option<f64>> {
        self.with(|shared, _| {
            let writer = shared.load(at::WRITER);
            if writer != 0 && writer != u32::from(self.seat()) {
                return Ok((None, Calls::default()));
            }
            let version = Values::new(shared.bytes, shared.header)?.write(value)?;
            Ok((Some(version), algorithm::advance(shared, usize::MAX)))
        })
    }
}

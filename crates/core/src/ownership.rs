//! What a process may do with a segment, whose segments it accepts, and how long a segment lives.

/// What an attachment may do to the segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Read and write.
    #[default]
    ReadWrite,
    /// Read; a write through the mapping stays in this process and never reaches the segment. See `docs/platforms.md` for where it works.
    ReadOnly,
}

/// What to do with a segment that another user owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// Refuse it, where the system tells whose it is (Linux and macOS): a squatter may have taken the name.
    #[default]
    Refuse,
    /// Trust it.
    Allow,
}

/// How long a segment is meant to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the instance that created it, which owns it.
    #[default]
    Owned,
    /// Until somebody unlinks it by hand.
    Detached,
}

/// A process that has to do with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Whether it is still that process, and alive.
    pub is_alive: bool,
}

/// What the process's umask does to the mode of a new segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Umask {
    /// It takes bits away, as from any file.
    #[default]
    Applies,
    /// Nothing: the segment has exactly the mode that was asked for.
    Ignored,
}

//! The participants, which of them live, and what a death means to the others.

use std::sync::atomic::Ordering::SeqCst;

use super::algorithm::{self, Word, World};
use super::shared::Shared;
use crate::layout::channel::{Role, SEATS, State, at};
use crate::sys::seat::{Death, Seating};
use crate::{Result, sys};

/// The participants that are attached and alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// Those that have sent and not ended.
    pub producers: u32,
    /// Those that have received.
    pub consumers: u32,
    /// Those that have neither sent nor received.
    pub undecided: u32,
}

/// Enters the caller into the roster. The caller has the seat, so if an earlier owner has left something there, it has
/// died.
pub(super) fn sit_down(shared: &Shared<'_>, seat: u16) -> Result<()> {
    let before = Role(shared.words.role(seat)?.swap(Role::ATTACHED, SeqCst));
    if before.is_producing() {
        algorithm::bury(shared);
    }
    Ok(())
}

/// Records what the caller does.
pub(super) fn join(shared: &Shared<'_>, seat: u16, role: u8) -> Result<()> {
    if role & Role::CONSUMER != 0 {
        shared.set(Word::State, State::HAD_CONSUMER);
    }
    shared.words.role(seat)?.fetch_or(role | Role::ATTACHED, SeqCst);
    Ok(())
}

/// Leaves the roster in good order.
pub(super) fn stand_up(shared: &Shared<'_>, seat: u16) -> Result<()> {
    if Role(shared.words.role(seat)?.swap(0, SeqCst)).is_producing() {
        algorithm::end(shared);
    } else {
        // Senders may wait for the last consumer.
        algorithm::notify_all(shared);
    }
    Ok(())
}

/// Checks which of the others have died, and counts the living participants, including the caller.
pub(super) fn look_after(shared: &Shared<'_>, own: u16) -> Result<Peers> {
    let mut peers = Peers::default();
    for seat in 1..SEATS {
        let cell = shared.words.role(seat)?;
        let role = Role(cell.load(SeqCst));
        if role.0 == 0 {
            continue;
        }
        // While the caller has its seat, no participant can take it, so the cleared entry belongs to the dead one.
        // Another process may have cleared it first: only entries that this call has cleared count.
        if seat != own
            && let Some(before) = shared.seat.in_other(seat, || cell.swap(0, SeqCst))
        {
            if Role(before).is_producing() {
                algorithm::bury(shared);
            } else if before != 0 {
                algorithm::notify_all(shared);
            }
            continue;
        }
        peers.producers += u32::from(role.is_producing());
        peers.consumers += u32::from(role.is_consumer());
        peers.undecided += u32::from(role.is_undecided());
    }
    Ok(peers)
}

/// Returns the ends of the other participants' processes, as far as a sleeper can wait for them.
pub(super) fn deaths(shared: &Shared<'_>, own: u16) -> Result<Vec<Death>> {
    let mut deaths = Vec::new();
    if sys::seat::NOTICES_DEATHS {
        for seat in (1..SEATS).filter(|&seat| seat != own) {
            if shared.words.role(seat)?.load(SeqCst) != 0 {
                deaths.extend(shared.seat.death_of(seat));
            }
        }
    }
    Ok(deaths)
}

/// Returns how many producers have died since the caller last learned of deaths or, for a newcomer, since any
/// participant did.
pub(super) fn mourn(shared: &Shared<'_>, told: &mut u32) -> Result<u32> {
    let died = shared.load(Word::Died);
    let news = died.wrapping_sub(*told);
    *told = died;
    shared.words.word(at::TOLD)?.store(died, SeqCst);
    Ok(news)
}

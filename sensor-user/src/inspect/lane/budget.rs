//! How much may be held, of which class and source, and how long.

mod share;

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use super::{Class, flow::Flow};
use share::Share;

/// What a handshake costs beside its bytes; more with QUIC, which has keys.
const OVERHEAD: usize = 512;
const QUIC_OVERHEAD: usize = 2048;

/// Limits of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Most bytes of one handshake.
    pub per_flow: usize,
    /// Most bytes of all. Each class has the same share of it, which no other takes from it.
    pub total: usize,
    /// Longest wait, nanoseconds, from a handshake's first packet on.
    pub wait: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            per_flow: 16 << 10,
            total: 32 << 20,
            wait: 2_000_000_000,
        }
    }
}

/// What one handshake takes, from [`Budget::open`] to [`Budget::close`].
pub(super) struct Place {
    pub(super) serial: u64,
    pub(super) class: Class,
    /// Of which part of the sources it is.
    source: u8,
    bytes: usize,
}

pub(super) struct Budget {
    limits: Budgets,
    serial: u64,
    shares: [Share; Class::ALL.len()],
    deadlines: BinaryHeap<Reverse<Due>>,
}

/// When a handshake has waited too long. By packets' own time, which is not the order in which they come
/// from several processors.
struct Due {
    deadline: u64,
    serial: u64,
    flow: Flow,
    class: Class,
    source: u8,
}

impl Due {
    const fn order(&self) -> (u64, u64) {
        (self.deadline, self.serial)
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl Budget {
    pub(super) fn new(limits: Budgets) -> Self {
        Self {
            limits,
            serial: 0,
            shares: Default::default(),
            deadlines: BinaryHeap::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.shares.iter().map(|share| share.held).sum()
    }

    pub(super) const fn wait(&self) -> u64 {
        self.limits.wait
    }

    /// What a handshake of a class takes that holds so many bytes.
    pub(super) const fn cost(class: Class, bytes: usize) -> usize {
        match class {
            Class::Quic => QUIC_OVERHEAD + bytes,
            _ => OVERHEAD + bytes,
        }
    }

    /// Whether a class has room for so much.
    pub(super) fn fits(&self, class: Class, more: usize) -> bool {
        self.shares[class as usize].held + more <= self.limits.total / Class::ALL.len()
    }

    /// What waits longest of the source that holds most of a class's share.
    pub(super) fn oldest(
        &mut self,
        class: Class,
        waits: impl Fn(&Flow, u64) -> bool,
    ) -> Option<(Flow, u64)> {
        self.shares[class as usize].oldest(waits)
    }

    /// Begins a handshake for which there is room.
    pub(super) fn open(&mut self, class: Class, source: u8, flow: &Flow, time: u64) -> Place {
        self.serial += 1;
        let serial = self.serial;
        self.shares[class as usize].open(source, (*flow, serial), Self::cost(class, 0));
        self.deadlines.push(Reverse(Due {
            deadline: time.saturating_add(self.limits.wait),
            serial,
            flow: *flow,
            class,
            source,
        }));
        Place {
            serial,
            class,
            source,
            bytes: 0,
        }
    }

    /// How many more bytes a handshake may hold, as far as its own limit goes.
    pub(super) const fn left(&self, place: &Place) -> usize {
        self.limits.per_flow.saturating_sub(place.bytes)
    }

    /// How many bytes any handshake may hold.
    pub(super) const fn per_flow(&self) -> usize {
        self.limits.per_flow
    }

    pub(super) fn charge(&mut self, place: &mut Place, bytes: usize) {
        place.bytes += bytes;
        self.shares[place.class as usize].charge(place.source, bytes);
    }

    /// Ends a handshake.
    pub(super) fn close(&mut self, place: &Place) {
        let cost = Self::cost(place.class, place.bytes);
        self.shares[place.class as usize].close(place.source, cost);
    }

    /// What waited too long, one by one.
    pub(super) fn next_over(&mut self, now: u64) -> Option<(Flow, u64)> {
        let Reverse(first) = self.deadlines.peek()?;
        if first.deadline > now {
            return None;
        }
        let Reverse(over) = self.deadlines.pop()?;
        self.shares[over.class as usize].forget(over.source, over.serial);
        Some((over.flow, over.serial))
    }

    /// Handshakes of which anything is known, those that are gone included.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        let shares = self.shares.iter().map(Share::known);
        shares.sum::<usize>() + self.deadlines.len()
    }

    /// Lets go of what is known of handshakes that are gone, once it is most of what is known.
    pub(super) fn compact(&mut self, waiting: usize, waits: impl Fn(&Flow, u64) -> bool) {
        let most = 4 * waiting + 4096;
        if self.deadlines.len() > most {
            self.deadlines
                .retain(|Reverse(due)| waits(&due.flow, due.serial));
            // What has no deadline any more would be known for ever.
            for share in &mut self.shares {
                share.retain(&waits);
            }
        }
    }
}

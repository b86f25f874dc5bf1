//! From what the kernel lends to hits: the agent's and the replay's way through the inspection lane.
//!
//! A slot is copied and zeroed before anything looks at it; the copy is overwritten as soon as it was
//! looked at, or moved into the lane, whose budgets bound how long.

mod limits;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use sensor_common::{Flow, FlowKey, LaneClass, Record};

pub use limits::Limits;

use crate::{
    dataplane::{Lent, Tap},
    hits::{Account, Accounts, Joiner, LentPackets, Surroundings, matched_in, number_of},
    inspect::{Budgets, Class, Counts, Finding, Lane, Packet, Part, Wants, names},
    markers::canonical_id,
    model::{Image, Observed, PatternId},
};

/// What the loop that consumes hits tells of the lane.
#[derive(Debug, Default)]
pub struct Noted(Mutex<Inspected>);

/// What became of what was lent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// By class and fate.
    pub counts: Counts,
    /// Bytes that are held now.
    pub held: usize,
}

impl Noted {
    /// Tells it.
    pub fn tell(&self, inspected: Inspected) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = inspected;
    }

    /// What was told last.
    #[must_use]
    pub fn get(&self) -> Inspected {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lane with what comes in and goes out.
pub struct Lending {
    lane: Lane,
    lent: Vec<Lent>,
    found: Vec<Finding>,
    /// Packets taken, and such that were announced and gone.
    taken: u64,
    gone: u64,
}

/// What became of one finding under one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The pattern.
    pub pattern: PatternId,
    /// The term it ended under.
    pub account: Account,
}

impl Lending {
    /// An empty lane.
    #[must_use]
    pub fn new(budgets: Budgets) -> Self {
        Self {
            lane: Lane::new(budgets),
            lent: Vec::new(),
            found: Vec::new(),
            taken: 0,
            gone: 0,
        }
    }

    /// Counts on from what a former agent stored of the same maps: what the kernel counts goes on, too.
    pub fn go_on(&mut self, stored: &BTreeMap<String, u64>) {
        self.lane.count_on(Counts::left(stored));
    }

    /// Looks from now on for what an image needs.
    pub fn look_for(&mut self, image: &Image) {
        self.lane.set_wants(Wants::of(image));
    }

    /// Takes up to `most` packets that were lent; how many were announced.
    pub fn read(&mut self, tap: &mut Tap, most: usize) -> usize {
        let read = tap.read_lent(&mut self.lent, most);
        self.taken += self.lent.len() as u64;
        self.gone += (read - self.lent.len()) as u64;
        for lent in self.lent.drain(..) {
            if let Some(packet) = packet(&lent) {
                self.lane.take(&packet, &mut self.found);
            }
        }
        read
    }

    /// Lets go of what waited too long by kernel time `now`.
    pub fn expire(&mut self, now: u64) {
        self.lane.expire(now);
    }

    /// Findings that wait for the next call of [`Lending::findings`].
    #[must_use]
    pub const fn found(&self) -> usize {
        self.found.len()
    }

    /// Keeps the first of them, and of the others those whose value is wanted.
    pub fn keep(&mut self, first: usize, wanted: impl Fn(&Observed) -> bool) {
        let mut at = 0;
        self.found.retain(|finding| {
            at += 1;
            at <= first || wanted(&finding.what)
        });
    }

    /// What was found since the last call.
    #[must_use]
    pub fn findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }

    /// Where the packets are that were announced to this agent; nothing of them is lost.
    #[must_use]
    pub fn packets(&self) -> LentPackets {
        // A datagram is a packet of each connection that it begins.
        let held = self.lane.waiting_packets().min(self.taken);
        LentPackets {
            taken: self.taken - held,
            held,
            gone: self.gone,
            lost: 0,
        }
    }

    /// What became of everything that was lent.
    #[must_use]
    pub fn inspected(&self) -> Inspected {
        Inspected {
            counts: *self.lane.counts(),
            held: self.lane.held(),
        }
    }
}

/// Accounts for a finding under every pattern that covers it, as far as `limits` let it.
pub fn judge(
    finding: &Finding,
    joiner: &mut Joiner,
    around: Surroundings<'_>,
    limits: &mut Limits,
    accounts: &mut Accounts,
) -> Vec<Judged> {
    let patterns = around.indexes.covering(&finding.what, canonical_id);
    let flow = Flow {
        first: finding.first,
        last: finding.last,
        packets: finding.packets,
        bytes: finding.bytes,
        generation: finding.generation,
        matched_in: number_of(finding.matched_in),
        reserved: [0; 3],
    };
    let mut judged = Vec::new();
    for pattern in patterns {
        let key = FlowKey {
            pattern: pattern.0,
            ..finding.flow
        };
        let account = match limits.is_broken(pattern) {
            true => Account::Breaker,
            false => joiner.finding(&key, &flow, &finding.what, around, || {
                limits.admit(pattern, finding.last)
            }),
        };
        accounts.add(account, 1);
        judged.push(Judged { pattern, account });
    }
    judged
}

/// What the packet of a record bore where its pattern matched; nothing for a pattern that looks at
/// addresses, or when the kernel has zeroed the bytes already.
pub fn bore(tap: &mut Tap, record: &Record) -> Option<Vec<Observed>> {
    let place = matched_in(record.matched_in).filter(|place| !place.is_address())?;
    let lent = tap.borrowed(record)?;
    let names = names(place, &lent.payload);
    Some(names.into_iter().map(Observed::Name).collect())
}

/// A packet as the lane takes it; `None` for what it does not read.
fn packet(lent: &Lent) -> Option<Packet<'_>> {
    let (class, part) = match lent.class? {
        LaneClass::TlsHello => (Class::Tls, Part::Head),
        LaneClass::TlsSegment => (Class::Tls, Part::Segment),
        LaneClass::HttpHead => (Class::Http, Part::Either),
        LaneClass::QuicInitial => (Class::Quic, Part::Head),
        LaneClass::Dns => (Class::Dns, Part::Either),
        LaneClass::Dot => return None,
    };
    // What goes on in another slot begins nothing.
    let part = if lent.bytes == 0 { Part::Segment } else { part };
    Some(Packet {
        flow: lent.flow,
        time: lent.time,
        bytes: lent.bytes,
        generation: lent.generation,
        class,
        part,
        sequence: lent.tcp_sequence,
        truncated: lent.truncated,
        judged: lent.judged,
        payload: &lent.payload,
    })
}

#[cfg(test)]
mod tests;

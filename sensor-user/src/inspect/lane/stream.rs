//! Handshakes, heads and messages over TCP.

use std::{borrow::Cow, collections::hash_map::Entry};

use sensor_common::FlowKey;
use zeroize::Zeroize as _;

use super::{
    Class, Fate, Finding, Lane, Packet, Part, Tally,
    budget::Over,
    decide::{self, Looked, Then},
};
use crate::inspect::reassembly::Pieces;

/// A stream that waits for more.
pub(super) struct Stream {
    pub(super) serial: u64,
    class: Class,
    /// Sequence number that stands at position zero.
    base: u32,
    /// Position of its beginning, once that came.
    head: Option<i64>,
    /// Bytes from there on without which looking again is no use.
    needed: usize,
    /// Its name was found.
    told: bool,
    /// A packet of it was not lent whole.
    truncated: bool,
    pieces: Pieces,
    tally: Tally,
}

impl Stream {
    fn position(&self, sequence: u32) -> i64 {
        // Half of the sequence space lies behind, half before (RFC 9293 §3.4).
        i64::from(sequence.wrapping_sub(self.base).cast_signed())
    }
}

impl Lane {
    pub(super) fn take_segment(&mut self, packet: &Packet<'_>, found: &mut Vec<Finding>) {
        let flow = packet.flow;
        if let Entry::Occupied(stream) = self.streams.entry(flow) {
            let stream = stream.get();
            let position = stream.position(packet.sequence);
            // Another beginning: the next request of a connection, or another connection.
            let another = packet.part == Part::Head && stream.head.is_some_and(|at| at != position);
            if another {
                self.end_stream(&flow, Fate::TimedOut);
            }
        }
        let known = self.streams.contains_key(&flow);
        if !known && packet.part == Part::Segment && self.recent.has(&flow) {
            self.counts.stray(packet.class);
            return;
        }
        let mut looked = None;
        if !known {
            self.counts.open(packet.class);
            if packet.part == Part::Head {
                let first = decide::stream(packet.class, packet.payload, self.wants, false);
                let tally = Tally::new(packet);
                self.tell(packet.class, &flow, &tally, first.encrypted, first.found, found);
                match self.settle(first.then, packet.truncated) {
                    Then::Done(fate) => return self.end(packet.class, fate, &flow, packet.time),
                    more @ Then::More(_) => looked = Some(more),
                }
            }
            let serial = match self.budget.open(&flow, packet.time) {
                Ok(serial) => serial,
                Err(_) => return self.end(packet.class, Fate::OverBudget, &flow, packet.time),
            };
            let stream = Stream {
                serial,
                class: packet.class,
                base: packet.sequence,
                head: None,
                needed: match looked {
                    Some(Then::More(needed)) => needed,
                    _ => 0,
                },
                told: false,
                truncated: false,
                pieces: Pieces::default(),
                tally: Tally::new(packet),
            };
            self.streams.insert(flow, stream);
        }
        if let Err(fate) = self.add(packet, known, looked.is_some(), found) {
            self.end_stream(&flow, fate);
        }
    }

    /// Adds a packet to its stream and looks at it again, unless that has been done.
    fn add(
        &mut self,
        packet: &Packet<'_>,
        counted: bool,
        looked: bool,
        found: &mut Vec<Finding>,
    ) -> Result<(), Fate> {
        let stream = self.streams.get_mut(&packet.flow).expect("it was there or inserted");
        if counted {
            stream.tally.count(packet);
        }
        stream.truncated |= packet.truncated;
        let position = stream.position(packet.sequence);
        if packet.part == Part::Head {
            stream.head = Some(position);
            stream.class = packet.class;
        }
        let held = stream.pieces.held();
        self.budget.check(held, packet.payload.len()).map_err(fate_of)?;
        let added = stream
            .pieces
            .insert(position, packet.payload)
            .map_err(|_| Fate::TooLong)?;
        self.budget.charge(added);
        let Some(head) = stream.head.filter(|_| !looked) else {
            if looked {
                // What was found in the first packet is not found again.
                let class = stream.class;
                let told = found.last().is_some_and(|last| last.flow == packet.flow);
                stream.told |= told && class == Class::Tls;
            }
            return Ok(());
        };
        let mut bytes = stream.pieces.from(head);
        if bytes.len() < stream.needed {
            overwrite(bytes);
            return Ok(());
        }
        let Looked {
            found: names,
            encrypted,
            then,
        } = decide::stream(stream.class, &bytes, self.wants, stream.told);
        if let Cow::Owned(copy) = &mut bytes {
            copy.zeroize();
        }
        drop(bytes);
        stream.told |= !names.is_empty();
        let (class, tally, truncated) = (stream.class, stream.tally, stream.truncated);
        if let Then::More(needed) = then {
            stream.needed = needed;
        }
        self.tell(class, &packet.flow, &tally, encrypted, names, found);
        match self.settle(then, truncated) {
            Then::Done(fate) => Err(fate),
            Then::More(_) => Ok(()),
        }
    }

    /// What is missing behind a packet that was not lent whole will not come.
    pub(super) fn settle(&self, then: Then, truncated: bool) -> Then {
        match then {
            Then::More(_) if truncated => Then::Done(Fate::Truncated),
            then => then,
        }
    }

    /// Ends a stream that is held.
    fn end_stream(&mut self, flow: &FlowKey, fate: Fate) {
        if let Some(stream) = self.streams.remove(flow) {
            self.budget.close(stream.pieces.held());
            self.end(stream.class, fate, flow, stream.tally.last);
        }
    }

    pub(super) fn expire_stream(&mut self, flow: &FlowKey, serial: u64) {
        let Some(stream) = self.streams.get(flow) else {
            return;
        };
        if stream.serial == serial {
            let fate = match stream.head {
                None => Fate::Orphaned,
                Some(_) => Fate::TimedOut,
            };
            let stream = self.streams.remove(flow).expect("it is there");
            self.budget.close(stream.pieces.held());
            self.counts.end(stream.class, fate);
        }
    }

    /// Counts an end, and remembers that what the flow still sends belongs to nothing.
    pub(super) fn end(&mut self, class: Class, fate: Fate, flow: &FlowKey, time: u64) {
        self.counts.end(class, fate);
        self.recent.remember(flow, time.saturating_add(self.budget.wait()));
    }
}

pub(super) const fn fate_of(over: Over) -> Fate {
    match over {
        Over::Flow => Fate::TooLong,
        Over::Total => Fate::OverBudget,
    }
}

pub(super) fn overwrite(bytes: Cow<'_, [u8]>) {
    if let Cow::Owned(mut copy) = bytes {
        copy.zeroize();
    }
}

//! Handshakes, heads and messages over TCP; DNS messages over UDP, which are whole at once.

use std::borrow::Cow;

use super::{
    Class, Fate, Finding, Lane, Packet, Part, Tally,
    budget::Over,
    decide::{self, Looked, Then},
    flow::Flow,
};
use crate::{
    inspect::{http, reassembly::Pieces},
    model::wipe,
};

/// IP protocol number of UDP.
const UDP: u8 = 17;

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
    /// Its name was found, by the kernel or here.
    told: bool,
    /// A packet of it was not lent whole.
    truncated: bool,
    pieces: Pieces,
    tally: Tally,
}

impl Stream {
    fn new(serial: u64, packet: &Packet<'_>) -> Self {
        Self {
            serial,
            class: packet.class,
            base: packet.sequence,
            head: None,
            needed: 0,
            told: packet.judged,
            truncated: false,
            pieces: Pieces::default(),
            tally: Tally::new(packet),
        }
    }

    pub(super) const fn packets(&self) -> u64 {
        self.tally.packets
    }

    fn position(&self, sequence: u32) -> i64 {
        // Half of the sequence space lies behind, half before (RFC 9293 §3.4).
        i64::from(sequence.wrapping_sub(self.base).cast_signed())
    }

    fn is_head(&self, packet: &Packet<'_>) -> bool {
        match packet.part {
            Part::Head => true,
            Part::Segment => false,
            Part::Either => self.head.is_none() && begins(packet),
        }
    }
}

/// Whether a packet of either part is a beginning.
fn begins(packet: &Packet<'_>) -> bool {
    match packet.class {
        Class::Http => !matches!(http::head(packet.payload), http::Head::Other),
        _ => true,
    }
}

impl Lane {
    pub(super) fn take_segment(
        &mut self,
        flow: &Flow,
        packet: &Packet<'_>,
        found: &mut Vec<Finding>,
    ) {
        if let Some(stream) = self.streams.get(flow) {
            let position = stream.position(packet.sequence);
            let another = packet.part == Part::Head && stream.head.is_some_and(|at| at != position);
            if !another {
                return self.add(flow, packet, true, found);
            }
            // Another connection between the same ports.
            self.end_stream(flow, Fate::TimedOut);
        }
        let head = packet.part == Part::Head || (packet.part == Part::Either && begins(packet));
        if !head && self.recent.has(flow) {
            return self.counts.stray(packet.class);
        }
        self.counts.open(packet.class);
        let mut first = None;
        if head {
            let looked = if packet.flow.proto == UDP {
                decide::datagram(packet.payload, self.wants)
            } else {
                decide::stream(packet.class, packet.payload, self.wants, packet.judged)
            };
            let told = looked.told || looked.behind == 0 && packet.judged;
            let tally = Tally::new(packet);
            self.tell(
                packet.class,
                flow,
                &tally,
                looked.encrypted,
                looked.found,
                found,
            );
            match settle(looked.then, packet.truncated) {
                Then::Done(fate) => return self.end(packet.class, fate, flow, packet.time),
                Then::More(needed) => first = Some((looked.behind, needed, told)),
            }
        }
        let Ok(serial) = self.budget.open(flow, packet.time) else {
            return self.end(packet.class, Fate::OverBudget, flow, packet.time);
        };
        let mut stream = Stream::new(serial, packet);
        if let Some((behind, needed, told)) = first {
            stream.head = Some(index(behind));
            stream.needed = needed;
            stream.told = told;
        }
        self.streams.insert(*flow, stream);
        self.add(flow, packet, false, found);
    }

    /// Adds a packet to its stream and looks at it, unless it is known that it is too short.
    fn add(&mut self, flow: &Flow, packet: &Packet<'_>, count: bool, found: &mut Vec<Finding>) {
        let stream = self
            .streams
            .get_mut(flow)
            .expect("it was there or inserted");
        if count {
            stream.tally.count(packet);
        }
        stream.truncated |= packet.truncated;
        stream.told |= packet.judged && count;
        let position = stream.position(packet.sequence);
        if stream.is_head(packet) {
            stream.head = Some(position);
            stream.class = packet.class;
        }
        let held = stream.pieces.held();
        let fits = self
            .budget
            .check(held, packet.payload.len())
            .map_err(fate_of);
        let added = fits.and_then(|()| {
            let inserted = stream.pieces.insert(position, packet.payload);
            inserted.map_err(|_| Fate::TooLong)
        });
        match added {
            Ok(added) => self.budget.charge(added),
            Err(fate) => return self.end_stream(flow, fate),
        }
        let Some(head) = stream.head else {
            return;
        };
        if stream.pieces.reach(head) < stream.needed {
            return;
        }
        let bytes = stream.pieces.from(head);
        let Looked {
            found: names,
            encrypted,
            behind,
            told,
            then,
        } = decide::stream(stream.class, &bytes, self.wants, stream.told);
        overwrite(bytes);
        stream.head = Some(head + index(behind));
        stream.told = told || behind == 0 && stream.told;
        let (class, tally) = (stream.class, stream.tally);
        let then = settle(then, stream.truncated);
        if let Then::More(needed) = then {
            stream.needed = needed;
        }
        self.tell(class, flow, &tally, encrypted, names, found);
        if let Then::Done(fate) = then {
            self.end_stream(flow, fate);
        }
    }

    /// Ends a stream that is held.
    fn end_stream(&mut self, flow: &Flow, fate: Fate) {
        if let Some(stream) = self.streams.remove(flow) {
            self.budget.close(stream.pieces.held());
            self.end(stream.class, fate, flow, stream.tally.last);
        }
    }

    pub(super) fn expire_stream(&mut self, flow: &Flow, serial: u64) {
        let waits = |stream: &&Stream| stream.serial == serial;
        let Some(stream) = self.streams.get(flow).filter(waits) else {
            return;
        };
        let fate = match stream.head {
            None => Fate::Orphaned,
            Some(_) => Fate::TimedOut,
        };
        self.budget.close(stream.pieces.held());
        self.counts.end(stream.class, fate);
        self.streams.remove(flow);
    }

    /// Counts an end, and remembers that what the flow still sends belongs to nothing.
    pub(super) fn end(&mut self, class: Class, fate: Fate, flow: &Flow, time: u64) {
        self.counts.end(class, fate);
        self.recent
            .remember(flow, time.saturating_add(self.budget.wait()));
    }
}

/// A distance as positions have it.
fn index(distance: usize) -> i64 {
    i64::try_from(distance).expect("no stream is that long")
}

/// What is missing behind a packet that was not lent whole will not come.
const fn settle(then: Then, truncated: bool) -> Then {
    match then {
        Then::More(_) if truncated => Then::Done(Fate::Truncated),
        then => then,
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
        wipe(&mut copy);
    }
}

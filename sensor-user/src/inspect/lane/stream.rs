//! Handshakes, heads and messages over TCP; DNS messages over UDP, which are whole at once.

use std::borrow::Cow;

use super::{
    Class, Fate, Finding, Lane, Packet, Part, Place, Tally,
    budget::Budget,
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
    pub(super) place: Place,
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
    fn new(place: Place, packet: &Packet<'_>) -> Self {
        Self {
            place,
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
            let class = stream.place.class;
            if !another {
                // It may take its own room: then its packet belongs to nothing any more.
                if !self.make_room(class, packet.payload.len()) {
                    return self.end_stream(flow, Fate::OverBudget);
                }
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
        if !self.make_room(
            packet.class,
            Budget::cost(packet.class, packet.payload.len()),
        ) {
            return self.end(packet.class, Fate::OverBudget, flow, packet.time);
        }
        let source = self.secret.source(&packet.flow);
        let place = self.budget.open(packet.class, source, flow, packet.time);
        let mut stream = Stream::new(place, packet);
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
        let Some(stream) = self.streams.get_mut(flow) else {
            return self.counts.stray(packet.class);
        };
        if count {
            stream.tally.count(packet);
        }
        stream.truncated |= packet.truncated;
        stream.told |= packet.judged && count;
        let position = stream.position(packet.sequence);
        if stream.is_head(packet) {
            stream.head = Some(position);
            self.counts.turn(stream.class, packet.class);
            stream.class = packet.class;
        }
        let fits = packet.payload.len() <= self.budget.left(&stream.place);
        let added = fits.then(|| stream.pieces.insert(position, packet.payload));
        match added {
            Some(Ok(added)) => self.budget.charge(&mut stream.place, added),
            _ => return self.end_stream(flow, Fate::TooLong),
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
            self.budget.close(&stream.place);
            self.end(stream.class, fate, flow, stream.tally.last);
        }
    }

    /// Ends a stream that waits under a serial number; without a fate its time is over.
    pub(super) fn end_waiting_stream(&mut self, flow: &Flow, serial: u64, fate: Option<Fate>) {
        let waits = |stream: &&Stream| stream.place.serial == serial;
        let Some(stream) = self.streams.get(flow).filter(waits) else {
            return;
        };
        if let Some(fate) = fate {
            return self.end_stream(flow, fate);
        }
        let fate = match stream.head {
            None => Fate::Orphaned,
            Some(_) => Fate::TimedOut,
        };
        self.budget.close(&stream.place);
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

pub(super) fn overwrite(bytes: Cow<'_, [u8]>) {
    if let Cow::Owned(mut copy) = bytes {
        wipe(&mut copy);
    }
}

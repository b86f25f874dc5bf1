//! The lane itself: packets in, findings out, every handshake to one fate.

mod budget;
mod connection;
mod counts;
mod decide;
mod flow;
mod recent;
mod stream;
#[cfg(test)]
mod tests;

use sensor_common::FlowKey;

pub use budget::Budgets;
pub use counts::{Class, Counts, Fate};
pub use decide::Wants;

use crate::model::{MatchedIn, Observed};
use budget::{Budget, Place};
use connection::Connection;
use flow::{Flow, Flows, Secret};
use recent::Recent;
use stream::Stream;

/// A packet that the kernel lent.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    /// Its flow; the pattern in it says nothing.
    pub flow: FlowKey,
    /// Kernel time, nanoseconds.
    pub time: u64,
    /// IP length, bytes; 0 when it goes on with the packet that was lent before.
    pub bytes: u32,
    /// Generation that judged it.
    pub generation: u32,
    /// What it seems to bear.
    pub class: Class,
    /// Whether it begins it.
    pub part: Part,
    /// TCP sequence number of the payload's first byte.
    pub sequence: u32,
    /// The payload goes on behind what was lent.
    pub truncated: bool,
    /// The kernel has compared its names with the patterns.
    pub judged: bool,
    /// Payload of TCP or UDP.
    pub payload: &'a [u8],
}

/// Which part of a handshake, head or message a packet bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its beginning.
    Head,
    /// What may belong to one.
    Segment,
    /// Its beginning, unless one was there before.
    Either,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The flow.
    pub flow: FlowKey,
    /// Kernel time of its first and last packet here, nanoseconds.
    pub first: u64,
    /// See `first`.
    pub last: u64,
    /// Packets that bore it.
    pub packets: u64,
    /// Their bytes (IP length).
    pub bytes: u64,
    /// Generation that judged the first of them.
    pub generation: u32,
    /// Where it was found.
    pub matched_in: MatchedIn,
    /// What was found.
    pub what: Observed,
}

/// The lane. It holds no packet longer than its budgets say.
pub struct Lane {
    wants: Wants,
    budget: Budget,
    secret: Secret,
    streams: Flows<Stream>,
    connections: Flows<Vec<Connection>>,
    recent: Recent,
    counts: Counts,
    /// Time that was told last.
    now: u64,
}

/// What is known of the packets of a handshake so far.
#[derive(Clone, Copy, Debug)]
struct Tally {
    first: u64,
    last: u64,
    packets: u64,
    bytes: u64,
    generation: u32,
}

impl Tally {
    fn new(packet: &Packet<'_>) -> Self {
        Self {
            first: packet.time,
            last: packet.time,
            packets: u64::from(packet.bytes > 0),
            bytes: u64::from(packet.bytes),
            generation: packet.generation,
        }
    }

    fn count(&mut self, packet: &Packet<'_>) {
        self.last = self.last.max(packet.time);
        self.packets += u64::from(packet.bytes > 0);
        self.bytes += u64::from(packet.bytes);
    }

    fn finding(&self, flow: &FlowKey, matched_in: MatchedIn, what: Observed) -> Finding {
        Finding {
            flow: *flow,
            first: self.first,
            last: self.last,
            packets: self.packets,
            bytes: self.bytes,
            generation: self.generation,
            matched_in,
            what,
        }
    }
}

impl Lane {
    /// An empty lane.
    #[must_use]
    pub fn new(budgets: Budgets) -> Self {
        Self {
            wants: Wants::default(),
            budget: Budget::new(budgets),
            secret: Secret::default(),
            streams: Flows::default(),
            connections: Flows::default(),
            recent: Recent::default(),
            counts: Counts::default(),
            now: 0,
        }
    }

    /// Counts on from what a former agent left.
    pub const fn count_on(&mut self, left: Counts) {
        self.counts = left;
    }

    /// Says what is looked for from now on.
    pub const fn set_wants(&mut self, wants: Wants) {
        self.wants = wants;
    }

    /// Takes a packet; what is found in it, or with it, is added to `found`. Each waits by its own time:
    /// packets of several processors come in their own orders.
    pub fn take(&mut self, packet: &Packet<'_>, found: &mut Vec<Finding>) {
        self.expire_by(packet.time);
        self.counts.packet(packet.class);
        let flow = self.secret.flow(&FlowKey {
            pattern: 0,
            ..packet.flow
        });
        if packet.class == Class::Quic {
            self.take_datagram(&flow, packet, found);
        } else {
            self.take_segment(&flow, packet, found);
        }
    }

    /// Lets go of what waited too long by kernel time `now`; of everything when the clock was set back,
    /// for nobody knows then how long it waited.
    pub fn expire(&mut self, now: u64) {
        let set_back = now.saturating_add(self.budget.wait()) < self.now;
        self.now = now;
        self.expire_by(if set_back { u64::MAX } else { now });
    }

    fn expire_by(&mut self, now: u64) {
        self.recent.expire(now);
        while let Some((flow, serial)) = self.budget.next_over(now) {
            self.end_waiting(&flow, serial, None);
        }
        let (streams, connections) = (&self.streams, &self.connections);
        let waiting = streams.len() + connections.len();
        let waits = |flow: &Flow, serial| waits(streams, connections, flow, serial);
        self.budget.compact(waiting, waits);
    }

    /// Makes room in the share of a class, by ending what waits longest of the sources that hold most of
    /// it: who floods takes from itself, and where it comes from everywhere, what waits longest is the
    /// least likely to go on. Whether there is room.
    fn make_room(&mut self, class: Class, more: usize) -> bool {
        while !self.budget.fits(class, more) {
            let (streams, connections) = (&self.streams, &self.connections);
            let waits = |flow: &Flow, serial| waits(streams, connections, flow, serial);
            let Some((flow, serial)) = self.budget.oldest(class, waits) else {
                return false;
            };
            self.end_waiting(&flow, serial, Some(Fate::Displaced));
        }
        true
    }

    /// Ends what waits under a serial number, if it does, as displaced or because its time is over.
    fn end_waiting(&mut self, flow: &Flow, serial: u64, fate: Option<Fate>) {
        self.end_waiting_stream(flow, serial, fate);
        self.end_waiting_connection(flow, serial, fate);
    }

    /// Hands over what was found in a handshake.
    fn tell(
        &mut self,
        class: Class,
        flow: &Flow,
        tally: &Tally,
        encrypted: bool,
        names: Vec<(MatchedIn, Observed)>,
        found: &mut Vec<Finding>,
    ) {
        if encrypted {
            self.counts.encrypted(class);
        }
        let findings = names.into_iter();
        found.extend(findings.map(|(matched_in, what)| tally.finding(&flow.key, matched_in, what)));
    }

    /// What became of everything so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Bytes that are held, with what each handshake costs beside its bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.budget.held()
    }

    /// Packets of handshakes that wait for more.
    #[must_use]
    pub fn waiting_packets(&self) -> u64 {
        let streams = self.streams.values().map(Stream::packets);
        let connections = self.connections.values().flatten();
        streams.chain(connections.map(Connection::packets)).sum()
    }

    /// Handshakes that wait for more.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.streams.len() + self.connections.values().map(Vec::len).sum::<usize>()
    }
}

/// Whether a handshake still waits.
fn waits(
    streams: &Flows<Stream>,
    connections: &Flows<Vec<Connection>>,
    flow: &Flow,
    serial: u64,
) -> bool {
    let of_stream = |stream: &Stream| stream.place.serial == serial;
    let of_connection = |connection: &Connection| connection.place.serial == serial;
    streams.get(flow).is_some_and(of_stream)
        || connections
            .get(flow)
            .is_some_and(|connections| connections.iter().any(of_connection))
}

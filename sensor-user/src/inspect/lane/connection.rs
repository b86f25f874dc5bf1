//! QUIC connections, until their ClientHello is whole.
//!
//! The keys are made from the first Destination Connection ID, which the client leaves as soon as the
//! server has answered; a Retry (RFC 9000 §17.2.5) makes new ones from the id that it brings. So a
//! packet is tried with the keys of its own id, then with those of the connections of its flow.

use sensor_common::FlowKey;

use super::{
    Class, Fate, Finding, Lane, Packet, Place, Tally,
    budget::Budget,
    decide::{self, Looked, Then},
    flow::Flow,
    stream::overwrite,
};
use crate::{
    crypto::quic::InitialKeys,
    inspect::{
        quic::{self, Initial, Version},
        reassembly::Pieces,
    },
};

/// Most connections of one flow that wait at once: then the oldest goes.
const MOST: usize = 4;
/// Where CRYPTO frames may end; RFC 9000 §7.5 has servers take 4096 bytes at least.
const FURTHEST: u64 = 1 << 16;

/// A connection whose hello is not whole yet.
pub(super) struct Connection {
    pub(super) place: Place,
    /// The id that its keys are made from.
    destination: Vec<u8>,
    keys: InitialKeys,
    begun: Begun,
    /// Time of the datagram that was counted last.
    counted: u64,
}

/// A hello, as far as it came.
struct Begun {
    version: Version,
    pieces: Pieces,
    needed: usize,
    told: bool,
    tally: Tally,
}

impl Connection {
    pub(super) const fn packets(&self) -> u64 {
        self.begun.tally.packets
    }
}

impl Begun {
    fn new(version: Version, packet: &Packet<'_>) -> Self {
        Self {
            version,
            pieces: Pieces::default(),
            needed: 0,
            told: false,
            tally: Tally::new(packet),
        }
    }

    /// Adds CRYPTO frames of up to `most` bytes; how many of them are new.
    fn add(&mut self, frames: &[u8], most: usize) -> Result<usize, Fate> {
        let mut added = 0;
        for (offset, data) in quic::crypto_frames(self.version, frames) {
            if offset > FURTHEST || added + data.len() > most {
                return Err(Fate::TooLong);
            }
            let inserted = self.pieces.insert(offset.cast_signed(), data);
            added += inserted.map_err(|_| Fate::TooLong)?;
        }
        Ok(added)
    }
}

impl Lane {
    pub(super) fn take_datagram(
        &mut self,
        flow: &Flow,
        packet: &Packet<'_>,
        found: &mut Vec<Finding>,
    ) {
        let mut any = false;
        for initial in quic::initials(packet.payload) {
            any = true;
            self.take_initial(flow, packet, &initial, found);
        }
        if !any {
            let fate = if packet.truncated {
                Fate::Truncated
            } else {
                Fate::Unreadable
            };
            self.counts.open(Class::Quic);
            self.counts.end(Class::Quic, fate);
        }
    }

    fn take_initial(
        &mut self,
        flow: &Flow,
        packet: &Packet<'_>,
        initial: &Initial<'_>,
        found: &mut Vec<Finding>,
    ) {
        // Before its connections are taken out of the table, where none of them could be displaced.
        let room = !self.connections.contains_key(flow)
            || self.make_room(Class::Quic, packet.payload.len());
        let mut waiting = self.connections.remove(flow).unwrap_or_default();
        let own = waiting.iter().position(|one| {
            one.destination == initial.destination && one.begun.version == initial.version
        });
        let mut first = None;
        let opened = if let Some(at) = own {
            let frames = initial.open(&waiting[at].keys);
            frames.map(|frames| (at, frames))
        } else {
            let keys = initial.version.keys(initial.destination);
            if let Some(frames) = initial.open(&keys) {
                first = Some((keys, frames));
                None
            } else {
                waiting.iter().enumerate().find_map(|(at, one)| {
                    // RFC 9368 §4.1: a server may go on with another version.
                    let frames = if one.begun.version == initial.version {
                        initial.open(&one.keys)
                    } else {
                        initial.open(&initial.version.keys(&one.destination))
                    };
                    Some((at, frames?))
                })
            }
        };
        match opened {
            Some((at, frames)) => {
                let connection = &mut waiting[at];
                if connection.counted != packet.time {
                    connection.begun.tally.count(packet);
                    connection.counted = packet.time;
                }
                let went_on = if room {
                    self.go_on(flow, connection, &frames, found)
                } else {
                    Err(Fate::OverBudget)
                };
                if let Err(fate) = went_on {
                    let ended = waiting.swap_remove(at);
                    self.budget.close(&ended.place);
                    self.end(Class::Quic, fate, flow, packet.time);
                }
            }
            None if first.is_some() => {}
            None if !waiting.is_empty() || self.is_known(flow) => self.counts.stray(Class::Quic),
            None => {
                self.counts.open(Class::Quic);
                self.counts.end(Class::Quic, Fate::Unreadable);
            }
        }
        if !waiting.is_empty() {
            self.connections.insert(*flow, waiting);
        }
        if let Some((keys, frames)) = first {
            self.begin(flow, packet, initial, keys, &frames, found);
        }
    }

    /// Looks at the first packet of a connection, which is held only if its hello goes on.
    fn begin(
        &mut self,
        flow: &Flow,
        packet: &Packet<'_>,
        initial: &Initial<'_>,
        keys: InitialKeys,
        frames: &[u8],
        found: &mut Vec<Finding>,
    ) {
        self.counts.open(Class::Quic);
        let mut begun = Begun::new(initial.version, packet);
        let added = begun.add(frames, self.budget.per_flow());
        let looked = added.and_then(|_| self.look(flow, &mut begun, found));
        if let Err(fate) = looked {
            return self.end(Class::Quic, fate, flow, packet.time);
        }
        let waiting = self.connections.get(flow).map_or(&[][..], Vec::as_slice);
        let oldest = waiting.iter().map(|one| one.place.serial).min();
        if let Some(serial) = oldest.filter(|_| waiting.len() >= MOST) {
            self.end_waiting_connection(flow, serial, Some(Fate::Displaced));
        }
        let held = begun.pieces.held();
        if !self.make_room(Class::Quic, Budget::cost(Class::Quic, held)) {
            return self.end(Class::Quic, Fate::OverBudget, flow, packet.time);
        }
        let source = self.secret.source(&packet.flow);
        let mut place = self.budget.open(Class::Quic, source, flow, packet.time);
        self.budget.charge(&mut place, held);
        let waiting = self.connections.entry(*flow).or_default();
        // What is charged for one has no room for those that may come.
        waiting.reserve_exact(1);
        waiting.push(Connection {
            place,
            destination: initial.destination.to_vec(),
            keys,
            begun,
            counted: packet.time,
        });
    }

    /// Adds what another packet brings, for which there is room, and looks at what is there.
    fn go_on(
        &mut self,
        flow: &Flow,
        connection: &mut Connection,
        frames: &[u8],
        found: &mut Vec<Finding>,
    ) -> Result<(), Fate> {
        let most = self.budget.left(&connection.place);
        let added = connection.begun.add(frames, most)?;
        self.budget.charge(&mut connection.place, added);
        self.look(flow, &mut connection.begun, found)
    }

    /// Looks at what there is of a hello; its fate when there is no more to it.
    fn look(
        &mut self,
        flow: &Flow,
        begun: &mut Begun,
        found: &mut Vec<Finding>,
    ) -> Result<(), Fate> {
        if begun.pieces.reach(0) < begun.needed.max(1) {
            return Ok(());
        }
        let bytes = begun.pieces.from(0);
        let Looked {
            found: names,
            encrypted,
            told,
            then,
            ..
        } = decide::connection(&bytes, self.wants, begun.told);
        overwrite(bytes);
        begun.told |= told;
        self.tell(Class::Quic, flow, &begun.tally, encrypted, names, found);
        match then {
            Then::Done(fate) => Err(fate),
            Then::More(needed) => {
                begun.needed = needed;
                Ok(())
            }
        }
    }

    /// Whether a flow was decided a moment ago, or answers one that is known: a server's Initial
    /// packets open with keys of the client's id, which they do not bear.
    fn is_known(&self, flow: &Flow) -> bool {
        let reversed = self.secret.flow(&FlowKey {
            src: flow.key.dst,
            dst: flow.key.src,
            src_port: flow.key.dst_port,
            dst_port: flow.key.src_port,
            ..flow.key
        });
        self.recent.has(flow)
            || self.recent.has(&reversed)
            || self.connections.contains_key(&reversed)
    }

    /// Ends a connection that waits under a serial number; without a fate its time is over.
    pub(super) fn end_waiting_connection(&mut self, flow: &Flow, serial: u64, fate: Option<Fate>) {
        let Some(waiting) = self.connections.get_mut(flow) else {
            return;
        };
        let Some(at) = waiting.iter().position(|one| one.place.serial == serial) else {
            return;
        };
        let ended = waiting.swap_remove(at);
        if waiting.is_empty() {
            self.connections.remove(flow);
        }
        self.budget.close(&ended.place);
        match fate {
            Some(fate) => self.end(Class::Quic, fate, flow, ended.counted),
            None => self.counts.end(Class::Quic, Fate::TimedOut),
        }
    }
}

const _: () = assert!(size_of::<Connection>() + 512 <= Budget::cost(Class::Quic, 0));

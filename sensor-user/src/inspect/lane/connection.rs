//! QUIC connections, until their ClientHello is whole.
//!
//! The keys are made from the first Destination Connection ID, which the client leaves as soon as the
//! server has answered; a Retry (RFC 9000 §17.2.5) makes new ones from the id that it brings. So a
//! packet is tried with the keys of its own id, then with those of the connections of its flow.

use sensor_common::FlowKey;

use super::{
    Class, Fate, Finding, Lane, Packet, Tally,
    decide::{self, Looked, Then},
    flow::Flow,
    stream::{fate_of, overwrite},
};
use crate::{
    crypto::quic::InitialKeys,
    inspect::{
        quic::{self, Initial, Version},
        reassembly::Pieces,
    },
};

/// Most connections of one flow that wait at once.
const MOST: usize = 4;
/// Where CRYPTO frames may end; RFC 9000 §7.5 has servers take 4096 bytes at least.
const FURTHEST: u64 = 1 << 16;

/// A connection whose hello is not whole yet.
pub(super) struct Connection {
    pub(super) serial: u64,
    version: Version,
    /// The id that its keys are made from.
    destination: Vec<u8>,
    keys: InitialKeys,
    pieces: Pieces,
    needed: usize,
    told: bool,
    tally: Tally,
    /// Time of the datagram that was counted last.
    counted: u64,
}

impl Connection {
    pub(super) const fn packets(&self) -> u64 {
        self.tally.packets
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
        let mut waiting = self.connections.remove(flow).unwrap_or_default();
        let own = waiting.iter().position(|one| {
            one.destination == initial.destination && one.version == initial.version
        });
        let opened;
        if let Some(at) = own {
            opened = initial
                .open(&waiting[at].keys)
                .map(|frames| (Some(at), frames));
        } else {
            let keys = initial.version.keys(initial.destination);
            if let Some(frames) = initial.open(&keys) {
                let begun = self.begin(flow, packet, initial, keys, &mut waiting);
                let at = begun.map(|connection| {
                    waiting.push(connection);
                    waiting.len() - 1
                });
                opened = Some((at, frames));
            } else {
                opened = waiting.iter().enumerate().find_map(|(at, one)| {
                    // RFC 9368 §4.1: a server may go on with another version.
                    let frames = if one.version == initial.version {
                        initial.open(&one.keys)
                    } else {
                        initial.open(&initial.version.keys(&one.destination))
                    };
                    Some((Some(at), frames?))
                });
            }
        }
        match opened {
            Some((Some(at), frames)) => {
                let connection = &mut waiting[at];
                if connection.counted != packet.time {
                    connection.tally.count(packet);
                    connection.counted = packet.time;
                }
                if let Err(fate) = self.crypto(flow, connection, &frames, found) {
                    let ended = waiting.swap_remove(at);
                    self.budget.close(ended.pieces.held());
                    self.end(Class::Quic, fate, flow, packet.time);
                }
            }
            Some((None, _)) => self.end(Class::Quic, Fate::OverBudget, flow, packet.time),
            None if !waiting.is_empty() || self.is_known(flow) => self.counts.stray(Class::Quic),
            None => {
                self.counts.open(Class::Quic);
                self.counts.end(Class::Quic, Fate::Unreadable);
            }
        }
        if !waiting.is_empty() {
            self.connections.insert(*flow, waiting);
        }
    }

    /// Begins a connection, the oldest that waits making room for it; `None` when there is none.
    fn begin(
        &mut self,
        flow: &Flow,
        packet: &Packet<'_>,
        initial: &Initial<'_>,
        keys: InitialKeys,
        waiting: &mut Vec<Connection>,
    ) -> Option<Connection> {
        self.counts.open(Class::Quic);
        if waiting.len() >= MOST {
            let oldest = (0..waiting.len()).min_by_key(|at| waiting[*at].serial)?;
            let ended = waiting.swap_remove(oldest);
            self.budget.close(ended.pieces.held());
            self.counts.end(Class::Quic, Fate::OverBudget);
        }
        let serial = self.budget.open(flow, packet.time).ok()?;
        Some(Connection {
            serial,
            version: initial.version,
            destination: initial.destination.to_vec(),
            keys,
            pieces: Pieces::default(),
            needed: 0,
            told: false,
            tally: Tally::new(packet),
            counted: packet.time,
        })
    }

    /// Adds CRYPTO frames and looks at what is there.
    fn crypto(
        &mut self,
        flow: &Flow,
        connection: &mut Connection,
        frames: &[u8],
        found: &mut Vec<Finding>,
    ) -> Result<(), Fate> {
        for (offset, data) in quic::crypto_frames(connection.version, frames) {
            let held = connection.pieces.held();
            self.budget.check(held, data.len()).map_err(fate_of)?;
            if offset > FURTHEST {
                return Err(Fate::TooLong);
            }
            let added = connection
                .pieces
                .insert(offset.cast_signed(), data)
                .map_err(|_| Fate::TooLong)?;
            self.budget.charge(added);
        }
        if connection.pieces.reach(0) < connection.needed.max(1) {
            return Ok(());
        }
        let bytes = connection.pieces.from(0);
        let Looked {
            found: names,
            encrypted,
            told,
            then,
            ..
        } = decide::connection(&bytes, self.wants, connection.told);
        overwrite(bytes);
        connection.told |= told;
        let tally = connection.tally;
        self.tell(Class::Quic, flow, &tally, encrypted, names, found);
        match then {
            Then::Done(fate) => Err(fate),
            Then::More(needed) => {
                connection.needed = needed;
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

    pub(super) fn expire_connection(&mut self, flow: &Flow, serial: u64) {
        let Some(waiting) = self.connections.get_mut(flow) else {
            return;
        };
        let Some(at) = waiting.iter().position(|one| one.serial == serial) else {
            return;
        };
        let ended = waiting.swap_remove(at);
        if waiting.is_empty() {
            self.connections.remove(flow);
        }
        self.budget.close(ended.pieces.held());
        self.counts.end(Class::Quic, Fate::TimedOut);
    }
}

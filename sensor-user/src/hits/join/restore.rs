//! Going on with what a former agent left open.

use jiff::Timestamp;
use sensor_common::FlowKey;

use super::{JoinKey, Joiner, Open, Surroundings, sides};
use crate::{
    hits::{
        event::{OpenEvent, address},
        index::Exact,
    },
    model::{EventRow, PatternId, event::proto_number},
};

impl Joiner {
    /// Goes on with an event that a former agent left open.
    pub fn restore(&mut self, row: &EventRow, around: Surroundings<'_>) {
        let event = &row.event;
        let (Some(src), Some(dst)) = (event.src_ip, event.dst_ip) else {
            return;
        };
        let ((family, src), (_, dst)) = (address(src), address(dst));
        let key = FlowKey {
            pattern: row.pattern.0,
            src,
            dst,
            vantage: event.vantage.0,
            tunnel: row.tunnel,
            src_port: event.src_port.unwrap_or_default(),
            dst_port: event.dst_port.unwrap_or_default(),
            proto: proto_number(&event.proto),
            family,
            reserved: [0; 2],
        };
        let open = Open {
            event: OpenEvent {
                seq: row.seq,
                id: event.id.clone(),
                rev: event.rev,
                key,
                kind: event.pattern_kind,
                matched_in: event.matched_in,
                side: event.subscriber_side,
                markers: event.markers.clone(),
                handling: row.handling.clone(),
                orders: event.orders.clone(),
                tlp: event.tlp,
                pap: event.pap,
                interface: event.interface.clone(),
                generation: event.generation,
                first_seen: event.first_seen,
                last_seen: event.last_seen,
                first: around.clock.to_kernel(event.first_seen),
                last: around.clock.to_kernel(event.last_seen),
                packets: event.packets,
                bytes: event.bytes,
                until: around
                    .indexes
                    .end_of(row.pattern, &event.markers, &event.orders),
                test: event.test,
            },
            changed: false,
            new: false,
        };
        let realm = around.subscribers.realm(event.vantage);
        let join = JoinKey::new(&key, realm);
        // Under other realms these were two flows; now they are one, and one event goes on.
        self.close(&join);
        self.open.insert(join, open);
    }

    /// Closes the events that name other grounds than a packet now would, or handle them otherwise:
    /// what became of markers and orders while no agent ran. `now` is the time by which validity is
    /// judged.
    pub fn close_changed(&mut self, around: Surroundings<'_>, now: Timestamp) {
        self.close_where(|_, event| {
            let id = PatternId(event.key.pattern);
            let sides = sides(&event.key, event.matched_in, Exact::Earlier);
            let found = around.indexes.find(id, sides, now);
            !found.is_ok_and(|found| {
                found.markers == event.markers
                    && found.orders == event.orders
                    && found.handling == event.handling
            })
        });
    }
}

//! Going on with the events of a former agent.

use sensor_common::FlowKey;

use super::{JoinKey, Joiner, Open, Surroundings};
use crate::{
    hits::event::{OpenEvent, address},
    model::{EventRow, event::proto_number},
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
}

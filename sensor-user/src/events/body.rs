//! What is sealed of an event: everything that does not stand in clear, in a compact form.
//!
//! The first byte is the version of the form; the rest is postcard's. Fields and variants are told
//! by their order only: it never changes within a version (a test holds the bytes).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    crypto::{self, Zeroizing},
    db::Sealed,
    model::{
        Event, EventRow, MarkerHandling, MatchedIn, Pap, PatternId, PatternKind, State,
        SubscriberSide, Tlp, Vantage,
    },
};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Body {
    schema: u32,
    state: State,
    sensor: String,
    vantage: u32,
    handling: Vec<MarkerHandling>,
    pattern_kind: PatternKind,
    matched_in: MatchedIn,
    /// Microseconds since the epoch: events tell no finer time.
    first_seen: i64,
    last_seen: i64,
    src_ip: Option<IpAddr>,
    src_port: Option<u16>,
    dst_ip: Option<IpAddr>,
    dst_port: Option<u16>,
    proto: String,
    packets: u64,
    bytes: u64,
    subscriber_side: SubscriberSide,
    interface: String,
    vlan: Vec<u16>,
    generation: u32,
    tlp: Tlp,
    pap: Pap,
    test: bool,
    pattern: u64,
    tunnel: u32,
}

/// The sealed part of an event, bound to its place, id and revision.
pub(super) fn seal(row: &EventRow, key: &[u8; 32], nonce: [u8; crypto::NONCE]) -> Vec<u8> {
    let event = &row.event;
    let body = Body {
        schema: event.schema,
        state: event.state,
        sensor: event.sensor.clone(),
        vantage: event.vantage.0,
        handling: row.handling.clone(),
        pattern_kind: event.pattern_kind,
        matched_in: event.matched_in,
        first_seen: event.first_seen.as_microsecond(),
        last_seen: event.last_seen.as_microsecond(),
        src_ip: event.src_ip,
        src_port: event.src_port,
        dst_ip: event.dst_ip,
        dst_port: event.dst_port,
        proto: event.proto.clone(),
        packets: event.packets,
        bytes: event.bytes,
        subscriber_side: event.subscriber_side,
        interface: event.interface.clone(),
        vlan: event.vlan.clone(),
        generation: event.generation,
        tlp: event.tlp,
        pap: event.pap,
        test: event.test,
        pattern: row.pattern.0,
        tunnel: row.tunnel,
    };
    let text = postcard::to_extend(&body, vec![VERSION]).expect("a vector takes any length");
    let text = Zeroizing::new(text);
    let place = place(&id_bytes(&event.id), event.rev, row.seq);
    crypto::seal(key, nonce, &place, &text)
}

/// The event of a row; none when it does not open, or is of no form that is known.
pub(super) fn open(row: Sealed, key: &[u8; 32]) -> Option<EventRow> {
    let text = crypto::open(key, &place(&row.id, row.rev, row.seq), &row.sealed).ok()?;
    let (VERSION, text) = text.split_first().map(|(version, text)| (*version, text))? else {
        return None;
    };
    let body: Body = postcard::from_bytes(text).ok()?;
    Some(EventRow {
        seq: row.seq,
        event: Event {
            schema: body.schema,
            id: crypto::hex(&row.id),
            rev: row.rev,
            state: body.state,
            sensor: body.sensor,
            vantage: Vantage(body.vantage),
            markers: row.markers,
            orders: row.orders,
            pattern_kind: body.pattern_kind,
            matched_in: body.matched_in,
            first_seen: Timestamp::from_microsecond(body.first_seen).ok()?,
            last_seen: Timestamp::from_microsecond(body.last_seen).ok()?,
            src_ip: body.src_ip,
            src_port: body.src_port,
            dst_ip: body.dst_ip,
            dst_port: body.dst_port,
            proto: body.proto,
            packets: body.packets,
            bytes: body.bytes,
            subscriber_side: body.subscriber_side,
            interface: body.interface,
            vlan: body.vlan,
            generation: body.generation,
            tlp: body.tlp,
            pap: body.pap,
            test: body.test,
        },
        handling: body.handling,
        pattern: PatternId(body.pattern),
        tunnel: body.tunnel,
    })
}

/// The bytes of an id; zeros behind what is short.
pub(super) fn id_bytes(id: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let given = crypto::unhex(id).unwrap_or_default();
    let length = given.len().min(bytes.len());
    bytes[..length].copy_from_slice(&given[..length]);
    bytes
}

/// What a sealed part is bound to.
fn place(id: &[u8; 16], rev: u32, seq: i64) -> [u8; 28] {
    let mut place = [0; 28];
    place[..16].copy_from_slice(id);
    place[16..20].copy_from_slice(&rev.to_be_bytes());
    place[20..].copy_from_slice(&seq.to_be_bytes());
    place
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::event::tests::event;

    pub(in crate::events) fn row(seq: i64) -> EventRow {
        EventRow {
            seq,
            event: event(),
            handling: vec![
                MarkerHandling {
                    tlp: Tlp::Red,
                    pap: Pap::Amber,
                    authority: true,
                },
                MarkerHandling {
                    tlp: Tlp::AmberStrict,
                    pap: Pap::Green,
                    authority: false,
                },
            ],
            pattern: PatternId(0x0123_4567_89ab_cdef),
            tunnel: 17,
        }
    }

    fn sealed(row: &EventRow, sealed: Vec<u8>) -> Sealed {
        Sealed {
            seq: row.seq,
            id: id_bytes(&row.event.id),
            rev: row.event.rev,
            open: false,
            markers: row.event.markers.clone(),
            orders: row.event.orders.clone(),
            day: 0,
            expires: 0,
            sealed,
        }
    }

    #[test]
    fn a_row_comes_back_whole_and_only_in_its_place() {
        let row = row(5);
        let text = sealed(&row, seal(&row, &[7; 32], [9; 24]));
        assert_eq!(open(text.clone(), &[7; 32]), Some(row));
        assert_eq!(open(text.clone(), &[8; 32]), None);
        for moved in [
            Sealed {
                seq: 6,
                ..text.clone()
            },
            Sealed {
                rev: 4,
                ..text.clone()
            },
            Sealed {
                id: [0; 16],
                ..text
            },
        ] {
            assert_eq!(open(moved, &[7; 32]), None);
        }
    }

    /// Bytes that a store on some disk holds: they must open in every version to come.
    #[test]
    fn the_form_of_version_1_does_not_change() {
        let row = row(5);
        let bytes = seal(&row, &[7; 32], [9; 24]);
        let digest = crypto::hex(&crypto::sha256(&[&bytes])[..8]);
        assert_eq!((bytes.len(), digest.as_str()), (146, "f094a8b281f5139d"));
    }
}

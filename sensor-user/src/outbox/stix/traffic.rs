//! The observables of an event: its flow, as far as the recipient may know of it. Never a payload.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Map, Value, json};

use super::{ids, marking};
use crate::model::{Event, State, Tlp};

/// The flow first, then its addresses; none when the recipient is told no address.
pub(super) fn observables(event: &Event, markings: &[Value]) -> Vec<Value> {
    let (Some(one), other) = (event.src_ip.or(event.dst_ip), event.dst_ip) else {
        return Vec::new();
    };
    // What makes its id (STIX 2.1 §6.12.1). While it is open its end is not known, and the id, and
    // so the whole object, is that of every revision of the open event.
    let mut by = BTreeMap::from([
        ("start", json!(event.first_seen.to_string())),
        ("protocols", protocols(event, one)),
    ]);
    if event.state == State::Closed {
        let end = event.last_seen.max(event.first_seen);
        by.insert("end", json!(end.to_string()));
    }
    let sides = [
        ("src_ref", event.src_ip, "src_port", event.src_port),
        ("dst_ref", other, "dst_port", event.dst_port),
    ];
    let mut addresses: Vec<Value> = Vec::new();
    for (name, ip, port_name, port) in sides {
        if let Some(ip) = ip {
            let object = address(ip);
            by.insert(name, object["id"].clone());
            if addresses.first() != Some(&object) {
                addresses.push(object);
            }
        }
        if let Some(port) = port {
            by.insert(port_name, json!(port));
        }
    }
    let mut flow = Map::from_iter([
        ("type".into(), json!("network-traffic")),
        ("spec_version".into(), json!("2.1")),
        ("id".into(), json!(ids::observable("network-traffic", &by))),
        ("is_active".into(), json!(event.state == State::Open)),
        ("object_marking_refs".into(), json!(markings)),
    ]);
    flow.extend(by.into_iter().map(|(name, value)| (name.into(), value)));
    [Value::Object(flow)].into_iter().chain(addresses).collect()
}

/// From the outermost in, by their names as services at IANA (STIX 2.1 §6.12.1), which has no other
/// for ICMPv6; one that has only a number is left out.
fn protocols(event: &Event, ip: IpAddr) -> Value {
    let network = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
    match event.proto.as_str() {
        "ipv6-icmp" => json!([network, "icmp"]),
        name if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            json!([network, name])
        }
        _ => json!([network]),
    }
}

/// An address is the same object in every event, and a marking is part of it: so it has always the
/// same, and as no event may be laxer, the most restrictive.
fn address(ip: IpAddr) -> Value {
    let kind = if ip.is_ipv4() {
        "ipv4-addr"
    } else {
        "ipv6-addr"
    };
    let value = json!(ip.to_string());
    let id = ids::observable(kind, &BTreeMap::from([("value", value.clone())]));
    json!({
        "type": kind,
        "spec_version": "2.1",
        "id": id,
        "value": value,
        "object_marking_refs": [marking::tlp(Tlp::Red)],
    })
}

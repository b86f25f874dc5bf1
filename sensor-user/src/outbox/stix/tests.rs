use super::*;
use crate::model::{Event, MarkerHandling, Pap, Recipient, State, Tlp};

fn event() -> Event {
    let event = json!({
        "schema": 1, "id": "00ff".repeat(8), "rev": 1, "state": "open", "sensor": "pop1",
        "vantage": 1, "markers": ["first", "second"], "orders": ["ORDER-1"],
        "pattern_kind": "ip", "matched_in": "dst_ip",
        "first_seen": "2026-01-31T12:00:00.123456Z", "last_seen": "2026-01-31T12:00:01.123456Z",
        "src_ip": "10.0.0.1", "src_port": 40_000, "dst_ip": "203.0.113.5", "dst_port": 443,
        "proto": "tcp", "packets": 7, "bytes": 60, "subscriber_side": "src",
        "interface": "access0", "vlan": [100], "generation": 1, "tlp": "RED", "pap": "AMBER",
    });
    serde_json::from_value(event).expect("an event")
}

fn told(event: Event, tlp: [Tlp; 2], to: (Recipient, Extent)) -> Vec<Value> {
    let handling = tlp.map(|tlp| MarkerHandling {
        tlp,
        pap: Pap::Amber,
        authority: false,
    });
    let expires = "2026-07-31".parse().expect("a day");
    objects(&View::new(event, &handling, &[7; 32], to, expires))
}

const OPERATOR: (Recipient, Extent) = (Recipient::Operator, Extent::Event);
const ALERT: (Recipient, Extent) = (Recipient::Authority, Extent::Alert);

fn of<'a>(kind: &str, objects: &'a [Value]) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["type"] == kind)
        .collect()
}

#[test]
fn an_event_is_sightings_of_one_observation() {
    let objects = told(event(), [Tlp::Green; 2], OPERATOR);
    let sightings = of("sighting", &objects);
    assert_eq!(sightings.len(), 2);
    let observed = of("observed-data", &objects)[0];
    for sighting in sightings {
        assert_eq!(sighting["observed_data_refs"], json!([observed["id"]]));
        assert_eq!(
            (&sighting["count"], &sighting["summary"]),
            (&json!(7), &json!(false))
        );
    }
    let flow = of("network-traffic", &objects)[0];
    assert_eq!(flow["protocols"], json!(["ipv4", "tcp"]));
    assert_eq!((&flow["is_active"], flow.get("end")), (&json!(true), None));
    assert_eq!(of("ipv4-addr", &objects).len(), 2);
    assert!(!json!(objects).to_string().contains("payload"));
}

#[test]
fn an_alert_is_sightings_alone() {
    let objects = told(event(), [Tlp::Green; 2], ALERT);
    let kinds: Vec<_> = objects
        .iter()
        .map(|object| object["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["identity", "marking-definition", "sighting", "sighting"]
    );
    let text = json!(objects).to_string();
    for part in ["10.0.0.1", "203.0.113.5", "40000", "443", "access0"] {
        assert!(!text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_resend_is_the_same_and_a_revision_only_newer() {
    let first = told(event(), [Tlp::Green; 2], OPERATOR);
    assert_eq!(first, told(event(), [Tlp::Green; 2], OPERATOR));
    let mut later = event();
    (later.rev, later.packets, later.state) = (3, 9, State::Closed);
    // A clock that was set back between them.
    later.last_seen = later.first_seen;
    let later = told(later, [Tlp::Green; 2], OPERATOR);
    for kind in ["sighting", "observed-data"] {
        for (old, new) in of(kind, &first).into_iter().zip(of(kind, &later)) {
            assert_eq!((&old["id"], &old["created"]), (&new["id"], &new["created"]));
            assert!(old["modified"].as_str() < new["modified"].as_str());
        }
    }
    assert_ne!(
        of("network-traffic", &first)[0]["id"],
        of("network-traffic", &later)[0]["id"]
    );
}

#[test]
fn what_is_withheld_leaves_no_trace_not_even_in_an_id() {
    let open = told(event(), [Tlp::Green; 2], OPERATOR);
    let red = told(event(), [Tlp::Green, Tlp::Red], OPERATOR);
    assert!(!json!(red).to_string().contains("203.0.113.5"));
    assert!(!json!(red).to_string().contains("second"));
    let flow = of("network-traffic", &red)[0];
    assert_eq!((flow.get("dst_ref"), flow.get("dst_port")), (None, None));
    let mut other = event();
    other.dst_ip = Some([198, 51, 100, 9].into());
    assert_eq!(red, told(other, [Tlp::Green, Tlp::Red], OPERATOR));
    assert_ne!(
        of("sighting", &open)[1]["sighting_of_ref"],
        of("sighting", &red)[1]["sighting_of_ref"]
    );
}

#[test]
fn a_flow_without_a_named_protocol_or_within_one_address_is_told() {
    let mut odd = event();
    (odd.proto, odd.src_port, odd.dst_port) = ("200".into(), None, None);
    odd.dst_ip = odd.src_ip;
    let objects = told(odd, [Tlp::Green; 2], OPERATOR);
    assert_eq!(
        of("network-traffic", &objects)[0]["protocols"],
        json!(["ipv4"])
    );
    assert_eq!(of("ipv4-addr", &objects).len(), 1);
}

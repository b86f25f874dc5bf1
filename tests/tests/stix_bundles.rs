//! Bundles that the Python libraries of STIX and MISP make are read as they are meant.

use std::collections::BTreeMap;

use sensor_tests::python;
use sensor_user::{
    markers::{self, Intake, Limits},
    model::{Pap, Tlp, request::Format},
};

fn read(library: &str) -> Intake {
    let bundles = python::run("stix_bundles.py", b"");
    let bundles: BTreeMap<String, String> = serde_json::from_str(&bundles).expect("two bundles");
    let mut bundle = bundles[library].as_bytes();
    let intake = markers::read(Format::Stix, &mut bundle, &Limits::default(), &|_| {});
    assert!(!intake.fatal, "{:?}", intake.refused);
    intake
}

/// Pattern, direction, TLP and PAP of each marker.
fn told(intake: &Intake) -> Vec<String> {
    let told = intake.markers.iter().map(|marker| {
        let (pattern, direction) = (&marker.pattern, marker.direction.name());
        let (tlp, pap) = (marker.tlp.name(), marker.pap.name());
        format!("{pattern} {direction} {tlp} {pap}")
    });
    told.collect()
}

/// How often each code stands.
fn codes(intake: &Intake) -> BTreeMap<&str, usize> {
    let mut codes = BTreeMap::new();
    for refusal in &intake.refused {
        assert!(refusal.item.is_some() && refusal.object.is_some());
        *codes.entry(refusal.code.as_str()).or_default() += 1;
    }
    codes
}

#[test]
fn a_bundle_of_stix2_loads() {
    let intake = read("stix2");
    let expected = [
        "ip 203.0.113.5 either GREEN AMBER",
        "ip 203.0.113.6 either RED AMBER",
        "endpoint 203.0.113.7 tcp 443 destination AMBER+STRICT RED",
        "cidr 2001:db8:5::/48 either AMBER+STRICT AMBER",
        "domain evil.example either AMBER+STRICT AMBER",
        "ip 203.0.113.9 either AMBER+STRICT AMBER",
    ];
    assert_eq!(told(&intake), expected);
    let expected = [
        ("host_side", 1),
        ("revoked", 1),
        ("unsupported_pattern_type", 1),
    ];
    assert_eq!(codes(&intake), BTreeMap::from(expected));
    assert!(intake.markers.iter().all(|marker| marker.from.is_some()));
    let ends = intake.markers.iter().filter_map(|marker| marker.until);
    assert_eq!(
        ends.map(|end| end.to_string()).collect::<Vec<_>>(),
        ["2027-01-01T00:00:00Z"]
    );
}

#[test]
fn a_bundle_of_misp_stix_loads() {
    let intake = read("misp_stix");
    // The event's own marking stands on the report; one attribute has another.
    let expected = [
        "ip 203.0.113.5 destination",
        "cidr 203.0.113.0/24 source",
        "endpoint 203.0.113.5 tcp 443 destination",
        "endpoint 203.0.113.5 udp 443 destination",
        "endpoint 2001:db8::1 tcp 53 source",
        "endpoint 2001:db8::1 udp 53 source",
        "domain evil.example either",
        "domain h.evil.example either",
        "url http://evil.example/a either",
        "ip 203.0.113.99 destination",
        "endpoint 203.0.113.77 tcp 443 destination",
        "endpoint 203.0.113.77 udp 443 destination",
        "endpoint 203.0.113.78 tcp 443 destination",
    ];
    let expected = expected.map(|marker| {
        let marks = if marker.contains(".99") {
            "GREEN AMBER"
        } else {
            "RED RED"
        };
        format!("{marker} {marks}")
    });
    assert_eq!(told(&intake), expected);
    let marks = intake.markers.iter().map(|marker| (marker.tlp, marker.pap));
    assert_eq!(marks.filter(|one| *one == (Tlp::Red, Pap::Red)).count(), 12);
    let expected = [
        ("encrypted_url", 1),
        ("host_side", 1),
        ("too_broad", 2),
        ("unsupported_conjunction", 4),
        ("unsupported_kind", 2),
    ];
    assert_eq!(codes(&intake), BTreeMap::from(expected));
}

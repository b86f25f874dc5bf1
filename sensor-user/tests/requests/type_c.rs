//! Type C (L. 851-1 CSI): answered from what is held, most often nil, and nothing changes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use jiff::SignedDuration;
use sensor_user::{
    db::{Catalog, Edit, Put},
    model::{
        Destroyed, Marker, Moment, Order, OrderNumber, Pap, RequestType, Standing, Tlp,
        retention::day_of,
    },
};
use serde_json::json;

use crate::scene::{Scene, code, id_of};

/// Files of markers, configuration and events, byte for byte; the requests and the journal change.
fn held(scene: &Scene) -> BTreeMap<PathBuf, Vec<u8>> {
    let own = |path: &PathBuf| {
        let name = path.to_string_lossy();
        // What connections of SQLite share while they are open (-shm) holds nothing.
        !["requests.db", "journal", "exports", "-shm"]
            .iter()
            .any(|other| name.contains(other))
    };
    scene
        .kept()
        .into_iter()
        .filter(|(path, _)| own(path))
        .collect()
}

/// A catalogue with markers of the operator's own and of an order, each with its end.
fn catalogue(scene: &Scene) {
    let mut catalog = Catalog::open(scene.dir.path()).expect("a catalogue");
    let end = |days: i64| Moment::from(scene.now + SignedDuration::from_hours(24 * days));
    let order = Order {
        number: OrderNumber(1),
        reference: "ORD-1".into(),
        issuer: "authority.example".into(),
        threat_reference: None,
        start: end(-1),
        end: end(30),
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        acknowledged: end(-1),
        receipt: 1,
        serial: Some(1),
        withdrawn: None,
        over: false,
    };
    let marker = |id: &str, pattern: &str, days| {
        let mut marker = Marker::new(id, pattern.parse().expect("a pattern"));
        marker.until = Some(end(days));
        marker
    };
    let markers = [
        (marker("m1", "ip 203.0.113.77", 30), OrderNumber(1)),
        (marker("own", "domain *.evil.example", 90), OrderNumber::OWN),
    ];
    let put = markers.each_ref().map(|(marker, source)| Put {
        marker,
        standing: &Standing::Accepted,
        source: *source,
        capped: false,
        modified: None,
        signed: None,
    });
    let edit = Edit {
        put: &put,
        order: Some(&order),
        ..Edit::default()
    };
    let kept = catalog.edit(edit, &|_| {}, || Ok::<_, sensor_user::db::Error>(((), 7)));
    kept.expect("kept");
    assert_eq!(catalog.orders().expect("reads").len(), 1);
}

#[test]
fn a_type_c_request_leaves_markers_configuration_and_expiry_byte_identical() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    // One is near its end, one has most of its time before it; markers and orders have theirs.
    scene.now += SignedDuration::from_hours(24 * 170);
    scene.event(2);
    // The catalogue and the configuration of a sensor stand in the same directory.
    catalogue(&scene);
    fs::write(scene.dir.path().join("sensor.toml"), "sensor = \"pop1\"\n").expect("written");
    let before = held(&scene);
    assert!(before.keys().any(|path| path.ends_with("catalog.db")));
    assert!(before.keys().any(|path| path.ends_with("events.db")));
    for (number, category) in [
        "identification",
        "census",
        "location",
        "communications",
        "kept",
    ]
    .into_iter()
    .enumerate()
    {
        let reference = format!("C-{number}");
        let mut document = scene.document(RequestType::C, &reference, std::slice::from_ref(&id));
        document["category"] = category.into();
        scene.submit(&document).expect("accepted");
        let row = scene.approve_both(&reference).expect("answered");
        assert_eq!(row.stage, "answered");
        let (manifest, records) = scene.opened(&row);
        assert_eq!(manifest["authorisation"], "AUT-9");
        assert_eq!(manifest["category"], category);
        assert_eq!(manifest["nil"], category != "kept");
        assert_eq!(records.len(), usize::from(category == "kept"));
    }
    let after = held(&scene);
    let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let other: Vec<&PathBuf> = before.keys().chain(after.keys()).filter(differs).collect();
    assert!(other.is_empty(), "{other:?}");
    // The first is gone in time all the same; what is asked for then is nil, and changes nothing either.
    scene.now += SignedDuration::from_hours(24 * 15);
    let today = day_of(scene.now);
    assert_eq!(scene.store.expire(today).expect("destroys").destroyed, 1);
    let before = held(&scene);
    let document = scene.document(RequestType::C, "C-late", &[id]);
    scene.submit(&document).expect("accepted");
    let row = scene.approve_both("C-late").expect("answered");
    assert_eq!(scene.opened(&row).0["nil"], true);
    assert_eq!(held(&scene), before);
}

#[test]
fn what_is_destroyed_or_was_never_held_is_answered_nil() {
    let mut scene = Scene::new();
    scene.event(1);
    let document = scene.document(RequestType::C, "C-1", &[id_of(1), id_of(2)]);
    scene.submit(&document).expect("accepted");
    scene
        .store
        .destroy(&[1], Destroyed::Expired)
        .expect("destroyed");
    let row = scene.approve_both("C-1").expect("answered");
    let (manifest, records) = scene.opened(&row);
    assert_eq!((&manifest["nil"], records.len()), (&json!(true), 0));
}

#[test]
fn it_asks_for_nothing_but_what_it_may() {
    let mut scene = Scene::new();
    for (key, value, expected) in [
        ("motivation", json!("because"), "motivation"),
        ("markers", json!(["m"]), "bad_document"),
        ("retention", json!("P1Y"), "bad_document"),
        ("category", json!("content"), "bad_document"),
        ("beneficiary", json!("public-authority"), "surplus"),
    ] {
        let mut document = scene.document(RequestType::C, "C-1", &[]);
        document[key] = value;
        assert_eq!(code(scene.submit(&document)), expected, "{key}");
    }
    let mut document = scene.document(RequestType::C, "C-1", &[]);
    document["authorisation"]["until"] = "2027-03-10T11:00:00Z".into();
    assert_eq!(code(scene.submit(&document)), "authorisation_not_valid");
}

#[test]
fn the_same_record_by_type_c_after_type_b_says_that_it_repeats() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    for (kind, reference) in [(RequestType::B, "REQ-1"), (RequestType::C, "C-1")] {
        let document = scene.document(kind, reference, std::slice::from_ref(&id));
        scene.submit(&document).expect("accepted");
        let row = scene.approve_both(reference).expect("disclosed");
        assert_eq!(scene.opened(&row).0["repeat"], reference == "C-1");
    }
    // Who the subscriber is, is something else.
    let document = scene.document(RequestType::A, "REQ-2", &[id]);
    scene.submit(&document).expect("accepted");
    let row = scene.approve_both("REQ-2").expect("disclosed");
    assert_eq!(scene.opened(&row).0["repeat"], false);
}

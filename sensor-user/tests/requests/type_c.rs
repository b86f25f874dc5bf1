//! Type C (L. 851-1 CSI): answered from what is held, most often nil, and nothing changes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use sensor_user::{
    db::Catalog,
    model::{Destroyed, RequestType},
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

#[test]
fn a_type_c_request_leaves_markers_configuration_and_expiry_byte_identical() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    // The catalogue and the configuration of a sensor stand in the same directory.
    let mut catalog = Catalog::open(scene.dir.path()).expect("a catalogue");
    catalog.set_generation(7).expect("kept");
    drop(catalog);
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

//! What is disclosed, to whom, and what is kept of it.

use std::os::unix::fs::PermissionsExt as _;

use sensor_user::model::{Destroyed, Event, RequestType};
use serde_json::{Value, json};

use crate::scene::{DESIGNATED, RESPONSIBLE, Scene, code, decrypted, id_of};

const CANARIES: [&str; 4] = [
    "CANARY-NAME",
    "CANARY-STREET",
    "canary@mail.example",
    "CANARY-AGENT",
];

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn an_export_holds_the_records_of_its_events_only_and_opens_with_one_key() {
    let mut scene = Scene::new();
    for seq in 1..=3 {
        scene.event(seq);
        scene.acknowledge(seq);
    }
    let document = scene.document(RequestType::B, "REQ/1", &[id_of(1), id_of(3)]);
    scene.submit(&document).expect("accepted");
    let row = scene.approve_both("REQ/1").expect("disclosed");
    assert_eq!((row.stage.as_str(), row.records), ("disclosed", Some(2)));
    let path = &scene.exports()[0];
    let mode = path.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let export = scene.export(&row);
    for other in [RequestType::A, RequestType::C] {
        assert_eq!(decrypted(scene.keys.identity(other), &export), None);
    }
    assert!(!holds(&export, &id_of(1)), "it is encrypted");
    let (manifest, records) = scene.opened(&row);
    let ids: Vec<&Value> = records.iter().map(|record| &record["id"]).collect();
    let mut expected = [id_of(1), id_of(3)];
    expected.sort();
    assert_eq!(ids, expected.iter().collect::<Vec<_>>());
    assert!(!records.iter().any(|record| record["id"] == id_of(2)));
    // The manifest equals the content, category by category.
    let mut counted = serde_json::Map::new();
    for record in &records {
        let event: Event = serde_json::from_value(record.clone()).expect("an event");
        assert_eq!(event.src_port, Some(40_000));
        for field in Event::FIELDS {
            if record.get(field.name).is_some_and(|value| !value.is_null()) {
                let item = counted.entry(field.item.number()).or_insert(json!(0));
                *item = json!(item.as_u64().expect("a count") + 1);
            }
        }
    }
    assert_eq!(manifest["categories"], Value::Object(counted));
    assert_eq!(manifest["records"], 2);
    assert_eq!(manifest["purpose"], "characterise-threat");
    assert_eq!(manifest["beneficiary"], "public-authority");
    assert_eq!(
        (&manifest["nil"], &manifest["repeat"]),
        (&json!(false), &json!(false))
    );
    let entry = scene.told().pop().expect("an entry");
    assert_eq!(
        (&entry["records"], &entry["repeat"]),
        (&json!(2), &Value::Null)
    );
    let digest = sensor_user::crypto::sha256(&[&export]);
    assert_eq!(entry["digest"], sensor_user::crypto::hex(&digest));
}

#[test]
fn what_expired_meanwhile_is_answered_nil() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let document = scene.document(RequestType::B, "REQ-1", std::slice::from_ref(&id));
    scene.submit(&document).expect("accepted");
    scene
        .store
        .destroy(&[1], Destroyed::Expired)
        .expect("destroyed");
    let row = scene.approve_both("REQ-1").expect("answered");
    assert_eq!(row.records, Some(0));
    let (manifest, records) = scene.opened(&row);
    assert_eq!((&manifest["nil"], records.len()), (&json!(true), 0));
    // And the mark of its alert went with it.
    let again = scene.document(RequestType::B, "REQ-2", &[id]);
    assert_eq!(code(scene.submit(&again)), "unknown_event");
}

#[test]
fn identity_goes_to_the_authority_and_nothing_of_it_is_kept() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    let document = scene.document(RequestType::A, "REQ-1", std::slice::from_ref(&id));
    scene.submit(&document).expect("accepted");
    let row = scene.approve_both("REQ-1").expect("disclosed");
    let (manifest, records) = scene.opened(&row);
    let expected = json!({"event": id, "side": "src", "identity": "CANARY-NAME",
        "postal_address": "CANARY-STREET", "email": "canary@mail.example"});
    assert_eq!(records, [expected]);
    assert_eq!(manifest["purpose"], "alert");
    let counts = json!({"identity": 1, "postal_address": 1, "email": 1});
    assert_eq!(manifest["categories"], counts);
    for (path, bytes) in scene.kept() {
        for canary in &CANARIES[..3] {
            assert!(!holds(&bytes, canary), "{canary} in {}", path.display());
        }
        if path.to_string_lossy().contains("journal") {
            assert!(!holds(&bytes, CANARIES[3]) && !holds(&bytes, "198.51.100.1"));
        }
    }
    let entry = scene.told().pop().expect("an entry");
    assert_eq!(
        entry["categories"],
        json!(["email", "identity", "postal_address"])
    );
    assert_eq!(entry["records"], 1);
}

#[test]
fn an_answer_that_is_not_the_three_fields_is_refused_and_may_be_tried_again() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    let document = scene.document(RequestType::A, "REQ-1", &[id]);
    scene.submit(&document).expect("accepted");
    let fourth = "printf '{\"identity\":\"CANARY-NAME\",\"postal_address\":null,\"email\":null,\"phone\":\"1\"}'";
    scene.subscriber_system(fourth);
    assert_eq!(code(scene.approve_both("REQ-1")), "bad_answer");
    let cases = [
        ("printf nonsense", "bad_answer"),
        ("exit 3", "adaptor_failed"),
        (
            "while :; do printf aaaaaaaaaaaaaaaa; done",
            "adaptor_failed",
        ),
    ];
    for (script, expected) in cases {
        scene.subscriber_system(script);
        assert_eq!(
            code(scene.approve(RESPONSIBLE, "REQ-1")),
            expected,
            "{script}"
        );
    }
    assert!(scene.exports().is_empty());
    let row = scene.desk.show("REQ-1").expect("there");
    assert_eq!((row.stage.as_str(), row.handovers), ("cleared", 0));
    let blank = "printf '{\"identity\":null,\"postal_address\":null,\"email\":null}'";
    scene.subscriber_system(blank);
    let row = scene.approve(DESIGNATED, "REQ-1").expect("answered");
    assert_eq!(row.records, Some(0), "nobody is known: nil");
    let steps = scene.steps("REQ-1");
    assert_eq!(
        steps.iter().filter(|step| *step == "not_disclosed").count(),
        4
    );
    assert_eq!(steps.iter().filter(|step| *step == "begun").count(), 5);
}

#[test]
fn a_subscriber_system_that_hangs_is_ended() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    let document = scene.document(RequestType::A, "REQ-1", &[id]);
    scene.submit(&document).expect("accepted");
    let scene = scene.restart_with(|config| {
        let adaptor = config.adaptor.as_mut().expect("there");
        adaptor.timeout = std::time::Duration::from_millis(300);
    });
    scene.subscriber_system("while :; do :; done");
    assert_eq!(code(scene.approve_both("REQ-1")), "adaptor_failed");
}

#[test]
fn what_may_have_been_disclosed_before_says_so() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    for reference in ["REQ-1", "REQ-2"] {
        let document = scene.document(RequestType::B, reference, std::slice::from_ref(&id));
        scene.submit(&document).expect("accepted");
        let row = scene.approve_both(reference).expect("disclosed");
        let (manifest, _) = scene.opened(&row);
        assert_eq!(manifest["repeat"], reference == "REQ-2");
    }
    let repeats: Vec<bool> = scene
        .told()
        .iter()
        .filter(|entry| entry["step"] == "disclosed" || entry["step"] == "begun")
        .map(|entry| entry["repeat"] == true)
        .collect();
    assert_eq!(repeats, [false, false, true, true]);
}

#[test]
fn each_answer_has_a_line_of_costs_and_a_new_tariff_changes_no_old_one() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let page = sensor_user::model::request::Page {
        limit: 10,
        after: None,
    };
    let document = scene.document(RequestType::A, "REQ-1", std::slice::from_ref(&id));
    scene.submit(&document).expect("accepted");
    scene.approve_both("REQ-1").expect("disclosed");
    let before = scene.desk.costs(&page).expect("reads").rows;
    assert_eq!(before.len(), 1);
    assert_eq!(
        (before[0].quantity, before[0].ground.as_str()),
        (1, "L2321-3-1")
    );
    assert_eq!(before[0].tariff_code, "IDENT");
    let mut scene = scene.restart_with(|config| {
        config.tariff.version = "2028-1".into();
        config.tariff.request_a = "OTHER".into();
    });
    assert_eq!(scene.desk.costs(&page).expect("reads").rows, before);
    for (reference, kind) in [("REQ-2", RequestType::A), ("REQ-3", RequestType::B)] {
        let document = scene.document(kind, reference, std::slice::from_ref(&id));
        scene.submit(&document).expect("accepted");
    }
    scene.approve_both("REQ-2").expect("disclosed");
    let after = scene.desk.costs(&page).expect("reads").rows;
    assert_eq!(
        (after.len(), &after[0]),
        (2, &before[0]),
        "REQ-3 is not answered"
    );
    assert_eq!(after[1].tariff_version, "2028-1");
    // What the journal tells adds up to the ledger.
    let told = scene.told();
    let disclosed = told.iter().filter(|entry| entry["step"] == "disclosed");
    let sum: u64 = disclosed
        .map(|entry| entry["events"].as_u64().expect("a count"))
        .sum();
    assert_eq!(sum, after.iter().map(|line| line.quantity).sum::<u64>());
    let receipts: Vec<u64> = after.iter().map(|line| line.receipt).collect();
    for receipt in receipts {
        assert!(
            told.iter()
                .any(|entry| entry["index"] == receipt && entry["step"] == "disclosed")
        );
    }
}

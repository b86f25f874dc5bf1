//! What is refused, with a code and an entry, and changes nothing.

use jiff::SignedDuration;
use sensor_user::model::{ContentKind as K, RequestType};
use serde_json::{Value, json};

use crate::scene::{Scene, code, commission};

/// The last entry is the refusal of this.
fn last_refusal(scene: &Scene, expected: &str) -> Value {
    let last = scene.told().pop().expect("an entry");
    assert_eq!(last["step"], "refused", "{last}");
    assert_eq!(last["code"], expected, "{last}");
    last
}

#[test]
fn a_key_pinned_for_one_type_signs_no_other() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let kinds = [
        K::RequestA,
        K::RequestB,
        K::RequestC,
        K::RequestNotice,
        K::Markers,
    ];
    for (kind, request) in [
        (K::RequestA, RequestType::A),
        (K::RequestB, RequestType::B),
        (K::RequestC, RequestType::C),
        (K::RequestNotice, RequestType::Notice),
    ] {
        for key in kinds.into_iter().filter(|key| *key != kind) {
            let document = scene.document(request, "REQ-1", std::slice::from_ref(&id));
            let envelope = scene.signed(key, kind, 1, &document);
            assert_eq!(
                code(scene.hand_in(&envelope)),
                "wrong_key",
                "{key:?} {kind:?}"
            );
            let entry = last_refusal(&scene, "wrong_key");
            assert_eq!(entry["serial"], 1, "the signature stands: {entry}");
        }
    }
    assert!(scene.desk.list(&page()).expect("reads").rows.is_empty());
}

fn page() -> sensor_user::model::request::Page {
    sensor_user::model::request::Page {
        limit: 100,
        after: None,
    }
}

#[test]
fn unsigned_replayed_incomplete_and_expired_requests_are_refused_and_journalled() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let ids = [id];
    let good = scene.document(RequestType::B, "REQ-1", &ids);

    assert_eq!(
        code(scene.hand_in(good.to_string().as_bytes())),
        "not_an_envelope"
    );
    let unsigned = last_refusal(&scene, "not_an_envelope");
    assert_eq!(unsigned.get("issuer"), None);
    let mut forged = scene.envelope(&good);
    let at = forged.len() - 3;
    forged[at] ^= 1;
    assert_eq!(code(scene.hand_in(&forged)), "content_mismatch");

    let envelope = scene.envelope(&good);
    assert_eq!(code(scene.hand_in(&envelope)), "ok: submitted");
    assert_eq!(code(scene.hand_in(&envelope)), "replayed");
    last_refusal(&scene, "replayed");
    let older = scene.signed(K::RequestB, K::RequestB, 1, &good);
    assert_eq!(code(scene.hand_in(&older)), "rolled_back");
    assert_eq!(
        code(scene.submit(&good)),
        "conflict",
        "a reference counts once"
    );

    let mut case = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut document = scene.document(RequestType::B, "REQ-2", &ids);
        change(&mut document);
        assert_eq!(code(scene.submit(&document)), expected);
        last_refusal(&scene, expected);
    };
    let gone = |key: &'static str| {
        move |document: &mut Value| drop(document.as_object_mut().expect("one").remove(key))
    };
    case(&gone("agent"), "bad_document");
    case(&gone("beneficiary"), "incomplete");
    case(&gone("events"), "incomplete");
    case(
        &|document| document["ground"] = "L851-1".into(),
        "wrong_ground",
    );
    case(
        &|document| document["purpose"] = "alert".into(),
        "wrong_purpose",
    );
    case(
        &|document| document["motivation"] = "because".into(),
        "motivation",
    );
    case(
        &|document| document["address"] = "198.51.100.1".into(),
        "bad_document",
    );
    case(
        &|document| document["valid_until"] = "2027-03-10T11:00:00Z".into(),
        "lapsed",
    );
    case(
        &|document| document["agent"]["until"] = "2027-03-09T00:00:00Z".into(),
        "commission_not_valid",
    );
    case(
        &|document| document["events"] = json!(["0".repeat(32)]),
        "unknown_event",
    );

    let late = scene.envelope(&scene.document(RequestType::B, "REQ-2", &ids));
    scene.now += SignedDuration::from_hours(25);
    assert_eq!(code(scene.hand_in(&late)), "expired");
    last_refusal(&scene, "expired");
    assert_eq!(scene.desk.list(&page()).expect("reads").rows.len(), 1);
}

#[test]
fn a_serial_is_not_taken_again_after_a_restart() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let document = scene.document(RequestType::B, "REQ-1", &[id]);
    let envelope = scene.envelope(&document);
    assert_eq!(code(scene.hand_in(&envelope)), "ok: submitted");
    let scene = scene.restart();
    assert_eq!(code(scene.hand_in(&envelope)), "replayed");
}

#[test]
fn a_commission_that_is_not_in_force_is_refused() {
    let mut scene =
        Scene::new().restart_with(|config| config.commissions = vec![commission("COM-2")]);
    let id = scene.event(1);
    scene.acknowledge(1);
    let document = scene.document(RequestType::B, "REQ-1", std::slice::from_ref(&id));
    assert_eq!(code(scene.submit(&document)), "unknown_commission");
    last_refusal(&scene, "unknown_commission");
    let mut scene = scene.restart_with(|config| config.commissions = vec![commission("COM-1")]);
    assert_eq!(code(scene.submit(&document)), "ok: submitted");
    // Revoked between the two.
    scene
        .approve(crate::scene::RESPONSIBLE, "REQ-1")
        .expect("approved");
    let scene = scene.restart_with(|config| config.commissions = vec![commission("COM-2")]);
    let second = scene.approve(crate::scene::DESIGNATED, "REQ-1");
    assert_eq!(code(second), "unknown_commission");
    assert!(scene.exports().is_empty());
    let last = scene.told().pop().expect("an entry");
    assert_eq!(
        (&last["step"], &last["code"]),
        (&json!("not_disclosed"), &json!("unknown_commission"))
    );
    // Without a list none is known; one of another type, or that has ended, counts no more.
    let mut serial = 10;
    let mut judged = |scene: Scene, change: &dyn Fn(&mut sensor_user::config::Commission)| {
        let mut listed = commission("COM-1");
        change(&mut listed);
        let list = if listed.reference.is_empty() {
            Vec::new()
        } else {
            vec![listed]
        };
        let scene = scene.restart_with(|config| config.commissions = list);
        serial += 1;
        let document = scene.document(RequestType::B, "REQ-2", std::slice::from_ref(&id));
        let envelope = scene.signed(K::RequestB, K::RequestB, serial, &document);
        (code(scene.hand_in(&envelope)), scene)
    };
    let (none, scene) = judged(scene, &|one| one.reference.clear());
    assert_eq!(none, "unknown_commission");
    let (other, scene) = judged(scene, &|one| one.types = vec![RequestType::A]);
    assert_eq!(other, "unknown_commission");
    let ended = scene.now;
    let (ended, scene) = judged(scene, &|one| one.until = ended);
    assert_eq!(ended, "commission_not_valid");
    last_refusal(&scene, "commission_not_valid");
    assert_eq!(judged(scene, &|_| {}).0, "ok: submitted");
}

#[test]
fn type_b_needs_an_event_of_which_the_authority_was_informed() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    let document = scene.document(RequestType::B, "REQ-1", &[id]);
    assert_eq!(code(scene.submit(&document)), "not_acknowledged");
    last_refusal(&scene, "not_acknowledged");
    scene.acknowledge(1);
    assert_eq!(code(scene.submit(&document)), "ok: submitted");
}

#[test]
fn a_sensor_that_is_not_set_up_for_it_refuses() {
    let mut scene = Scene::new().restart_with(|config| {
        config.adaptor = None;
        config.recipients.request_b = None;
    });
    let id = scene.event(1);
    scene.acknowledge(1);
    for kind in [RequestType::A, RequestType::B] {
        let document = scene.document(kind, "REQ-1", std::slice::from_ref(&id));
        assert_eq!(code(scene.submit(&document)), "not_configured");
    }
    let mut scene = scene.restart_with(|config| config.export_dir = None);
    let document = scene.document(RequestType::Notice, "REQ-1", &[id]);
    assert_eq!(code(scene.submit(&document)), "not_configured");
}

#[cfg(not(feature = "l851-1"))]
#[test]
fn a_binary_without_type_c_refuses_it_with_a_code() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    let document = scene.document(RequestType::C, "REQ-1", &[id]);
    assert_eq!(code(scene.submit(&document)), "not_built");
    last_refusal(&scene, "not_built");
}

//! Notices to subscribers, to the proof of sending.

use sensor_user::model::{RequestType, Role};
use serde_json::{Value, json};

use crate::scene::{Scene, actor, code, id_of};

#[test]
fn a_notice_is_followed_to_the_proof_of_sending() {
    let mut scene = Scene::new();
    for seq in 1..=2 {
        scene.event(seq);
    }
    let document = scene.document(RequestType::Notice, "REQ-1", &[id_of(1), id_of(2)]);
    let row = scene.submit(&document).expect("accepted");
    assert_eq!(row.stage, "requested");
    assert!(row.tasks.iter().all(|task| task.state == "requested"));
    let settle = |scene: &Scene, body: &Value| {
        let operator = actor(40_020, Role::Operator);
        let body = body.to_string();
        scene
            .desk
            .settle(&operator, "REQ-1", body.as_bytes(), scene.now)
    };
    let sent =
        json!({"outcome": "sent", "event": id_of(1), "date": "2027-03-11", "proof": "LRAR-7"});
    assert_eq!(
        code(settle(&scene, &sent)),
        "conflict",
        "not handed over yet"
    );
    let row = scene.approve_both("REQ-1").expect("handed over");
    assert_eq!((row.stage.as_str(), row.records), ("handed_over", Some(2)));
    // Event ids, texts and the reference; neither address nor marker.
    let list = String::from_utf8(scene.export(&row)).expect("text");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list["reference"], "REQ-1");
    assert_eq!(list["tasks"].as_array().expect("tasks").len(), 2);
    for value in ["198.51.100", "203.0.113.77", "\"m1\"", "40000"] {
        assert!(!list.to_string().contains(value), "{value}");
    }
    let proofless = json!({"outcome": "sent", "event": id_of(1), "date": "2027-03-11"});
    assert_eq!(code(settle(&scene, &proofless)), "invalid");
    let other = json!({"outcome": "sent", "event": id_of(9), "date": "2027-03-11", "proof": "x"});
    assert_eq!(code(settle(&scene, &other)), "not_found");
    for (key, bad) in [
        ("date", "2027-03-12"),
        ("date", "2027-03-08"),
        ("proof", "A. Person, 1 Street"),
        ("proof", "person@mail.example"),
        ("proof", ""),
    ] {
        let mut wrong = sent.clone();
        wrong[key] = bad.into();
        assert_eq!(code(settle(&scene, &wrong)), "invalid", "{key} {bad}");
    }
    for nobody in [0, rustix::process::geteuid().as_raw()] {
        let nobody = actor(nobody, Role::Operator);
        let body = sent.to_string();
        let settled = scene
            .desk
            .settle(&nobody, "REQ-1", body.as_bytes(), scene.now);
        assert_eq!(code(settled), "no_person");
    }
    assert_eq!(code(settle(&scene, &sent)), "ok: handed_over");
    assert_eq!(code(settle(&scene, &sent)), "conflict", "once");
    let scene = scene.restart();
    let left = json!({"outcome": "impossible", "event": id_of(2), "reason": "left"});
    let row = settle(&scene, &left).expect("noted");
    assert_eq!(row.stage, "closed");
    let task = |id: &str| {
        row.tasks
            .iter()
            .find(|task| task.event == id)
            .expect("there")
    };
    assert_eq!(task(&id_of(1)).proof.as_deref(), Some("LRAR-7"));
    assert_eq!(task(&id_of(2)).state, "impossible");
    let mut steps = scene.steps("REQ-1");
    let all = steps.len();
    steps.retain(|step| step != "decision_refused");
    assert_eq!(all - steps.len(), 2, "who may not settle it is told");
    let expected = ["begun", "disclosed", "notice_sent", "notice_impossible"];
    assert_eq!(steps[steps.len() - 4..], expected);
}

#[test]
fn without_a_request_of_the_authority_there_is_no_notice() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    let mut document = scene.document(RequestType::Notice, "REQ-1", &[id]);
    document["reference"] = "".into();
    assert_eq!(code(scene.submit(&document)), "bad_value");
    let operator = actor(40_020, Role::Operator);
    let body = br#"{"outcome":"impossible","event":"00","reason":"left"}"#;
    let settled = scene.desk.settle(&operator, "REQ-1", body, scene.now);
    assert_eq!(code(settled), "not_found");
}

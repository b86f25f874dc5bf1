//! Two persons on the operator's side.

use jiff::SignedDuration;
use sensor_user::{
    control::Error,
    legal::report::Report,
    model::{RequestKind, RequestType, Role},
};
use serde_json::Value;

use crate::scene::{DESIGNATED, NOBODY, RESPONSIBLE, Scene, actor, code};

fn submitted() -> Scene {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let document = scene.document(RequestType::B, "REQ-1", &[id]);
    assert_eq!(code(scene.submit(&document)), "ok: submitted");
    scene
}

#[test]
fn nothing_is_disclosed_before_two_designated_persons_approve() {
    let scene = submitted();
    assert_eq!(
        code(scene.approve(0, "REQ-1")),
        "no_person",
        "root is nobody"
    );
    let own = rustix_uid();
    if own != 0 {
        assert_eq!(code(scene.approve(own, "REQ-1")), "no_person");
    }
    assert_eq!(code(scene.approve(NOBODY, "REQ-1")), "not_designated");
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "second_person");
    assert!(scene.exports().is_empty());
    let scene = scene.restart();
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "second_person");
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: disclosed");
    assert_eq!(scene.exports().len(), 1);
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "conflict", "once");
    let (refused, told): (Vec<Value>, Vec<Value>) = scene
        .told()
        .into_iter()
        .partition(|entry| entry["step"] == "decision_refused");
    let steps: Vec<&Value> = told.iter().map(|entry| &entry["step"]).collect();
    assert_eq!(
        steps,
        ["submitted", "approved", "approved", "begun", "disclosed"]
    );
    let uids: Vec<_> = told.iter().map(|entry| entry["uid"].clone()).collect();
    assert_eq!(uids[1..3], [RESPONSIBLE, DESIGNATED]);
    assert_eq!(told[1]["capacity"], "responsible");
    assert_eq!(told[2]["capacity"], "designated");
    // Who was refused stands there, too, with nothing of the events.
    let who = |entry: &Value| {
        assert_eq!(entry["reference"], "REQ-1");
        assert!(entry.get("events").is_none() && entry.get("capacity").is_none());
        let uid = entry["uid"].as_u64().expect("a number");
        (
            uid as u32,
            entry["code"].as_str().expect("a code").to_owned(),
        )
    };
    let mut refused: Vec<(u32, String)> = refused.iter().map(who).collect();
    refused.retain(|(uid, _)| own == 0 || *uid != own);
    assert_eq!(
        refused,
        [
            (0, "no_person".to_owned()),
            (NOBODY, "not_designated".to_owned()),
            (RESPONSIBLE, "second_person".to_owned()),
            (RESPONSIBLE, "second_person".to_owned()),
        ]
    );
}

#[test]
fn refused_decisions_are_traced_and_cannot_flood_the_journal() {
    let mut scene = submitted();
    let before = scene.journal.head().size;
    for _ in 0..500 {
        assert_eq!(code(scene.approve(NOBODY, "REQ-1")), "not_designated");
    }
    assert_eq!(scene.journal.head().size, before + 30);
    // Somebody else's are told all the same, and of another kind.
    assert_eq!(code(scene.approve(0, "REQ-1")), "no_person");
    let desk = actor(40_010, Role::Desk);
    let denied = Error::Denied("role desk may not".into());
    let told = scene
        .desk
        .unserved(&desk, RequestKind::RequestsApprove, &denied);
    told.expect("journals");
    scene
        .desk
        .unserved(&desk, RequestKind::RequestsSubmit, &denied)
        .expect("journals");
    let told = scene.told_since(before + 30);
    let codes: Vec<&Value> = told.iter().map(|entry| &entry["code"]).collect();
    assert_eq!(codes, ["no_person", "denied", "denied"]);
    assert_eq!(told[1]["step"], "decision_refused");
    assert_eq!(told[2]["step"], "refused");
    // What was only counted is told when the agent stops; then the counting begins anew.
    scene.desk.tell_counted(true).expect("journals");
    let told = scene.told().pop().expect("an entry");
    assert_eq!(
        (&told["uid"], &told["unsaid"], &told["code"]),
        (&NOBODY.into(), &469.into(), &"counted".into())
    );
    let mut report = Report::default();
    for entry in scene.told() {
        let index = entry["index"].as_u64().expect("an index");
        report.take(index, &serde_json::from_value(entry).expect("an entry"));
    }
    let all = ["request-b", "unverified"].map(|name| report.of(name).expect("there"));
    assert_eq!(all.map(|counts| counts.decisions_refused), [31, 471]);
    scene = scene.restart();
    assert_eq!(code(scene.approve(NOBODY, "REQ-1")), "not_designated");
    assert_eq!(code(scene.approve_both("REQ-1")), "ok: disclosed");
}

#[test]
fn decisions_on_what_nobody_knows_and_notices_settled_by_nobody_are_traced() {
    let scene = submitted();
    let from = scene.journal.head().size;
    let settled = br#"{"outcome": "impossible", "event": "0", "reason": "left"}"#;
    let decline = br#"{"reason": "ground"}"#;
    let responsible = actor(RESPONSIBLE, Role::Operator);
    assert_eq!(code(scene.approve(RESPONSIBLE, "CANARY-1")), "not_found");
    let declined = scene.desk.decline(&responsible, "CANARY-1", decline);
    assert_eq!(code(declined), "not_found");
    let none = scene
        .desk
        .settle(&responsible, "CANARY-1", settled, scene.now);
    assert_eq!(code(none), "not_found");
    let root = actor(0, Role::Operator);
    let none = scene.desk.settle(&root, "REQ-1", settled, scene.now);
    assert_eq!(code(none), "no_person");
    let denied = Error::Denied("role desk may not".into());
    let desk = actor(40_010, Role::Desk);
    let told = scene
        .desk
        .unserved(&desk, RequestKind::RequestsSettle, &denied);
    told.expect("journals");
    let told = scene.told_since(from);
    let codes: Vec<&Value> = told.iter().map(|entry| &entry["code"]).collect();
    assert_eq!(
        codes,
        ["not_found", "not_found", "not_found", "no_person", "denied"]
    );
    assert!(told.iter().all(|entry| entry["step"] == "decision_refused"));
    assert!(!Value::from(told).to_string().contains("CANARY"));
    // Whoever tries many does not fill the journal.
    for _ in 0..100 {
        assert_eq!(code(scene.approve(NOBODY, "CANARY-2")), "not_found");
    }
    assert_eq!(scene.journal.head().size, from + 5 + 30);
}

fn rustix_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[test]
fn either_of_them_refuses_for_good() {
    let scene = submitted();
    let refuse = |uid, body: &str| {
        let actor = actor(uid, Role::Operator);
        code(scene.desk.decline(&actor, "REQ-1", body.as_bytes()))
    };
    assert_eq!(
        refuse(DESIGNATED, "{\"reason\":\"he is my neighbour\"}"),
        "invalid"
    );
    assert_eq!(refuse(NOBODY, "{\"reason\":\"ground\"}"), "not_designated");
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
    assert_eq!(
        refuse(DESIGNATED, "{\"reason\":\"ground\"}"),
        "ok: declined"
    );
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "conflict");
    assert!(scene.exports().is_empty());
    let last = scene.told().pop().expect("an entry");
    assert_eq!(
        (&last["step"], &last["code"]),
        (&"declined".into(), &"ground".into())
    );
}

#[test]
fn what_is_over_is_not_answered() {
    let mut scene = submitted();
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
    scene.now += SignedDuration::from_hours(24 * 8);
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "lapsed");
    assert!(scene.exports().is_empty());
    assert_eq!(scene.steps("REQ-1"), ["submitted", "approved", "lapsed"]);
    let mut scene = submitted();
    scene.now += SignedDuration::from_hours(24 * 8);
    let agent = actor(0, Role::Agent);
    scene.desk.lapse_over(&agent, scene.now).expect("looks");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "lapsed");
}

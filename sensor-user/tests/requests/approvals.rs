//! Two persons on the operator's side.

use jiff::SignedDuration;
use sensor_user::model::{RequestType, Role};

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
    let steps = ["submitted", "approved", "approved", "begun", "disclosed"];
    assert_eq!(scene.steps("REQ-1"), steps);
    let told = scene.told();
    let uids: Vec<_> = told.iter().map(|entry| entry["uid"].clone()).collect();
    assert_eq!(uids[1..3], [RESPONSIBLE, DESIGNATED]);
    assert_eq!(told[1]["capacity"], "responsible");
    assert_eq!(told[2]["capacity"], "designated");
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

//! Answers that wait: copies of events, which die with them.

use std::fs;

use jiff::SignedDuration;
use sensor_user::model::{Destroyed, RequestType, Role, Scopes, request::CaseRow};
use serde_json::{Value, json};

use crate::scene::{Scene, actor, code, id_of};

fn answered(kind: RequestType, events: &[i64]) -> (Scene, CaseRow) {
    let mut scene = Scene::new();
    for seq in events {
        scene.event(*seq);
        scene.acknowledge(*seq);
    }
    let ids: Vec<String> = events.iter().map(|seq| id_of(*seq)).collect();
    let document = scene.document(kind, "REQ-1", &ids);
    scene.submit(&document).expect("accepted");
    let row = scene.approve_both("REQ-1").expect("answered");
    (scene, row)
}

/// Looks once; what the journal tells of removals.
fn cleared(scene: &Scene, aged: bool) -> Vec<Value> {
    let agent = actor(0, Role::Agent);
    scene
        .desk
        .clear_all(&agent, scene.now, aged)
        .expect("clears");
    let told = scene.told().into_iter();
    told.filter(|entry| entry["step"] == "export_removed")
        .map(|entry| entry["code"].clone())
        .collect()
}

#[test]
fn an_answer_dies_with_the_first_of_its_events_and_the_journal_says_so() {
    for kind in [RequestType::A, RequestType::B, RequestType::Notice] {
        let (mut scene, _) = answered(kind, &[1, 2]);
        assert_eq!(cleared(&scene, true), Vec::<Value>::new());
        assert_eq!(scene.exports().len(), 1, "{kind:?}");
        let destroyed = scene.store.destroy(&[2], Destroyed::Expired);
        destroyed.expect("destroyed");
        let mut scene = scene.restart();
        assert_eq!(cleared(&scene, false), ["events"], "{kind:?}");
        assert!(scene.exports().is_empty(), "{kind:?}");
        assert_eq!(cleared(&scene, true), ["events"], "said once");
        // It stays answered, also for the next start.
        scene = scene.restart();
        assert!(!scene.steps("REQ-1").contains(&"lost".to_owned()));
        let row = scene.desk.show("REQ-1").expect("there");
        let stage = if kind == RequestType::Notice {
            "handed_over"
        } else {
            "disclosed"
        };
        assert_eq!(row.stage, stage);
    }
}

#[test]
fn a_nil_answer_holds_nothing_of_events_that_are_gone() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let document = scene.document(RequestType::B, "REQ-1", &[id]);
    scene.submit(&document).expect("accepted");
    scene
        .store
        .destroy(&[1], Destroyed::Expired)
        .expect("destroyed");
    scene.approve_both("REQ-1").expect("answered");
    assert_eq!(cleared(&scene, true), Vec::<Value>::new());
    assert_eq!(scene.exports().len(), 1);
}

#[test]
fn what_nobody_takes_away_goes_after_its_time_and_not_by_a_clock_that_is_in_doubt() {
    let (mut scene, _) = answered(RequestType::B, &[1]);
    scene.now += SignedDuration::from_hours(29 * 24);
    assert_eq!(cleared(&scene, true), Vec::<Value>::new());
    scene.now += SignedDuration::from_hours(2 * 24);
    assert_eq!(cleared(&scene, false), Vec::<Value>::new());
    assert_eq!(scene.exports().len(), 1);
    assert_eq!(cleared(&scene, true), ["time"]);
    assert!(scene.exports().is_empty());
}

#[test]
fn that_an_answer_was_taken_away_is_told_once() {
    let (scene, row) = answered(RequestType::B, &[1]);
    let file = row.file.expect("a file");
    fs::remove_file(scene.dir.path().join("exports").join(file)).expect("it is there");
    assert_eq!(cleared(&scene, true), ["taken"]);
    assert_eq!(cleared(&scene, true), ["taken"]);
    let last = scene.told().pop().expect("an entry");
    assert_eq!(
        (&last["type"], &last["reference"]),
        (&json!("request-b"), &json!("REQ-1"))
    );
}

#[test]
fn a_directory_that_is_not_mounted_was_not_emptied() {
    let (mut scene, _) = answered(RequestType::B, &[1, 2]);
    let (dir, aside) = (
        scene.dir.path().join("exports"),
        scene.dir.path().join("aside"),
    );
    let agent = actor(0, Role::Agent);
    let looks = |scene: &Scene| scene.desk.clear_all(&agent, scene.now, true);
    fs::rename(&dir, &aside).expect("renames");
    for made in [false, true] {
        if made {
            let mut builder = fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&dir).expect("made");
        }
        scene = scene.restart();
        let error = looks(&scene)
            .expect_err("it is another directory")
            .to_string();
        assert!(!error.contains(&id_of(1)), "{error}");
        assert!(!scene.steps("REQ-1").contains(&"export_removed".to_owned()));
    }
    // No answer goes there either.
    let document = scene.document(RequestType::B, "REQ-2", &[id_of(2)]);
    scene.submit(&document).expect("accepted");
    assert_eq!(code(scene.approve_both("REQ-2")), "export_dir");
    fs::remove_dir(&dir).expect("it is empty");
    fs::rename(&aside, &dir).expect("renames");
    assert_eq!(cleared(&scene, true), Vec::<Value>::new());
    scene
        .store
        .destroy(&[1], Destroyed::Expired)
        .expect("destroyed");
    assert_eq!(cleared(&scene, true), ["events"]);
    assert!(scene.exports().is_empty());
}

#[test]
fn one_answer_that_cannot_be_removed_keeps_no_other() {
    let (mut scene, first) = answered(RequestType::B, &[1, 2]);
    let document = scene.document(RequestType::B, "REQ-2", &[id_of(1)]);
    scene.submit(&document).expect("accepted");
    let second = scene.approve_both("REQ-2").expect("answered");
    let names = [first, second].map(|row| row.file.expect("a file"));
    let [first, second] = names.map(|name| scene.dir.path().join("exports").join(name));
    fs::remove_file(&first).expect("it is there");
    fs::create_dir(&first).expect("nobody removes a directory as a file");
    scene
        .store
        .destroy(&[1], Destroyed::Expired)
        .expect("destroyed");
    let agent = actor(0, Role::Agent);
    assert!(scene.desk.clear_all(&agent, scene.now, true).is_err());
    assert!(first.exists() && !second.exists());
    fs::remove_dir(&first).expect("ours");
    assert_eq!(
        cleared(&scene, true),
        ["events", "events"],
        "each said once"
    );
}

#[test]
fn an_answer_that_an_older_store_knows_nothing_of_dies_with_its_events_all_the_same() {
    let (scene, _) = answered(RequestType::B, &[1]);
    let forget = |dir: &std::path::Path| {
        let store = rusqlite::Connection::open(dir.join("requests.db")).expect("opens");
        store.execute_batch("DELETE FROM export").expect("writes");
    };
    // The file is of the day of this test, whatever the scene says.
    let mut scene = scene.restart_after(|_| {}, forget);
    assert_eq!(cleared(&scene, false), Vec::<Value>::new());
    assert_eq!(scene.exports().len(), 1);
    scene
        .store
        .destroy(&[1], Destroyed::Expired)
        .expect("destroyed");
    assert_eq!(cleared(&scene, false), ["events"]);
    assert!(scene.exports().is_empty());
}

#[test]
fn a_work_list_goes_when_every_notice_is_settled() {
    let (scene, _) = answered(RequestType::Notice, &[1]);
    assert_eq!(cleared(&scene, true), Vec::<Value>::new());
    let left = json!({"outcome": "impossible", "event": id_of(1), "reason": "left"}).to_string();
    let operator = actor(40_020, Role::Operator);
    let settled = scene
        .desk
        .settle(&operator, "REQ-1", left.as_bytes(), scene.now);
    assert_eq!(settled.expect("noted").stage, "closed");
    assert_eq!(cleared(&scene, true), ["settled"]);
    assert!(scene.exports().is_empty());
}

#[test]
fn oversights_reading_of_the_list_is_journalled_and_does_not_fill_the_journal() {
    let (scene, _) = answered(RequestType::B, &[1]);
    let page = sensor_user::model::request::Page {
        limit: 10,
        after: None,
    };
    let size = scene.journal.head().size;
    let operator = actor(40_020, Role::Operator);
    assert_eq!(
        scene
            .desk
            .list_of(&operator, &page, Scopes::WHOLE)
            .expect("reads")
            .rows
            .len(),
        1
    );
    assert_eq!(scene.journal.head().size, size);
    for uid in [40_030, 40_031, 40_030] {
        let overseer = actor(uid, Role::Oversight);
        assert_eq!(
            scene
                .desk
                .list_of(&overseer, &page, Scopes::WHOLE)
                .expect("reads")
                .rows
                .len(),
            1
        );
    }
    let rows = scene.journal.page(size, 10).expect("reads").rows;
    let read = |row: &sensor_user::model::request::JournalRow| {
        let entry = row.entry.as_ref().expect("nothing is hidden").get();
        let entry: Value = serde_json::from_str(entry).expect("JSON");
        assert_eq!(entry["action"], "requests_read");
        entry["uid"].clone()
    };
    assert_eq!(rows.iter().map(read).collect::<Vec<_>>(), [40_030, 40_031]);
}

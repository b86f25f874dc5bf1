//! A store of requests that is older than the journal, or gone: nothing goes out twice unsaid.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sensor_user::{
    journal::{Action, Journal},
    model::{ContentKind as K, RequestType, request::Page},
};
use serde_json::json;

use crate::scene::{DESIGNATED, RESPONSIBLE, Scene, code};

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copies");
}

fn remove(dir: &Path) {
    for name in ["requests.db", "requests.db-wal", "requests.db-shm"] {
        let _ = fs::remove_file(dir.join(name));
    }
}

/// Takes the last entry from a journal, as if the agent had died before it was written.
fn without_last_entry(dir: &Path) {
    let entries = fs::read_dir(dir.join("journal")).expect("a directory");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let is_first =
        |path: &PathBuf| fs::read(path).is_ok_and(|all| all.starts_with(b"{\"index\":0,"));
    let segment = paths.find(is_first).expect("a segment");
    let text = fs::read_to_string(&segment).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let (_, kept) = lines.split_last().expect("an entry");
    fs::write(&segment, kept.join("\n") + "\n").expect("writes");
}

/// A scene of this time with a request of type B about event 1, accepted, and its envelope.
fn accepted_at(now: &str) -> (Scene, Vec<u8>) {
    let mut scene = Scene::new();
    scene.now = now.parse().expect("a time");
    let id = scene.event(1);
    scene.acknowledge(1);
    let document = scene.document(RequestType::B, "REQ-1", &[id]);
    let envelope = scene.envelope(&document);
    assert_eq!(code(scene.hand_in(&envelope)), "ok: submitted");
    (scene, envelope)
}

fn accepted() -> (Scene, Vec<u8>) {
    accepted_at("2027-03-10T12:00:00Z")
}

#[test]
fn a_store_that_is_gone_takes_no_serial_twice_and_says_repeat() {
    // The journal's times are those of the machine: the event was there before them.
    let (scene, envelope) = accepted_at("2020-03-10T12:00:00Z");
    scene.approve_both("REQ-1").expect("disclosed");
    let mut scene = scene.restart_after(|_| {}, remove);
    // Nobody could tell any more when its events end.
    assert!(scene.exports().is_empty());
    let told = scene.told().pop().expect("an entry");
    assert_eq!(
        (&told["step"], &told["code"], &told["type"]),
        (
            &json!("export_removed"),
            &json!("unlisted"),
            &json!("request-b")
        )
    );
    let steps = scene.steps("REQ-1");
    assert_eq!(
        steps.last().map(String::as_str),
        Some("disclosed"),
        "never lost"
    );
    assert_eq!(code(scene.hand_in(&envelope)), "replayed");
    // Under a new serial the reference is known still, from the journal alone.
    let id = crate::scene::id_of(1);
    let again = scene.document(RequestType::B, "REQ-1", std::slice::from_ref(&id));
    assert_eq!(code(scene.submit(&again)), "conflict");
    // Another request of the same event cannot know, and says so; one of a later event need not.
    let second = scene.document(RequestType::B, "REQ-2", &[id]);
    scene.submit(&second).expect("accepted");
    let row = scene.approve_both("REQ-2").expect("disclosed");
    assert_eq!(scene.opened(&row).0["repeat"], true);
    let last = scene.told().pop().expect("an entry");
    assert_eq!(
        (&last["step"], &last["repeat"]),
        (&json!("disclosed"), &json!(true))
    );
    scene.now = "2999-01-01T00:00:00Z".parse().expect("a time");
    let later = scene.event(2);
    scene.acknowledge(2);
    let mut third = scene.document(RequestType::B, "REQ-3", &[later]);
    third["agent"]["commission"] = "COM-9".into();
    let mut scene = scene.restart_with(|config| {
        let mut listed = crate::scene::commission("COM-9");
        listed.until = jiff::Timestamp::MAX;
        config.commissions = vec![listed];
    });
    scene.submit(&third).expect("accepted");
    let row = scene.approve_both("REQ-3").expect("disclosed");
    assert_eq!(scene.opened(&row).0["repeat"], false);
}

#[test]
fn what_was_approved_is_lost_with_the_store_and_what_was_begun_is_unknown() {
    let (scene, envelope) = accepted();
    scene.approve(RESPONSIBLE, "REQ-1").expect("approved");
    // Nothing of it went out: it may be handed in again.
    let scene = scene.restart_after(|_| {}, remove);
    let lost = scene.told().pop().expect("an entry");
    assert_eq!(
        (&lost["step"], &lost["type"]),
        (&json!("lost"), &json!("request-b"))
    );
    assert_eq!(code(scene.hand_in(&envelope)), "ok: submitted");
    scene.approve_both("REQ-1").expect("disclosed");
    let scene = scene.restart_after(
        |_| {},
        |dir| {
            without_last_entry(dir);
            remove(dir);
        },
    );
    let steps = scene.steps("REQ-1");
    assert_eq!(steps[steps.len() - 2..], ["begun", "unknown"]);
    assert_eq!(code(scene.hand_in(&envelope)), "replayed");
    // Told once.
    let entries = scene.told().len();
    assert_eq!(scene.restart().told().len(), entries);
}

#[test]
fn an_older_store_learns_what_the_journal_tells() {
    let (scene, _) = accepted();
    scene.approve(RESPONSIBLE, "REQ-1").expect("approved");
    let aside = tempfile::tempdir().expect("a directory");
    let backup = aside.path().join("backup");
    let scene = scene.restart_after(|_| {}, |dir| copy(&dir.join("requests.db"), &backup));
    scene.approve(DESIGNATED, "REQ-1").expect("disclosed");
    let lines = |scene: &Scene| {
        let page = Page {
            limit: 10,
            after: None,
        };
        scene.desk.costs(&page).expect("reads").rows
    };
    let (entries, costs) = (scene.told().len(), lines(&scene));
    assert_eq!(costs.len(), 1);
    let put_back = |dir: &Path| {
        remove(dir);
        copy(&backup, &dir.join("requests.db"));
        // What the agent asks before it starts.
        let (_, past) = Journal::open_since(&dir.join("journal"), None).expect("opens");
        let mut store = sensor_user::db::Requests::open(dir).expect("opens");
        let mark = store.mark().expect("reads").expect("kept with each step");
        assert!(past.requests.lacking(mark).is_some(), "it is found out");
    };
    let scene = scene.restart_after(|_| {}, put_back);
    let row = scene.desk.show("REQ-1").expect("there");
    assert_eq!((row.stage.as_str(), row.handovers), ("disclosed", 1));
    assert_eq!(
        scene.told().len(),
        entries,
        "and nothing false is journalled"
    );
    for uid in [RESPONSIBLE, DESIGNATED] {
        assert_eq!(code(scene.approve(uid, "REQ-1")), "conflict");
    }
    let again = lines(&scene);
    assert_eq!(again.len(), 1, "its line is written anew, from the journal");
    let kept = |line: &sensor_user::model::request::CostRow| {
        (line.receipt, line.quantity, line.tariff_version.clone())
    };
    assert_eq!(kept(&again[0]), kept(&costs[0]));
}

#[test]
fn an_approval_that_the_journal_does_not_tell_answers_nothing() {
    let (scene, _) = accepted();
    let sql = "UPDATE request SET stage = 'cleared'; \
               INSERT INTO approval VALUES (1, 'responsible', 40001, 0), (1, 'designated', 40002, 0);";
    let forge = |dir: &Path| {
        let forged = rusqlite::Connection::open(dir.join("requests.db")).expect("opens");
        forged.execute_batch(sql).expect("writes");
    };
    let scene = scene.restart_after(|_| {}, forge);
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "not_journalled");
    assert!(scene.exports().is_empty());
    assert_eq!(
        scene.told().pop().expect("an entry")["code"],
        "not_journalled"
    );
}

#[test]
fn a_request_of_which_the_journal_tells_nothing_is_answered_behind_a_restore_of_it_only() {
    let forge = |dir: &Path| {
        fs::remove_dir_all(dir.join("journal")).expect("removes");
        let forged = rusqlite::Connection::open(dir.join("requests.db")).expect("opens");
        let sql = "UPDATE request SET stage = 'cleared', receipt = 0; \
               INSERT INTO approval VALUES (1, 'responsible', 40001, 0), (1, 'designated', 40002, 0);";
        forged.execute_batch(sql).expect("writes");
    };
    let (scene, _) = accepted();
    let accept = |scene: &Scene, journal| {
        let action = Action::RestoreAccepted {
            journal,
            issuers: Vec::new(),
            catalogue: true,
            requests: true,
        };
        let agent = crate::scene::actor(0, sensor_user::model::Role::Agent);
        let _receipt = scene.journal.append(&agent, action).expect("journals");
    };
    let scene = scene.restart_after(|_| {}, forge);
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "not_journalled");
    // Another store was put back, and not the journal.
    accept(&scene, false);
    let scene = scene.restart();
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "not_journalled");
    assert!(scene.exports().is_empty());
    accept(&scene, true);
    let scene = scene.restart();
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: disclosed");
}

#[test]
fn an_answer_is_known_by_its_digest_and_not_by_its_name() {
    let handing = "UPDATE request SET stage = 'handing', receipt = receipt - 1; \
                   DROP TRIGGER cost_is_kept; DELETE FROM cost;";
    // What is in the place: the answer, another file, none, or none and the answer beside it.
    for (found, step, stage) in [
        ("answer", "disclosed", "disclosed"),
        ("other", "unknown", "unknown"),
        ("none", "unknown", "unknown"),
        ("beside", "not_disclosed", "cleared"),
    ] {
        let (scene, _) = accepted();
        let row = scene.approve_both("REQ-1").expect("disclosed");
        let name = row.file.expect("a file");
        let died = |dir: &Path| {
            let store = rusqlite::Connection::open(dir.join("requests.db")).expect("opens");
            store.execute_batch(handing).expect("writes");
            let place = dir.join("exports").join(&name);
            match found {
                "other" => fs::write(&place, b"").expect("writes"),
                "none" => fs::remove_file(&place).expect("removes"),
                "beside" => {
                    let part = dir.join("exports").join(format!(".{name}.part"));
                    fs::rename(&place, part).expect("renames");
                }
                _ => {}
            }
            without_last_entry(dir);
        };
        let scene = scene.restart_after(|_| {}, died);
        let steps = scene.steps("REQ-1");
        assert_eq!(steps.last().map(String::as_str), Some(step), "{found}");
        assert_eq!(
            scene.desk.show("REQ-1").expect("there").stage,
            stage,
            "{found}"
        );
        let parts = scene.exports();
        assert!(
            !parts
                .iter()
                .any(|path| path.to_string_lossy().ends_with(".part"))
        );
    }
}

#[test]
fn an_export_directory_that_others_get_into_takes_no_answer() {
    use std::os::unix::fs::PermissionsExt as _;
    let (mut scene, _) = accepted();
    let dir = scene.dir.path().join("exports");
    fs::create_dir(&dir).expect("made");
    let open_to = |mode| {
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("ours");
    };
    open_to(0o770);
    assert_eq!(code(scene.approve_both("REQ-1")), "export_dir");
    assert!(scene.exports().is_empty());
    let id = crate::scene::id_of(1);
    let document = scene.document(RequestType::B, "REQ-2", &[id]);
    assert_eq!(code(scene.submit(&document)), "export_dir");
    open_to(0o700);
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: disclosed");
    let serial = scene.serial + 1;
    let envelope = scene.signed(K::RequestB, K::RequestB, serial, &document);
    assert_eq!(code(scene.hand_in(&envelope)), "ok: submitted");
}

/// Has the store refuse something, as a full disk does, until the statement is undone.
fn store(scene: &Scene, sql: &str) {
    let path = scene.dir.path().join("requests.db");
    let store = rusqlite::Connection::open(path).expect("opens");
    store.execute_batch(sql).expect("writes");
}

#[test]
fn what_a_failing_store_left_half_done_is_settled_before_the_next_decision() {
    // Disclosed and journalled, and not kept.
    let (scene, _) = accepted();
    scene.approve(RESPONSIBLE, "REQ-1").expect("approved");
    store(
        &scene,
        "CREATE TRIGGER full BEFORE INSERT ON cost BEGIN SELECT RAISE(ABORT, 'full'); END;",
    );
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "internal");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "handing");
    assert_eq!(
        code(scene.approve(DESIGNATED, "REQ-1")),
        "internal",
        "it is full still"
    );
    store(&scene, "DROP TRIGGER full;");
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "conflict");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "disclosed");
    let told = scene.steps("REQ-1");
    let disclosed = told.iter().filter(|step| *step == "disclosed");
    assert_eq!(
        (disclosed.count(), scene.exports().len()),
        (1, 1),
        "{told:?}"
    );
    let page = Page {
        limit: 10,
        after: None,
    };
    assert_eq!(scene.desk.costs(&page).expect("reads").rows.len(), 1);

    // Begun, and nothing of what came of it is kept.
    let (scene, _) = accepted();
    scene.approve(RESPONSIBLE, "REQ-1").expect("approved");
    store(
        &scene,
        "CREATE TRIGGER full BEFORE UPDATE OF stage ON request \
         WHEN OLD.stage = 'collecting' BEGIN SELECT RAISE(ABORT, 'full'); END;",
    );
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "internal");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "collecting");
    store(&scene, "DROP TRIGGER full;");
    let agent = crate::scene::actor(0, sensor_user::model::Role::Agent);
    scene.desk.lapse_over(&agent, scene.now).expect("looks");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "cleared");
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: disclosed");
}

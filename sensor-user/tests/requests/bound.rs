//! What two persons approve is what was signed, by a key that counts, for whom it was meant.

use std::path::Path;

use sensor_user::{
    config::{Account, Requests},
    control::Error,
    model::{
        ContentKind as K, RequestType, Role,
        request::{Approve, Reply, Request},
    },
};
use serde_json::Value;

use crate::scene::{DESIGNATED, NOBODY, RESPONSIBLE, Scene, actor, code};

fn submitted() -> Scene {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    scene.event(2);
    scene.acknowledge(2);
    let document = scene.document(RequestType::B, "REQ-1", &[id]);
    assert_eq!(code(scene.submit(&document)), "ok: submitted");
    scene
}

fn entry(scene: &Scene, step: &str) -> Value {
    let told = scene.told();
    let found = told.iter().rev().find(|entry| entry["step"] == step);
    found.expect("it is told").clone()
}

#[test]
fn a_document_that_was_changed_in_the_store_is_not_answered() {
    let other = crate::scene::id_of(2);
    let events = format!("UPDATE request SET terms = json_set(terms, '$.events[0]', '{other}')");
    for sql in [
        events.as_str(),
        "UPDATE request SET terms = json_set(terms, '$.valid_until', '2028-01-01T00:00:00Z')",
        "UPDATE request SET terms = json_set(terms, '$.agent.until', '2028-01-01T00:00:00Z')",
        "UPDATE request SET envelope = NULL",
        "UPDATE request SET signed = '00'",
    ] {
        let scene = submitted();
        assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
        let change = |dir: &Path| {
            let store = rusqlite::Connection::open(dir.join("requests.db")).expect("opens");
            store.execute_batch(sql).expect("writes");
        };
        let scene = scene.restart_after(|_| {}, change);
        assert_eq!(
            code(scene.approve(DESIGNATED, "REQ-1")),
            "envelope_changed",
            "{sql}"
        );
        assert_eq!(entry(&scene, "not_disclosed")["code"], "envelope_changed");
        assert!(scene.exports().is_empty(), "{sql}");
    }
}

#[test]
fn another_signed_envelope_in_its_place_is_not_answered() {
    let mut scene = submitted();
    // A genuine one of the authority's, of the same reference, that was never handed in.
    let other = scene.document(RequestType::B, "REQ-1", &[crate::scene::id_of(2)]);
    let envelope = scene.envelope(&other);
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
    let text = envelope.split(|byte| *byte == b'\n').take(2);
    let signed: Vec<u8> = text.flat_map(|line| [line, b"\n"].concat()).collect();
    let digest = sensor_user::crypto::hex(&sensor_user::crypto::sha256(&[&signed]));
    let terms = other.to_string();
    let change = |dir: &Path| {
        let store = rusqlite::Connection::open(dir.join("requests.db")).expect("opens");
        store
            .execute(
                "UPDATE request SET envelope = ?1, signed = ?2, terms = ?3",
                (envelope, digest, terms),
            )
            .expect("writes");
    };
    let scene = scene.restart_after(|_| {}, change);
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "envelope_changed");
    assert!(scene.exports().is_empty());
}

#[test]
fn an_issuer_who_is_no_longer_pinned_is_not_answered() {
    let mut scene = submitted();
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
    scene.keys.unpinned = Some(K::RequestB);
    let mut scene = scene.restart();
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "unknown_key");
    assert_eq!(entry(&scene, "not_disclosed")["code"], "unknown_key");
    assert!(scene.exports().is_empty());
    scene.keys.unpinned = None;
    let scene = scene.restart();
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: disclosed");
}

#[test]
fn an_approval_counts_as_long_as_its_person_is_one_of_the_two() {
    let mut scene = submitted();
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: approved");
    let named = |uid: u32| vec![Account::Id(uid)];
    scene = scene.restart_with(|config| config.responsible = named(NOBODY));
    // The first approval is void; this one is the first of two.
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: approved");
    assert_eq!(entry(&scene, "not_disclosed")["code"], "approval_void");
    assert!(scene.exports().is_empty());
    // Cleared, and nothing went out: neither of them alone has it answered afterwards.
    let dir = scene.dir.path().join("exports");
    std::fs::write(&dir, b"no directory").expect("writes");
    assert_eq!(code(scene.approve(NOBODY, "REQ-1")), "export_dir");
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "cleared");
    std::fs::remove_file(&dir).expect("ours");
    scene = scene.restart_with(|config| config.responsible = named(RESPONSIBLE));
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "ok: approved");
    assert!(scene.exports().is_empty());
    assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "ok: disclosed");
}

#[test]
fn whoever_approves_says_what_was_shown_and_the_journal_tells_it() {
    let scene = submitted();
    let shown = scene.desk.show("REQ-1").expect("there").envelope;
    assert_eq!(entry(&scene, "submitted")["envelope"], shown.as_str());
    let approve = |uid, body: String| {
        let request = Request::RequestsApprove {
            reference: "REQ-1".into(),
            body: body.into(),
        };
        let actor = actor(uid, Role::Operator);
        match scene.desk.handle(&actor, request, scene.now) {
            Ok(Reply::Case(row)) => code(Ok(*row)),
            Ok(_) => "another answer".into(),
            Err(error) => code(Err::<_, Error>(error)),
        }
    };
    let body = |envelope: &str| {
        let approve = Approve {
            envelope: envelope.into(),
        };
        serde_json::to_string(&approve).expect("JSON")
    };
    assert_eq!(approve(RESPONSIBLE, body("00")), "another_envelope");
    assert_eq!(approve(RESPONSIBLE, "{\"envelope\":7}".into()), "invalid");
    assert_eq!(approve(RESPONSIBLE, body(&shown)), "ok: approved");
    assert_eq!(entry(&scene, "approved")["envelope"], shown.as_str());
    assert_eq!(approve(DESIGNATED, String::new()), "ok: disclosed");
}

#[test]
fn the_key_of_the_recipient_is_told_and_so_is_every_change_of_it() {
    let scene = submitted().restart();
    let row = scene.approve_both("REQ-1").expect("disclosed");
    let key = scene.config.recipients.request_b.clone().expect("there");
    let print = sensor_user::crypto::sha256(&[key.as_bytes()]);
    let print = sensor_user::crypto::hex(&print);
    assert_eq!(scene.opened(&row).0["recipient"], print.as_str());
    for step in ["begun", "disclosed"] {
        assert_eq!(entry(&scene, step)["recipient"], print.as_str(), "{step}");
    }
    let configured = |scene: &Scene| {
        let page = scene.journal.page(0, 1_000).expect("reads");
        let entries = page
            .rows
            .iter()
            .map(|row| row.entry.as_ref().expect("shown").get());
        let is_it = |line: &&str| line.contains("\"action\":\"requests_configured\"");
        entries.filter(is_it).count()
    };
    let count = configured(&scene);
    let scene = scene.restart();
    assert_eq!(configured(&scene), count, "nothing changed");
    let other = age::x25519::Identity::generate().to_public().to_string();
    let mut scene = scene.restart_with(|config| config.recipients.request_b = Some(other));
    assert_eq!(configured(&scene), count + 1);
    for change in [
        (|config: &mut Requests| config.designated.push(Account::Id(7))) as fn(&mut Requests),
        |config: &mut Requests| config.commissions.clear(),
        |config: &mut Requests| config.adaptor = None,
    ] {
        let before = configured(&scene);
        scene = scene.restart_with(change);
        assert_eq!(configured(&scene), before + 1);
    }
    scene.keys.unpinned = Some(K::RequestC);
    let before = configured(&scene);
    let scene = scene.restart();
    assert_eq!(
        configured(&scene),
        before + 1,
        "whose requests are taken, too"
    );
}

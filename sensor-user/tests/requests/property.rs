//! Random sequences of all that can be asked, by everybody: no sequence yields a disclosure without
//! its preconditions, none changes anything without a journal entry, none leaves personal data in the
//! journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use jiff::{SignedDuration, Timestamp};
use sensor_user::{
    control::{Error, roles},
    model::{
        ContentKind as K, Destroyed, RequestType, Role,
        request::{CaseRow, Page, Reply, Request},
    },
};
use serde_json::{Value, json};

use crate::scene::{DESIGNATED, NOBODY, RESPONSIBLE, Scene, actor, id_of, kind_of, spool};

const STEPS: usize = 3_000;
const REFERENCES: u64 = 150;
const EVENTS: i64 = 400;
/// Twice the address of the scene's events, and what its subscriber system and documents say.
const PERSONAL: [&str; 6] = [
    "198.51.100.",
    "203.0.113.77",
    "CANARY-NAME",
    "CANARY-STREET",
    "canary@mail.example",
    "CANARY-AGENT",
];

/// A generator of numbers, the same in every run (Steele and Vigna, SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn in_ten(&mut self, chances: u64) -> bool {
        self.below(10) < chances
    }
}

/// What the test knows by itself.
#[derive(Default)]
struct Known {
    ever: BTreeSet<i64>,
    stored: BTreeSet<i64>,
    acknowledged: BTreeSet<i64>,
    envelopes: Vec<Vec<u8>>,
    disclosed: u64,
    refused: u64,
    denied: u64,
}

fn everything(scene: &Scene) -> BTreeMap<String, CaseRow> {
    let page = Page {
        limit: Page::MOST,
        after: None,
    };
    let rows = scene.desk.list(&page).expect("reads").rows;
    rows.into_iter()
        .map(|row| (row.reference.clone(), row))
        .collect()
}

fn ask(scene: &Scene, uid: u32, role: Role, request: Request) -> Option<Result<Reply, Error>> {
    // As the door does.
    roles::allows(role, request.kind())
        .then(|| scene.desk.handle(&actor(uid, role), request, scene.now))
}

fn document(scene: &Scene, random: &mut Random, known: &Known) -> Value {
    let kind = random.one_of(&RequestType::ALL);
    let reference = format!("REQ-{}", random.below(REFERENCES));
    let mut events: Vec<String> = Vec::new();
    for _ in 0..=random.below(3) {
        let any = 1 + random.below(EVENTS as u64) as i64;
        let stored: Vec<i64> = known.acknowledged.iter().copied().collect();
        let good = !stored.is_empty() && random.in_ten(9);
        events.push(id_of(if good { random.one_of(&stored) } else { any }));
    }
    let mut document = scene.document(kind, &reference, &events);
    if random.in_ten(3) {
        match random.below(9) {
            0 => document["ground"] = "L1".into(),
            1 => document["purpose"] = "curiosity".into(),
            2 => drop(document.as_object_mut().expect("one").remove("beneficiary")),
            3 => document["motivation"] = "because".into(),
            4 => document["address"] = "198.51.100.7".into(),
            5 => {
                document["valid_until"] = (scene.now - SignedDuration::from_hours(1))
                    .to_string()
                    .into()
            }
            6 => {
                document["agent"]["until"] = (scene.now - SignedDuration::from_hours(1))
                    .to_string()
                    .into()
            }
            7 => document["events"] = json!([]),
            _ => document["type"] = "request-b".into(),
        }
    }
    document
}

/// One step; the role was denied, or what came of it.
fn step(scene: &mut Scene, random: &mut Random, known: &mut Known) -> Option<Result<Reply, Error>> {
    let roles = [Role::Reader, Role::Operator, Role::Desk, Role::Oversight];
    let uids = [0, RESPONSIBLE, DESIGNATED, NOBODY];
    let (uid, role) = match random.in_ten(7) {
        true => (random.one_of(&[RESPONSIBLE, DESIGNATED]), Role::Operator),
        false => (random.one_of(&uids), random.one_of(&roles)),
    };
    let reference = format!("REQ-{}", random.below(REFERENCES));
    // Most of what is decided is something that waits.
    let waiting: Vec<String> = everything(scene)
        .into_values()
        .filter(|row| {
            matches!(
                row.stage.as_str(),
                "submitted" | "requested" | "approved" | "handed_over"
            )
        })
        .map(|row| row.reference)
        .collect();
    let reference = match waiting.is_empty() || random.in_ten(1) {
        true => reference,
        false => waiting[random.below(waiting.len() as u64) as usize].clone(),
    };
    match random.below(12) {
        0 => {
            let seq = 1 + random.below(EVENTS as u64) as i64;
            // A number is given once.
            if known.ever.insert(seq) {
                known.stored.insert(seq);
                scene.event(seq);
            }
            None
        }
        1 => {
            let stored: Vec<i64> = known.stored.iter().copied().collect();
            if !stored.is_empty() {
                let seq = random.one_of(&stored);
                scene.acknowledge(seq);
                known.acknowledged.insert(seq);
            }
            None
        }
        2 if random.in_ten(2) => {
            let stored: Vec<i64> = known.stored.iter().copied().collect();
            if !stored.is_empty() {
                let seq = random.one_of(&stored);
                scene
                    .store
                    .destroy(&[seq], Destroyed::Expired)
                    .expect("destroyed");
                known.stored.remove(&seq);
                known.acknowledged.remove(&seq);
            }
            None
        }
        3..=5 => {
            let envelope = match known.envelopes.is_empty() || !random.in_ten(1) {
                true => {
                    let document = document(scene, random, known);
                    let kind = kind_of(&document);
                    scene.serial += 1;
                    let key = match random.in_ten(1) {
                        true => random.one_of(&[K::RequestA, K::RequestB, K::RequestC, K::Markers]),
                        false => kind,
                    };
                    scene.signed(key, kind, scene.serial, &document)
                }
                false => {
                    known.envelopes[random.below(known.envelopes.len() as u64) as usize].clone()
                }
            };
            known.envelopes.push(envelope.clone());
            let (uid, role) = match random.in_ten(7) {
                true => (40_010, Role::Desk),
                false => (uid, role),
            };
            let body = spool(&envelope);
            ask(scene, uid, role, Request::RequestsSubmit { body })
        }
        6 if random.in_ten(5) => {
            let read = ask(scene, uid, role, Request::RequestsManifests { reference });
            check_manifests(scene, role, read);
            None
        }
        6..=9 => {
            let body = Default::default();
            ask(
                scene,
                uid,
                role,
                Request::RequestsApprove { reference, body },
            )
        }
        10 if random.in_ten(3) => {
            let body = b"{\"reason\":\"taken_back\"}"[..].into();
            ask(
                scene,
                uid,
                role,
                Request::RequestsRefuse { reference, body },
            )
        }
        10 => {
            let event = id_of(random.below(EVENTS as u64) as i64);
            let body = json!({"outcome": "impossible", "event": event, "reason": "left"});
            let body = body.to_string().into();
            ask(
                scene,
                uid,
                role,
                Request::RequestsSettle { reference, body },
            )
        }
        _ => {
            scene.now += SignedDuration::from_mins(random.below(240) as i64);
            None
        }
    }
}

/// Operators and oversight read manifests; none has a record.
fn check_manifests(scene: &Scene, role: Role, read: Option<Result<Reply, Error>>) {
    let may = matches!(role, Role::Operator | Role::Oversight);
    assert_eq!(read.is_some(), may, "{role:?}");
    let Some(Ok(Reply::Manifests(manifests))) = read else {
        return;
    };
    let row = scene.desk.show(&manifests.reference).expect("it is there");
    let handed = row.kind != RequestType::Notice && row.handovers > 0;
    assert_eq!(manifests.manifests.is_empty(), !handed, "{row:?}");
    for one in &manifests.manifests {
        let held = |event: &String| one.note.contains(event.as_str());
        assert!(!row.terms.events.iter().any(held), "an event's id");
        for personal in PERSONAL {
            assert!(!one.note.contains(personal), "{personal}");
        }
    }
}

/// The two who approved a request since its last outcome, as the journal tells.
fn approvals(told: &[Value], reference: &str) -> BTreeSet<u64> {
    let of = told.iter().filter(|entry| entry["reference"] == reference);
    let mut approvals = BTreeSet::new();
    for entry in of {
        match entry["step"].as_str() {
            Some("submitted" | "unknown") => approvals.clear(),
            Some("approved") => drop(approvals.insert(entry["uid"].as_u64().expect("a number"))),
            _ => {}
        }
    }
    approvals
}

fn check_disclosure(scene: &Scene, known: &Known, row: &CaseRow, now: Timestamp) {
    let terms = &row.terms;
    assert!(terms.counts_at(now), "{}: not in its time", row.reference);
    let both = approvals(&scene.told(), &row.reference);
    let expected = [RESPONSIBLE, DESIGNATED].map(u64::from).into();
    assert_eq!(both, expected, "{}", row.reference);
    assert_eq!(terms.ground, row.kind.ground());
    if row.kind == RequestType::Notice {
        return;
    }
    let (manifest, records) = scene.opened(row);
    assert_eq!(manifest["reference"], row.reference.as_str());
    assert_eq!(manifest["nil"], records.is_empty());
    let key = if row.kind == RequestType::A {
        "event"
    } else {
        "id"
    };
    for record in &records {
        let id = record[key].as_str().expect("an id");
        assert!(terms.events.iter().any(|one| one == id), "of another event");
        let holds = |set: &BTreeSet<i64>| set.iter().any(|seq| id_of(*seq) == id);
        assert!(holds(&known.stored), "it is destroyed");
        assert!(row.kind != RequestType::B || holds(&known.acknowledged));
    }
}

#[test]
fn no_sequence_discloses_changes_or_tells_what_it_may_not() {
    let mut scene = Scene::new();
    let mut random = Random(20_270_310);
    let mut known = Known::default();
    let mut before = everything(&scene);
    for number in 0..STEPS {
        let (size, exports) = (scene.journal.head().size, scene.exports());
        let outcome = step(&mut scene, &mut random, &mut known);
        let after = everything(&scene);
        let new: Vec<Value> = scene.told_since(size);
        let changed: Vec<&CaseRow> = after
            .values()
            .filter(|row| before.get(&row.reference) != Some(row))
            .collect();
        for row in &changed {
            let told = new
                .iter()
                .any(|entry| entry["reference"] == row.reference.as_str());
            assert!(
                told,
                "step {number}: {} changed without an entry",
                row.reference
            );
        }
        assert!(before.keys().all(|reference| after.contains_key(reference)));
        match &outcome {
            None => assert!(changed.is_empty() && new.is_empty(), "step {number}"),
            Some(Err(error)) if new.is_empty() => {
                assert!(changed.is_empty(), "step {number}: {error}");
            }
            Some(Err(_)) => known.refused += 1,
            Some(Ok(_)) => assert!(!new.is_empty(), "step {number}: done without an entry"),
        }
        if outcome.is_none() {
            known.denied += 1;
        }
        let fresh: Vec<_> = scene
            .exports()
            .into_iter()
            .filter(|path| !exports.contains(path))
            .collect();
        for path in &fresh {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a name");
            let row = after.values().find(|row| row.file.as_deref() == Some(name));
            let row = row.expect("an export is of a request");
            check_disclosure(&scene, &known, row, scene.now);
            assert!(new.iter().any(|entry| entry["step"] == "disclosed"));
            known.disclosed += 1;
        }
        before = after;
        if number % 500 == 499 {
            scene = scene.restart();
            assert_eq!(everything(&scene), before, "a restart changes nothing");
        }
    }
    println!(
        "{} disclosures, {} refusals, {} steps without a request or denied",
        known.disclosed, known.refused, known.denied
    );
    assert!(known.disclosed >= 20 && known.refused >= 100 && known.denied >= 100);
    for entry in fs::read_dir(scene.dir.path().join("journal")).expect("a directory") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a segment");
        let text = String::from_utf8_lossy(&bytes);
        for personal in PERSONAL {
            assert!(!text.contains(personal), "{personal}");
        }
    }
}

//! A desk in a directory of its own, with whoever asks it.

use std::{
    fs,
    io::Cursor,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use sensor_user::{
    config::{Account, Adaptor, Recipients, Requests, Tariff},
    control::{
        Error,
        service::{Desk, DeskParts},
    },
    envelope::{Change, Draft, SignerKey, create},
    events::{Batch, Options, Settlement, SinkId, Store},
    journal::Journal,
    model::{
        ContentKind, RequestType, Role,
        request::{CaseRow, Format, Page},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::keys::Keys;
pub use crate::samples::{
    actor, code, commission, decrypted, desk_actor, id_of, kind_of, spool, subscriber_system_user,
};
use crate::samples::{collect, row};

pub const RESPONSIBLE: u32 = 40_001;
pub const DESIGNATED: u32 = 40_002;
pub const NOBODY: u32 = 40_003;

pub struct Scene {
    pub dir: TempDir,
    pub keys: Keys,
    pub config: Requests,
    pub store: Store,
    pub journal: Arc<Journal>,
    pub desk: Desk,
    pub now: Timestamp,
    pub serial: u64,
    sink: SinkId,
    sensor_key: String,
}

impl Scene {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        // The subscriber system's user gets through, and reads nothing.
        let through = fs::Permissions::from_mode(0o711);
        fs::set_permissions(dir.path(), through).expect("ours");
        let sensor = SignerKey::generate("pop1").expect("a key");
        let keys = Keys::new(&sensor);
        let public = |kind| Some(keys.identity(kind).to_public().to_string());
        let config = Requests {
            export_dir: Some(dir.path().join("exports")),
            export_retention: None,
            responsible: vec![Account::Id(RESPONSIBLE)],
            designated: vec![Account::Id(DESIGNATED)],
            commissions: vec![commission("COM-1")],
            recipients: Recipients {
                request_a: public(RequestType::A),
                request_b: public(RequestType::B),
                request_c: public(RequestType::C),
            },
            adaptor: Some(Adaptor {
                command: dir.path().join("adaptor"),
                user: Account::Id(subscriber_system_user()),
                group: None,
                timeout: std::time::Duration::from_secs(10),
                request_timeout: std::time::Duration::from_mins(5),
            }),
            tariff: Tariff {
                version: "2027-1".into(),
                request_a: "IDENT".into(),
                ..Tariff::default()
            },
        };
        let options = Options {
            sinks: vec!["authority".into()],
            ..Options::default()
        };
        let (mut store, _) = Store::open(dir.path(), options).expect("a store");
        let sink = store
            .sink("authority")
            .expect("reads")
            .expect("it is there");
        let journal = Arc::new(Journal::open(&dir.path().join("journal")).expect("a journal"));
        let text = sensor.text().to_string();
        let desk = open(&dir, &keys, &config, &store, &journal, &text);
        let scene = Self {
            dir,
            keys,
            config,
            store,
            journal,
            desk,
            now: "2027-03-10T12:00:00Z".parse().expect("a time"),
            serial: 0,
            sink,
            sensor_key: text,
        };
        scene.subscriber_system(ANSWER);
        scene
    }

    /// Ends the agent and starts another one.
    pub fn restart(self) -> Self {
        self.restart_with(|_| {})
    }

    /// The same with another configuration.
    pub fn restart_with(self, change: impl FnOnce(&mut Requests)) -> Self {
        self.restart_after(change, |_| {})
    }

    /// The same, and something happens to its directory while no agent runs.
    pub fn restart_after(
        mut self,
        change: impl FnOnce(&mut Requests),
        meanwhile: impl FnOnce(&Path),
    ) -> Self {
        change(&mut self.config);
        drop((self.desk, self.journal));
        let dir = &self.dir;
        meanwhile(dir.path());
        let path = dir.path().join("journal");
        let mut opened = Journal::open_since(&path, None);
        // A child that another test's thread forks has the lock, too, until it is another program.
        for _ in 0..500 {
            if !matches!(opened, Err(sensor_user::journal::Error::Locked { .. })) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
            opened = Journal::open_since(&path, None);
        }
        let (journal, past) = opened.expect("it proves itself");
        let journal = Arc::new(journal);
        let (store, key) = (&self.store, &self.sensor_key);
        let desk = open(dir, &self.keys, &self.config, store, &journal, key);
        let agent = actor(0, Role::Agent);
        desk.recover(&agent, &past.requests).expect("recovers");
        Self {
            journal,
            desk,
            ..self
        }
    }

    /// What the operator's subscriber system does from now on.
    pub fn subscriber_system(&self, script: &str) {
        let path = self.dir.path().join("adaptor");
        let source = self.dir.path().join("adaptor.text");
        let fresh = self.dir.path().join("adaptor.new");
        fs::write(&source, format!("#!/bin/sh\n{script}\n")).expect("writes");
        // By another process: no child of another test's thread has it open for writing.
        let copied = std::process::Command::new("install")
            .args(["-m", "755"])
            .args([&source, &fresh])
            .status();
        assert!(copied.expect("install runs").success());
        fs::rename(&fresh, &path).expect("replaces");
        fs::remove_file(&source).expect("ours");
    }

    /// Stores an event; its id.
    pub fn event(&mut self, seq: i64) -> String {
        let row = row(seq, self.now);
        let batch = Batch {
            new: vec![row.clone()],
            ..Batch::default()
        };
        self.store.commit(&batch).expect("stored");
        row.event.id
    }

    /// The authority acknowledges the alert of an event.
    pub fn acknowledge(&mut self, seq: i64) {
        let settlement = Settlement {
            taken: &[(seq, 1)],
            acknowledged: Some(self.now.as_millisecond()),
            ..Settlement::default()
        };
        let settled = self.store.settle_deliveries(self.sink, settlement);
        settled.expect("settled");
    }

    /// A document of a type about these events, valid for a week around now.
    pub fn document(&self, kind: RequestType, reference: &str, events: &[String]) -> Value {
        let at = |days: i64| (self.now + SignedDuration::from_hours(24 * days)).to_string();
        let mut document = json!({
            "type": kind.name(), "reference": reference, "ground": kind.ground(),
            "purpose": kind.purpose(), "events": events,
            "agent": {"designation": "CANARY-AGENT-7", "commission": "COM-1",
                      "from": at(-100), "until": at(100)},
            "valid_from": at(-1), "valid_until": at(7),
        });
        if matches!(kind, RequestType::A | RequestType::B) {
            document["beneficiary"] = "public-authority".into();
        }
        if kind == RequestType::C {
            document["category"] = "kept".into();
            document["authorisation"] = json!({"number": "AUT-9", "technique": "L851-1",
                "from": at(-1), "until": at(3)});
        }
        document
    }

    /// The envelope of a document, as its right issuer makes it.
    pub fn envelope(&mut self, document: &Value) -> Vec<u8> {
        let kind = kind_of(document);
        self.serial += 1;
        self.signed(kind, kind, self.serial, document)
    }

    /// An envelope, by whatever key.
    pub fn signed(
        &self,
        key: ContentKind,
        kind: ContentKind,
        serial: u64,
        document: &Value,
    ) -> Vec<u8> {
        let draft = Draft {
            kind,
            change: Change::Add,
            expires: self.now + SignedDuration::from_hours(24),
            format: Format::Text,
            issued: self.now - SignedDuration::from_mins(1),
            order: None,
            recipient: None,
            serial,
        };
        let (mut out, mut content) = (Vec::new(), Cursor::new(document.to_string()));
        create(self.keys.signer(key), draft, &mut content, &mut out).expect("an envelope");
        out
    }

    pub fn hand_in(&self, envelope: &[u8]) -> Result<CaseRow, Error> {
        self.desk.submit(&desk_actor(), &spool(envelope), self.now)
    }

    pub fn submit(&mut self, document: &Value) -> Result<CaseRow, Error> {
        let envelope = self.envelope(document);
        self.hand_in(&envelope)
    }

    pub fn approve(&self, uid: u32, reference: &str) -> Result<CaseRow, Error> {
        let actor = actor(uid, Role::Operator);
        self.desk.approve(&actor, reference, self.now)
    }

    pub fn approve_both(&self, reference: &str) -> Result<CaseRow, Error> {
        self.approve(RESPONSIBLE, reference)?;
        self.approve(DESIGNATED, reference)
    }

    /// The entries of the journal about requests.
    pub fn told(&self) -> Vec<Value> {
        self.told_since(0)
    }

    /// The same from an index on.
    pub fn told_since(&self, from: u64) -> Vec<Value> {
        let all = self.journal.page(from, Page::MOST).expect("reads").rows;
        let read = |row: sensor_user::model::request::JournalRow| {
            serde_json::from_str::<Value>(row.entry.as_ref().expect("nothing is hidden").get())
                .expect("JSON")
        };
        let entries = all.into_iter().map(read);
        entries
            .filter(|entry| entry["action"] == "request")
            .collect()
    }

    /// The steps that the journal tells of a request.
    pub fn steps(&self, reference: &str) -> Vec<String> {
        let told = self.told();
        let of = told.iter().filter(|entry| entry["reference"] == reference);
        of.map(|entry| entry["step"].as_str().expect("a step").to_owned())
            .collect()
    }

    pub fn exports(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.dir.path().join("exports")) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.map(|one| one.expect("an entry").path()).collect();
        // What says that it is this directory.
        paths.retain(|path| !path.ends_with(".marker-sensor"));
        paths.sort();
        paths
    }

    pub fn export(&self, row: &CaseRow) -> Vec<u8> {
        let name = row.file.as_ref().expect("a file");
        fs::read(self.dir.path().join("exports").join(name)).expect("it is there")
    }

    /// Manifest and records of an export, opened with the key of its type and verified.
    pub fn opened(&self, row: &CaseRow) -> (Value, Vec<Value>) {
        let text = decrypted(self.keys.identity(row.kind), &self.export(row)).expect("it opens");
        let text = String::from_utf8(text).expect("text");
        let (note, rest) = text.split_once("\n\n").expect("a signed note");
        let (signature, content) = rest.split_once("\n\n").expect("a signature");
        let signature = signature.split_whitespace().nth(2).expect("a signature");
        let blob = sensor_user::crypto::unbase64(signature).expect("base64");
        assert_eq!(blob[..4], self.keys.sensor.id);
        let signed = format!("{note}\n");
        let bytes = blob[4..].try_into().expect("64 bytes");
        assert!(self.keys.sensor.key.verifies(signed.as_bytes(), bytes));
        let mut lines = note.lines();
        assert_eq!(lines.next(), Some("marker-sensor-disclosure 1"));
        let manifest: Value = serde_json::from_str(lines.next().expect("a line")).expect("JSON");
        let digest = sensor_user::crypto::sha256(&[content.as_bytes()]);
        assert_eq!(
            manifest["content_sha256"],
            sensor_user::crypto::hex(&digest)
        );
        let read = |line: &str| serde_json::from_str(line).expect("JSON");
        (manifest, content.lines().map(read).collect())
    }

    /// Every byte that is kept, by file; the exports, which go to the authority, left out.
    pub fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut kept = Vec::new();
        collect(self.dir.path(), &mut kept);
        kept.retain(|(path, _)| !path.ends_with("adaptor"));
        kept
    }
}

/// What the subscriber system answers unless told otherwise.
const ANSWER: &str = "read -r line\nprintf '{\"identity\":\"CANARY-NAME\",\"postal_address\":\"CANARY-STREET\",\"email\":\"canary@mail.example\"}'";

fn open(
    dir: &TempDir,
    keys: &Keys,
    config: &Requests,
    store: &Store,
    journal: &Arc<Journal>,
    sensor_key: &str,
) -> Desk {
    Desk::open(DeskParts {
        sensor: "pop1".into(),
        state: dir.path().into(),
        config: config.clone(),
        issuers: keys.pinned(),
        signer: SignerKey::parse(sensor_key).expect("a key"),
        journal: Arc::clone(journal),
        events: store.another().expect("another handle"),
    })
    .expect("a desk")
}

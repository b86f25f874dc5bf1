//! Who asks, and with what.

use std::{fs, io::Read as _, path::PathBuf};

use age::{Decryptor, x25519::Identity};
use jiff::{SignedDuration, Timestamp};
use sensor_tests::{
    command,
    daemon::{Answer, GROUP, Home, PERSONS, Sensord},
    issuer::Issuer,
};
use serde_json::{Value, json};

/// The user of the desk.
pub const DESK: u32 = 60_003;

/// The authority: one key for each type of request, and one for what it is answered.
pub struct Authority {
    pub orders: Issuer,
    pub request_a: Issuer,
    pub request_b: Issuer,
    /// Another service than the authority.
    pub request_c: Issuer,
    pub notices: Issuer,
    /// Of the types A, B and C.
    identities: [Identity; 3],
}

impl Authority {
    pub fn new() -> Self {
        Self {
            orders: Issuer::new("authority.example"),
            request_a: Issuer::new("authority.example"),
            request_b: Issuer::new("authority.example"),
            request_c: Issuer::new("gic.example"),
            notices: Issuer::new("authority.example"),
            identities: std::array::from_fn(|_| Identity::generate()),
        }
    }

    /// The lines that pin its keys and set the desk up.
    pub fn pins(&self, home: &Home) -> String {
        let [responsible, designated] = PERSONS;
        let [a, b, c] = self.identities.each_ref().map(Identity::to_public);
        format!(
            "{}{}kind = \"request-a\"\n{}kind = \"request-b\"\n{}kind = \"request-c\"\n{}kind = \"request-notice\"\n\
             [requests]\nexport-dir = {:?}\nresponsible = [{responsible}]\n\
             designated = [{designated}]\n\
             commissions = [{{reference = \"COM-1\", until = \"2100-01-01T00:00:00Z\", types = \
             [\"request-a\", \"request-b\", \"request-c\", \"request-notice\"]}}]\n\
             [requests.recipients]\nrequest-a = \"{a}\"\nrequest-b = \"{b}\"\n\
             request-c = \"{c}\"\n\
             [requests.tariff]\nversion = \"2027-1\"\nrequest-b = \"TECH\"\n",
            self.orders.pin(),
            self.request_a.pin(),
            self.request_b.pin(),
            self.request_c.pin(),
            self.notices.pin(),
            exports(home),
        )
    }

    /// What opens the answer to a request.
    pub fn identity_for(&self, row: &Value) -> &Identity {
        let [a, b, c] = &self.identities;
        match row["type"].as_str() {
            Some("request-a") => a,
            Some("request-c") => c,
            _ => b,
        }
    }
}

/// The table of roles with the desk in it.
pub fn roles() -> String {
    format!("[[control.role]]\nrole = \"desk\"\nusers = [{DESK}]\n")
}

pub fn exports(home: &Home) -> PathBuf {
    home.state().with_file_name("exports")
}

/// A document of a type about events.
pub fn document(kind: &str, reference: &str, events: &[&str]) -> Value {
    let at = |days: i64| (Timestamp::now() + SignedDuration::from_hours(24 * days)).to_string();
    let (ground, purpose) = match kind {
        "request-a" => ("L2321-3-1", "alert"),
        "request-b" => ("L2321-3-2", "characterise-threat"),
        "request-c" => ("L851-1", "answer-authorised-request"),
        _ => ("L33-14-5", "inform-subscribers"),
    };
    let mut document = json!({
        "type": kind, "reference": reference, "ground": ground, "purpose": purpose,
        "events": events, "valid_from": at(-1), "valid_until": at(7),
        "agent": {"designation": "AG-7", "commission": "COM-1", "from": at(-100), "until": at(100)},
    });
    if matches!(kind, "request-a" | "request-b") {
        document["beneficiary"] = "public-authority".into();
    }
    if kind == "request-c" {
        document["category"] = "kept".into();
        document["authorisation"] = json!({"number": "AUT-9", "technique": "L851-1",
            "from": at(-1), "until": at(3)});
    }
    document
}

/// Hands a signed request in as the desk does.
pub fn submit(daemon: &Sensord, issuer: &Issuer, serial: u64, document: &Value) -> Answer {
    let kind = document["type"].as_str().expect("a type");
    let text = document.to_string();
    let envelope = issuer.envelope(serial, text.as_bytes(), &["--kind", kind]);
    let envelope = String::from_utf8(envelope).expect("text");
    daemon.ask_as(DESK, "POST", "/v1/requests", &envelope)
}

pub fn approve(daemon: &Sensord, uid: u32, reference: &str) -> Answer {
    daemon.ask_as(
        uid,
        "POST",
        &format!("/v1/requests/{reference}/approve"),
        "",
    )
}

/// The same where nobody lives to answer.
pub fn ask_in_vain(home: &Home, uid: u32, path: &str, body: &[u8]) {
    let (uid, group) = (format!("--reuid={uid}"), format!("--regid={GROUP}"));
    let (socket, url) = (home.socket(), format!("http://sensor{path}"));
    let socket = socket.to_str().expect("a path in UTF-8");
    let person = ["setpriv", &uid, &group, "--clear-groups"];
    let curl = ["curl", "-sS", "--unix-socket", socket, "-X", "POST"];
    let rest = ["--data-binary", "@-", &url];
    let words = [&person[..], &curl, &rest].concat();
    let (code, _, _) = command::said(command::feed(&words, body));
    assert_ne!(code, 0, "the agent died");
}

/// The steps that the journal tells of a request, each with its code.
pub fn steps(daemon: &Sensord, reference: &str) -> Vec<String> {
    let entries = daemon.client().journal();
    let of = entries
        .iter()
        .filter(|entry| entry["action"] == "request" && entry["reference"] == reference);
    of.map(|entry| entry["step"].as_str().expect("a step").to_owned())
        .collect()
}

/// Manifest and records of an export, opened with an identity.
pub fn opened(home: &Home, row: &Value, identity: &Identity) -> Option<(Value, Vec<Value>)> {
    let name = row["file"].as_str().expect("a file");
    let encrypted = fs::read(exports(home).join(name)).expect("it is there");
    let decryptor = Decryptor::new(&encrypted[..]).expect("a header");
    let mut reader = decryptor.decrypt(std::iter::once(identity as _)).ok()?;
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    let (note, rest) = text.split_once("\n\n").expect("a signed note");
    let (_, content) = rest.split_once("\n\n").expect("a signature");
    let line = note.lines().nth(1).expect("a manifest");
    let read = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    Some((read(line), content.lines().map(read).collect()))
}

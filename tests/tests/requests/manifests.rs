//! What is known of requests to those who are not asked: manifests to oversight, refused decisions and
//! lost submissions to the journal.

use std::fs;

use sensor_tests::{
    command,
    daemon::{GROUP, Home, PERSONS, Sensord, Settings},
    need,
    netns::Netns,
};
use sensor_user::crypto::{hex, sha256};
use serde_json::{Value, json};

use crate::{
    crash::{EVENT, seed},
    scene::{Authority, DESK, approve, document, exports, opened, roles, submit},
};

/// Reads all of it, the part of ARCEP, the part of the CNCTR.
const OVERSEERS: [u32; 3] = [60_010, 60_011, 60_012];

fn settings(home: &Home, authority: &Authority) -> Settings {
    let mut settings = Settings::on(Vec::new());
    settings.control = format!("max-body = \"64KiB\"\noversight-group = {GROUP}\n") + &roles();
    for (uid, scopes) in OVERSEERS
        .iter()
        .zip(["", "scopes = [\"arcep\"]", "scopes = [\"cnctr\"]"])
    {
        settings.control +=
            &format!("[[control.role]]\nrole = \"oversight\"\nusers = [{uid}]\n{scopes}\n");
    }
    settings.more = authority.pins(home);
    settings
}

/// A request of somebody on oversight's socket: status and body.
fn oversee(home: &Home, uid: u32, method: &str, path: &str) -> (u16, Value) {
    let socket = home.socket().with_file_name("oversight.sock");
    let (uid, group) = (format!("--reuid={uid}"), format!("--regid={GROUP}"));
    let socket = socket.to_str().expect("a path in UTF-8");
    let url = format!("http://sensor{path}");
    let person = ["setpriv", &uid, &group, "--clear-groups"];
    let curl = ["curl", "-sS", "--unix-socket", socket, "-X", method];
    let words = [&person[..], &curl, &["-w", "%{http_code}", &url]].concat();
    let (code, text, error) = command::said(command::output(&words));
    assert_eq!(code, 0, "{error}");
    let (body, status) = text.split_at(text.len() - 3);
    let body = serde_json::from_str(body).expect("JSON");
    (status.parse().expect("a status"), body)
}

/// A sensor that was asked for the records of its event, as REQ-1.
fn asked<'a>(netns: &'a Netns, home: &'a Home, authority: &Authority) -> Sensord<'a> {
    netns.enter();
    seed(home);
    let daemon = Sensord::start(home, netns, &settings(home, authority));
    let request = document("request-b", "REQ-1", &[EVENT]);
    let answer = submit(&daemon, &authority.request_b, 1, &request);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    daemon
}

#[test]
fn oversight_reads_the_manifest_of_a_disclosure_and_no_record() {
    if !need::root_and(&["setpriv", "curl"]) {
        return;
    }
    let (netns, home, authority) = (Netns::new("alone"), Home::new(), Authority::new());
    let daemon = asked(&netns, &home, &authority);
    let path = "/v1/requests/REQ-1/manifests";
    let (_, none) = oversee(&home, OVERSEERS[0], "GET", path);
    assert_eq!(none["manifests"], json!([]), "nothing went out yet");
    let mut row = json!(null);
    for uid in PERSONS {
        row = approve(&daemon, uid, "REQ-1").body;
    }
    assert_eq!(row["stage"], "disclosed");

    // Of those whose business it is, each reads it, with nobody's approval.
    let (status, whole) = oversee(&home, OVERSEERS[0], "GET", path);
    assert_eq!(status, 200, "{whole}");
    assert_eq!(
        oversee(&home, OVERSEERS[1], "GET", path),
        (200, whole.clone())
    );
    assert_eq!(oversee(&home, OVERSEERS[2], "GET", path).0, 404);
    for uid in [DESK, OVERSEERS[2]] {
        let elsewhere = daemon.ask_as(uid, "GET", path, "");
        assert_ne!(elsewhere.status, 200, "{uid}: {:?}", elsewhere.body);
    }
    let notes = whole["manifests"].as_array().expect("a list");
    assert_eq!((notes.len(), &notes[0]["handover"]), (1, &json!(1)));
    let note = notes[0]["note"].as_str().expect("a note");

    // It is signed by the sensor, says what the authority's own manifest says, and is the journal's.
    let (text, signature) = note.split_once("\n\n").expect("a signed note");
    let key = fs::read_to_string(home.state().join("keys/sensor.key")).expect("a key");
    let key = sensor_user::crypto::SignerKey::parse(key.trim()).expect("a key");
    let blob = signature.split_whitespace().nth(2).expect("a signature");
    let blob = sensor_user::crypto::unbase64(blob).expect("base64");
    let signed = blob[4..].try_into().expect("64 bytes");
    let text = format!("{text}\n");
    assert!(key.public().key.verifies(text.as_bytes(), signed));
    let kept: Value = serde_json::from_str(text.lines().nth(1).expect("a line")).expect("JSON");
    let (manifest, records) = opened(&home, &row, authority.identity_for(&row)).expect("it opens");
    for (name, value) in manifest.as_object().expect("an object") {
        match name.as_str() {
            // What would prove the records to whoever guesses them, once they are gone.
            "content_length" | "content_sha256" => assert!(kept.get(name).is_none()),
            _ => assert_eq!(&kept[name], value, "{name}"),
        }
    }
    let name = row["file"].as_str().expect("a file");
    let export = fs::read(exports(&home).join(name)).expect("it is there");
    assert_eq!(kept["export_sha256"], hex(&sha256(&[&export])));
    let journal = daemon.client().journal();
    let disclosed = journal.iter().find(|entry| entry["step"] == "disclosed");
    let disclosed = disclosed.expect("an entry");
    assert_eq!(disclosed["digest"], kept["export_sha256"]);
    assert_eq!(disclosed["manifest"], hex(&sha256(&[note.as_bytes()])));
    for personal in [
        &records[0]["src_ip"],
        &records[0]["id"],
        &records[0]["dst_ip"],
    ] {
        let personal = personal.as_str().expect("text");
        assert!(!note.contains(personal), "{personal}");
    }
    let (code, printed, error) = daemon.control(&["requests", "manifests", "REQ-1"]);
    assert_eq!(code, 0, "{error}");
    assert!(printed.contains(note.trim_end()), "{printed}");
    assert!(daemon.stop().success());
}

#[test]
fn who_may_not_decide_and_what_was_not_judged_is_counted() {
    if !need::root_and(&["setpriv", "curl"]) {
        return;
    }
    let (netns, home, authority) = (Netns::new("alone"), Home::new(), Authority::new());
    let daemon = asked(&netns, &home, &authority);
    let approvals = "/v1/requests/REQ-1/approve";
    assert_eq!(approve(&daemon, DESK, "REQ-1").status, 403);
    assert_eq!(oversee(&home, OVERSEERS[0], "POST", approvals).0, 403);
    let by_root = daemon.client().post(approvals, "").expect("an answer");
    assert_eq!(by_root.body["code"], "no_person");

    // One that is larger than any may be, and one that finds the store failing.
    let large = daemon.ask_as(DESK, "POST", "/v1/requests", &"x".repeat(65 << 10));
    assert_eq!(large.status, 413, "{:?}", large.body);
    fs::write(home.fault(), "request_submitted fail").expect("a writable directory");
    let lost = document("request-b", "REQ-2", &[EVENT]);
    let answer = submit(&daemon, &authority.request_b, 2, &lost);
    assert_eq!(answer.status, 500, "{:?}", answer.body);
    fs::remove_file(home.fault()).expect("it is there");
    // What was announced and not kept may be submitted again.
    let again = submit(&daemon, &authority.request_b, 2, &lost);
    assert_eq!(again.status, 200, "{:?}", again.body);

    let journal = daemon.client().journal();
    let of = |step: &str| -> Vec<(u64, String)> {
        let entries = journal.iter().filter(|entry| entry["step"] == step);
        let told = |entry: &Value| {
            let code = entry["code"].as_str().unwrap_or_default().to_owned();
            (entry["uid"].as_u64().expect("a number"), code)
        };
        entries.map(told).collect()
    };
    assert_eq!(
        of("decision_refused"),
        [
            (DESK.into(), "denied".to_owned()),
            (OVERSEERS[0].into(), "denied".to_owned()),
            (0, "no_person".to_owned()),
        ]
    );
    let desk = u64::from(DESK);
    assert_eq!(of("failed"), [(desk, "too_large".to_owned())]);
    assert_eq!(of("lost"), [(desk, "store".to_owned())]);
    let (code, report, error) = daemon.control(&["requests", "report"]);
    assert_eq!(code, 0, "{error}");
    let line = |name: &str| {
        let line = report.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{report}")).to_owned()
    };
    assert!(
        line("unverified").contains("1 failed, 2 decisions refused"),
        "{report}"
    );
    assert!(
        line("request-b").contains("3 submitted, 1 lost"),
        "{report}"
    );
    assert!(
        line("request-b").contains("1 decisions refused"),
        "{report}"
    );
    let metrics = daemon.metrics();
    let series = metrics
        .lines()
        .find(|line| line.contains("submissions_lost"));
    assert!(
        series.is_some_and(|line| line.ends_with(" 2")),
        "{series:?}"
    );
    assert!(daemon.stop().success());
}

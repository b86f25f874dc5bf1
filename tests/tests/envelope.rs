//! Signed envelopes on a running sensor: what is refused has its code and changes nothing, what is
//! accepted is live, and no serial is ever accepted twice, a restored backup included.

use std::{fs, path::Path, thread, time::Duration};

use sensor_tests::{
    command::{feed, output, run, said, wait_until},
    daemon::{Answer, Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events},
    issuer::{Issuer, bundle},
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
};
use serde_json::{Value, json};

const OLD: &str = "203.0.113.5";
const NEW: &str = "203.0.113.6";

fn frame(to: &str) -> Vec<u8> {
    let to: std::net::Ipv4Addr = to.parse().expect("an address");
    let body = Body::udp(1024, 53, b"x");
    Frame::new(Ip4::new([10, 1, 0, 2].into(), to, body)).bytes()
}

fn settings(pins: &[String]) -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.more = pins.concat();
    settings
}

fn submit(client: &Client, envelope: &[u8]) -> Answer {
    let answer = client.request("POST", "/v1/envelopes", envelope);
    answer.expect("an answer")
}

/// What a refusal must leave as it is: image, catalogue, and what the kernel matches.
fn state(wire: &Wire, client: &Client) -> (Value, Value, [u64; 2]) {
    let hits = [OLD, NEW].map(|to| {
        let before = Identities::settled(client).kernel["hits"];
        wire.send(&[frame(to)], 1_000);
        Identities::settled(client).kernel["hits"] - before
    });
    let markers = client.get("/v1/markers").expect("an answer").body;
    (client.status()["markers"].clone(), markers, hits)
}

fn refused(client: &Client, envelope: &[u8], status: u16, code: &str) {
    let answer = submit(client, envelope);
    let told = (answer.status, answer.body["code"].as_str());
    assert_eq!(told, (status, Some(code)), "{:?}", answer.body);
    let sentence = answer.body["error"].as_str().expect("a sentence");
    assert!(sentence.ends_with("nothing was changed"), "{sentence}");
    let journal = client.journal();
    let last = |action: &str| journal.iter().rfind(|entry| entry["action"] == action);
    let last = last("envelope_refused").expect("a journal entry");
    assert_eq!(last["code"], code, "{last}");
}

/// A program's output for an input.
fn filtered(words: &[&str], input: &[u8]) -> Vec<u8> {
    let output = feed(words, input);
    assert!(output.status.success(), "{words:?}");
    output.stdout
}

#[test]
fn what_is_refused_has_its_code_and_the_old_set_goes_on_matching() {
    if !need::root_and(&["tcpreplay", "gzip"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let authority = Issuer::new("authority.example");
    // The same name, another key; another name; a pinned key whose time is over.
    let (impostor, stranger) = (Issuer::new("authority.example"), Issuer::new("somebody"));
    let former = Issuer::new("former.example");
    let over = format!("{}not-after = \"2020-01-01T00:00:00Z\"\n", former.pin());
    let settings = settings(&[authority.pin(), over]);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let old = format!("ip {OLD} id=old\n");
    let first = authority.envelope(5, old.as_bytes(), &[]);
    let answer = submit(&client, &first);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let before = state(&wire, &client);
    assert_eq!(before.2, [1, 0], "the old set matches");

    let new = format!("ip {NEW} id=new\n");
    let new = new.as_bytes();
    let good = authority.envelope(6, new, &[]);
    let text = String::from_utf8(good.clone()).expect("text");
    let swapped = text.replace(NEW, "203.0.113.7");
    let other_manifest = text.replace("\"serial\":6", "\"serial\":9");
    let bomb = "[".repeat(1 << 20);
    let line = text.lines().nth(1).expect("a manifest");
    let bombed = text.replace(line, &bomb);
    let huge = text.replace(line, &" ".repeat(3 << 20));
    let expired = authority.envelope(6, new, &["--expires", "PT1S"]);
    thread::sleep(Duration::from_millis(1_200));
    let cases: [(&[u8], u16, &str); 17] = [
        (other_manifest.as_bytes(), 403, "bad_signature"),
        (bombed.as_bytes(), 403, "bad_signature"),
        (huge.as_bytes(), 413, "too_large"),
        (&first, 409, "replayed"),
        (&authority.envelope(5, new, &[]), 409, "replayed"),
        (&authority.envelope(4, new, &[]), 409, "rolled_back"),
        (&stranger.envelope(6, new, &[]), 403, "unknown_issuer"),
        (&impostor.envelope(6, new, &[]), 403, "unknown_key"),
        (&former.envelope(6, new, &[]), 403, "key_not_valid"),
        (&good[..good.len() - 3], 422, "truncated"),
        (&good[..60], 422, "truncated"),
        (swapped.as_bytes(), 422, "content_mismatch"),
        (&filtered(&["gzip", "-c"], &good), 415, "compressed"),
        (b"PK\x03\x04and so on", 415, "compressed"),
        (new, 422, "not_an_envelope"),
        (&expired, 422, "expired"),
        (
            &authority.envelope(6, new, &["--recipient", "pop2"]),
            422,
            "wrong_recipient",
        ),
    ];
    for (envelope, status, code) in cases {
        refused(&client, envelope, status, code);
    }
    // Signed, but the content is none: refused by its lines.
    let bomb = authority.envelope(7, bomb.as_bytes(), &[]);
    let answer = submit(&client, &bomb);
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (422, &json!("refused"))
    );
    assert_eq!(state(&wire, &client), before);
    let journal = client.journal();
    let values = journal.iter().map(Value::to_string).collect::<String>();
    assert!(!values.contains("203.0.113"), "no value in the journal");
    assert!(!daemon.stderr().contains("203.0.113"), "none in the log");

    // What is refused costs no serial.
    let answer = submit(
        &client,
        &authority.envelope(6, new, &["--recipient", "pop1"]),
    );
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(state(&wire, &client).2, [0, 1], "the new set matches");
    assert!(daemon.stop().success());
}

#[test]
fn a_serial_is_accepted_once_across_restarts_and_restored_backups() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let authority = Issuer::new("authority.example");
    let settings = settings(&[authority.pin()]);
    let of = |serial: u64, to: &str| {
        let content = format!("ip {to} id=m\n");
        authority.envelope(serial, content.as_bytes(), &["--add"])
    };
    let (one, two) = (of(1, OLD), of(2, NEW));
    let daemon = Sensord::start(&home, &wire.to, &settings);
    assert_eq!(submit(&daemon.client(), &one).status, 200);
    assert!(daemon.stop().success());
    let copy = |from: &Path, to: &Path| {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        run(&["rm", "-rf", &text(to)]);
        run(&["cp", "-a", &text(from), &text(to)]);
    };
    let (state, kept) = (home.state(), home.state().with_extension("kept"));
    copy(&state, &kept);

    let daemon = Sensord::start(&home, &wire.to, &settings);
    refused(&daemon.client(), &one, 409, "replayed");
    assert_eq!(submit(&daemon.client(), &two).status, 200);
    let journal = daemon.client().journal();
    let accepted: Vec<_> = journal
        .iter()
        .filter(|entry| entry["action"] == "envelope_accepted")
        .map(|entry| entry["serial"].as_u64().expect("a serial"))
        .collect();
    assert_eq!(accepted, [1, 2]);
    assert!(daemon.stop().success());

    for (what, sentence) in [
        (
            "catalog.db",
            "has not the last envelope of issuer authority.example",
        ),
        ("journal", "is not the journal that"),
    ] {
        let present = home.state().with_extension("present");
        copy(&state, &present);
        copy(&kept.join(what), &state.join(what));
        let mut daemon = Sensord::spawn(&home, &wire.to, &settings);
        let status = daemon.wait().expect("it ends by itself");
        assert_eq!(status.code(), Some(65), "{what}: {}", daemon.stderr());
        let said = daemon.stderr();
        let last = said.lines().last().expect("a sentence");
        assert!(last.contains(sentence), "{last}");
        assert!(last.contains("sensord accept-restore"), "{last}");
        drop(daemon);
        accept_restore(&home);
        let daemon = Sensord::start(&home, &wire.to, &settings);
        refused(&daemon.client(), &one, 409, "rolled_back");
        refused(&daemon.client(), &two, 409, "replayed");
        let journal = daemon.client().journal();
        let taken = |entry: &&Value| entry["action"] == "restore_accepted";
        assert_eq!(journal.iter().filter(taken).count(), 1);
        assert!(daemon.stop().success());
        copy(&present, &state);
    }
}

fn accept_restore(home: &Home) {
    let program = sensor_tests::daemon::binary("sensord");
    let (program, config) = (program.to_str().expect("UTF-8"), home.config());
    let config = config.to_str().expect("UTF-8");
    let said = run(&[program, "accept-restore", "--config", config]);
    assert!(said.contains("accepted and journalled"), "{said}");
    let again = run(&[program, "accept-restore", "--config", config]);
    assert!(again.contains("nothing was changed"), "{again}");
}

#[test]
fn an_order_gives_its_markers_an_end_and_the_stricter_marking() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let authority = Issuer::new("authority.example");
    let dedicated = "[legal]\ndedicated-passive = true\n".to_owned();
    let settings = settings(&[authority.pin(), dedicated]);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let content = b"ip 203.0.113.5 id=a until=2200-01-01T00:00:00Z tlp=CLEAR pap=RED\n\
                    ip 203.0.113.6 id=b until=2020-01-01T00:00:00Z tlp=RED pap=CLEAR\n";
    let options = ["--order", "ORD-1", "--duration", "P30D", "--tlp", "AMBER"];
    let envelope = authority.envelope(1, content, &options);
    let answer = submit(&client, &envelope);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let held = answer.body["markers"].clone();
    assert_eq!((held, &answer.body["expired"]), (json!(2), &json!(1)));
    let order = client.get("/v1/orders/ORD-1").expect("an answer").body;
    let end: jiff::Timestamp = order["end"]
        .as_str()
        .expect("an end")
        .parse()
        .expect("a time");
    let days = end.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert_eq!(days, 29);
    let row = client.get("/v1/markers/b").expect("an answer").body;
    assert_eq!(row["not_in_force"], "over", "its own end is before");
    wire.send(&[frame(OLD)], 1_000);
    let found = || events(&client).into_iter().next();
    assert!(wait_until(Duration::from_secs(10), || found().is_some()));
    let event = found().expect("an event");
    assert_eq!(event["orders"], json!(["ORD-1"]));
    assert_eq!(
        (&event["tlp"], &event["pap"]),
        (&json!("AMBER"), &json!("RED"))
    );
    let journal = client.journal();
    let accepted = journal
        .iter()
        .rfind(|entry| entry["action"] == "order_accepted");
    let told = &accepted.expect("a journal entry")["envelope"];
    assert_eq!(told["order"], "ORD-1");
    assert!(daemon.stop().success());
}

#[test]
fn an_issuer_replaces_what_it_brought_and_nothing_else() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let (authority, partner) = (
        Issuer::new("authority.example"),
        Issuer::new("partner.example"),
    );
    let pin = format!("{}authority = false\n", partner.pin());
    let settings = settings(&[authority.pin(), pin]);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let ids = |client: &Client| {
        let rows = client.get("/v1/markers").expect("an answer").body["rows"].clone();
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| (row["id"].clone(), row["source"]["serial"].clone()))
            .collect::<Vec<_>>()
    };
    let given = |envelope: &[u8]| {
        let answer = submit(&client, envelope);
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    };
    let mine = format!("ip {OLD} id=mine\n");
    client.load(&mine);
    given(&authority.envelope(4, b"ip 198.51.100.4 id=signed\n", &[]));
    given(&partner.envelope(7, format!("ip {NEW} id=theirs\n").as_bytes(), &[]));
    let all = [
        (json!("mine"), json!(null)),
        (json!("signed"), json!(4)),
        (json!("theirs"), json!(7)),
    ];
    assert_eq!(ids(&client), all);
    assert_eq!(state(&wire, &client).2, [1, 1]);
    let row = client.get("/v1/markers/theirs").expect("an answer").body;
    let source = json!({"issuer": "partner.example", "serial": 7});
    assert_eq!((&row["source"], &row["orders"]), (&source, &json!([])));
    let (_, told, _) = daemon.control(&["markers", "show", "theirs"]);
    assert!(told.contains("envelope 7 of partner.example"), "{told}");
    // Nobody's file ends what others brought, nor takes their ids for something else.
    client.load(&mine);
    assert_eq!(ids(&client), all);
    for content in ["ip 198.51.100.9 id=mine\n", "ip 198.51.100.9 id=signed\n"] {
        for more in [&["--add"][..], &[]] {
            let answer = submit(&client, &partner.envelope(8, content.as_bytes(), more));
            assert_eq!(answer.status, 409, "{:?}", answer.body);
        }
    }
    assert_eq!(ids(&client), all);
    given(&partner.envelope(8, b"ip 198.51.100.8 id=other\n", &[]));
    assert_eq!(state(&wire, &client).2, [1, 0]);
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    assert_eq!(
        ids(&client),
        [
            (json!("mine"), json!(null)),
            (json!("other"), json!(8)),
            (json!("signed"), json!(4)),
        ]
    );
    assert_eq!(client.status()["markers"]["total"], 3);
    assert_eq!(state(&wire, &client).2, [1, 0]);
    assert!(daemon.stop().success());
}

#[test]
fn the_commands_of_an_issuer() {
    let authority = Issuer::new("authority.example");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| {
        let path = directory.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    };
    let envelope = authority.envelope(3, b"ip 203.0.113.5\n", &["--recipient", "pop1"]);
    fs::write(path("env"), &envelope).expect("a writable directory");
    let verify = |more: &[&str]| {
        let file = path("env");
        let words = [&["verify", "--issuer", &authority.key, &file], more].concat();
        bundle(&words)
    };
    let (code, text, error) = verify(&[]);
    assert_eq!(code, 0, "{error}");
    assert!(
        text.contains("authority.example") && text.contains("pop1"),
        "{text}"
    );
    assert!(!text.contains("203.0.113.5"), "{text}");
    let (_, json, _) = verify(&["--json"]);
    let answer: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(answer["manifest"]["serial"], 3);
    assert_eq!(answer["digest"].as_str().map(str::len), Some(64));
    let (code, _, error) = verify(&["--recipient", "pop2", "--json"]);
    let failure: Value = serde_json::from_str(&error).expect("JSON");
    assert_eq!((code, &failure["code"]), (65, &json!("wrong_recipient")));
    let (code, _, error) = verify(&["--at", "2200-01-01T00:00:00Z"]);
    assert!(code == 65 && error.contains("expired"), "{error}");
    // A key that others can read is no key; nothing is overwritten.
    let key = authority.key_file();
    let key = key.to_str().expect("UTF-8");
    let (code, _, error) = bundle(&["keygen", "--name", "x", "--out", key]);
    assert!(code == 74 && error.contains("exists"), "{error}");
    run(&["chmod", "640", key]);
    let content = path("env");
    let out = path("out");
    let words = ["create", "--key", key, "--serial", "1", "--expires", "P1D"];
    let (code, _, error) = bundle(&[&words[..], &["--out", &out, &content]].concat());
    assert!(code == 65 && error.contains("chmod 600"), "{error}");
    // Standard output takes an envelope as it is.
    run(&["chmod", "600", key]);
    let program = sensor_tests::daemon::binary("sensorctl");
    let program = program.to_str().expect("UTF-8");
    let words = [&[program, "bundle"], &words[..], &["--out", "-", &content]].concat();
    let made = output(&words);
    assert!(made.stdout.starts_with(b"marker-sensor-envelope 1\n"));
    let (code, _, _) = said(made);
    assert_eq!(code, 0);
}

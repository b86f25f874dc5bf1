//! The declaration gate: without a record of the present facts nothing is attached and nothing is in
//! force; what was attached stays, and traffic flows.

use std::fs;

use sensor_tests::{
    command::{output, said},
    daemon::{Client, Home, Interface, Sensord, Settings, binary},
    identity::Identities,
    issuer::Issuer,
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
};
use serde_json::{Value, json};

const MARKED: &str = "203.0.113.5";
const MARKERS: &str = "ip 203.0.113.5 id=m\n";

fn frame() -> Vec<u8> {
    let to: std::net::Ipv4Addr = MARKED.parse().expect("an address");
    let body = Body::udp(1024, 53, b"x");
    Frame::new(Ip4::new([10, 1, 0, 2].into(), to, body)).bytes()
}

fn settings(legal: &str) -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.more = format!("[legal]\n{legal}\n");
    settings
}

fn undeclared(legal: &str) -> Settings {
    Settings {
        declared: false,
        ..settings(legal)
    }
}

/// Hits of one marked packet.
fn hits(wire: &Wire, client: &Client) -> u64 {
    let before = Identities::settled(client).kernel["hits"];
    wire.send(&[frame()], 1_000);
    Identities::settled(client).kernel["hits"] - before
}

fn code(client: &Client, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = client.request(method, path, body.as_bytes());
    let answer = answer.expect("an answer");
    let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}

fn attached(client: &Client) -> bool {
    client.status()["interfaces"][0]["attached"] == true
}

const RECORD: &str = "{\"reference\":\"DEC-1\",\"date\":\"2026-01-31\"}";

#[test]
fn nothing_is_attached_or_in_force_before_the_declaration() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &undeclared(""));
    let client = daemon.client();
    let status = client.status();
    assert_eq!(status["declared"], "missing");
    let note = status["interfaces"][0]["notes"][0]
        .as_str()
        .expect("a note");
    assert!(note.contains("sensorctl declaration record"), "{note}");
    assert_eq!(wire.to.xdp_program(Wire::IN), None, "nothing is attached");
    let attach = format!("/v1/interfaces/{}/attach", Wire::IN);
    let missing = (409, "declaration_missing".to_owned());
    for (method, path, body) in [
        ("PUT", "/v1/markers", MARKERS),
        ("POST", "/v1/markers", MARKERS),
        ("POST", attach.as_str(), ""),
    ] {
        assert_eq!(
            code(&client, method, path, body),
            missing,
            "{method} {path}"
        );
    }
    // Removing, and emptying the set, is always allowed.
    assert_eq!(
        client
            .put("/v1/markers", "# none\n")
            .expect("an answer")
            .status,
        200
    );
    let detach = format!("/v1/interfaces/{}/detach", Wire::IN);
    assert_eq!(code(&client, "POST", &detach, "").0, 200);
    let (_, text, _) = daemon.control(&["status"]);
    assert!(text.contains("no declaration is recorded"), "{text}");

    // The document is of what runs, and its digest names it.
    let (code_of, document, error) = daemon.control(&["declaration", "export"]);
    assert_eq!(code_of, 0, "{error}");
    for told in [
        "## 1° La nature",
        "## 4° Les cat",
        "interface in0",
        "10.0.0.0/8",
    ] {
        assert!(document.contains(told), "no {told}: {document}");
    }
    let (_, report, _) = daemon.control(&["declaration", "export", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let digest = report["digest"].as_str().expect("a digest");
    assert!(document.contains(digest));
    let words = [
        "declaration",
        "record",
        "--reference",
        "DEC-1",
        "--date",
        "2026-01-31",
    ];
    let other = "0".repeat(64);
    let wrong = [&words[..], &["--digest", &other]].concat();
    let (code_of, _, error) = daemon.control(&wrong);
    assert_eq!(code_of, 69, "{error}");
    let right = [&words[..], &["--digest", digest]].concat();
    let (code_of, text, error) = daemon.control(&right);
    assert_eq!(code_of, 0, "{error}");
    assert!(
        text.contains("declared as it is") && text.contains("DEC-1"),
        "{text}"
    );

    // It was detached by hand: that stands. Attached, it works.
    assert!(!attached(&client));
    assert_eq!(code(&client, "POST", &attach, "").0, 200);
    client.load(MARKERS);
    assert_eq!(hits(&wire, &client), 1);
    let journal = client.journal();
    let entry = journal
        .iter()
        .find(|entry| entry["action"] == "declaration_recorded");
    let entry = entry.expect("a journal entry");
    assert_eq!(
        (&entry["reference"], &entry["digest"]),
        (&json!("DEC-1"), &json!(digest))
    );
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &wire.to, &undeclared(""));
    assert_eq!(
        hits(&wire, &daemon.client()),
        1,
        "a restart needs no other record"
    );
    assert!(daemon.stop().success());
}

#[test]
fn facts_that_change_empty_the_kernel_and_traffic_flows() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings(""));
    let client = daemon.client();
    client.load(MARKERS);
    assert_eq!(hits(&wire, &client), 1);
    daemon.kill9();

    let mut other = undeclared("");
    other.idle_timeout = "50s".into();
    let daemon = Sensord::start(&home, &wire.to, &other);
    let client = daemon.client();
    let status = client.status();
    assert_eq!(status["declared"], "outdated");
    assert_eq!(status["markers"]["total"], 1, "the catalogue is kept");
    assert!(attached(&client), "what was attached stays");
    let seen = |client: &Client| -> u64 {
        let outcomes = client.status()["interfaces"][0]["outcomes"].clone();
        let packets = outcomes.as_array().expect("outcomes").iter();
        packets
            .map(|row| row["packets"].as_u64().expect("a count"))
            .sum()
    };
    let before = seen(&client);
    assert_eq!(hits(&wire, &client), 0, "nothing is in force");
    assert_eq!(
        seen(&client),
        before + 1,
        "but the packet passes the program"
    );
    let row = client.get("/v1/markers/m").expect("an answer").body;
    assert_eq!(
        (&row["in_force"], &row["not_in_force"]),
        (&json!(false), &json!("undeclared"))
    );
    assert_eq!(status["markers"]["barred"], 1);
    let outdated = (409, "declaration_outdated".to_owned());
    assert_eq!(code(&client, "POST", "/v1/markers", MARKERS), outdated);
    // Asking for what is attached already changes nothing, and is no attachment.
    let attach = format!("/v1/interfaces/{}/attach", Wire::IN);
    assert_eq!(code(&client, "POST", &attach, "").0, 200);

    assert_eq!(code(&client, "POST", "/v1/declaration", RECORD).0, 200);
    assert_eq!(hits(&wire, &client), 1, "the set is in force again");
    assert!(daemon.stop().success());
    // The former facts are not those that were declared last.
    let daemon = Sensord::start(&home, &wire.to, &undeclared(""));
    let client = daemon.client();
    assert_eq!(client.status()["declared"], "outdated");
    assert_eq!(hits(&wire, &client), 0);
    let removed = client.post("/v1/markers/remove", "m\n");
    assert_eq!(removed.expect("an answer").status, 200);
    assert!(daemon.stop().success());
}

#[test]
fn what_waits_for_the_declaration_is_attached_by_it() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &undeclared(""));
    let client = daemon.client();
    assert!(!attached(&client));
    assert_eq!(code(&client, "POST", "/v1/declaration", RECORD).0, 200);
    assert!(attached(&client));
    client.load(MARKERS);
    assert_eq!(hits(&wire, &client), 1);
    assert!(daemon.stop().success());
}

#[test]
fn the_declaration_before_the_first_start() {
    if !need::root() {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = undeclared("");
    fs::write(home.config(), settings.toml(&home)).expect("a writable home");
    let (program, config) = (binary("sensord"), home.config());
    let (program, config) = (
        program.to_str().expect("UTF-8").to_owned(),
        config.to_str().expect("UTF-8").to_owned(),
    );
    let declaration = |more: &[&str]| {
        let words = [program.as_str(), "declaration", "--config", &config];
        said(output(&[&words[..], more].concat()))
    };
    let (code_of, document, error) = declaration(&[]);
    assert_eq!(code_of, 0, "{error}");
    assert!(document.starts_with("# Documentation (article R. 9-12-1"));
    assert!(
        !home.state().join("journal").exists(),
        "printing writes nothing"
    );
    let record = ["--record", "DEC-7", "--date", "2026-01-31"];
    let (code_of, text, error) = declaration(&record);
    assert!(code_of == 0 && text.starts_with("recorded"), "{error}");
    let (code_of, text, _) = declaration(&record);
    assert!(
        code_of == 0 && text.contains("nothing was changed"),
        "{text}"
    );
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let (_, online, _) = daemon.control(&["declaration", "export"]);
    assert_eq!(online, document, "both are of the same facts");
    let (_, text, _) = daemon.control(&["declaration", "show"]);
    assert!(text.contains("DEC-7"), "{text}");
    assert!(daemon.stop().success());
}

#[test]
fn regime_and_marking_decide_what_may_load() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let wire = Wire::new();
    let red = "ip 203.0.113.5 id=m pap=RED\nip 203.0.113.6 id=n\n";
    let home = Home::new();
    let daemon = Sensord::start(&home, &wire.to, &settings(""));
    let client = daemon.client();
    for method in ["PUT", "POST"] {
        let answer = client.request(method, "/v1/markers", red.as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 422, "{:?}", answer.body);
        let refused = answer.body["refused"].as_array().expect("a list");
        assert_eq!((refused.len(), &refused[0]["code"]), (1, &json!("pap_red")));
        let reason = refused[0]["reason"].as_str().expect("a reason");
        assert!(refused[0]["object"] == "m" && !reason.contains("203.0.113"));
    }
    // Of a structured file the rest loads, and what is refused is listed; nothing left is no load.
    let attribute = |address: &str, pap: &str| json!({"type": "ip-dst", "to_ids": true, "value": address, "Tag": [{"name": pap}]});
    let event = |attributes: Value| {
        json!({"Event": {"published": true, "Attribute": attributes}}).to_string()
    };
    let red_alone = json!([attribute("203.0.113.5", "PAP:RED")]);
    let both = json!([
        attribute("203.0.113.5", "PAP:RED"),
        attribute("203.0.113.6", "PAP:AMBER"),
    ]);
    let path = "/v1/markers?format=misp";
    let answer = client.put(path, &event(both)).expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let told = (&answer.body["markers"], &answer.body["refused_total"]);
    assert_eq!(told, (&json!(1), &json!(1)));
    assert_eq!(answer.body["refused"][0]["code"], "pap_red");
    let answer = client.put(path, &event(red_alone)).expect("an answer");
    let told = (answer.status, &answer.body["refused"][0]["code"]);
    assert_eq!(told, (422, &json!("pap_red")));
    assert_eq!(client.status()["markers"]["total"], 1);
    assert!(daemon.stop().success());
    let dedicated = settings("dedicated-passive = true");
    let daemon = Sensord::start(&home, &wire.to, &dedicated);
    daemon.client().load(red);
    assert_eq!(hits(&wire, &daemon.client()), 1);
    assert!(daemon.stop().success());
    // Declared otherwise again: what was loaded then is no longer in force.
    let daemon = Sensord::start(&home, &wire.to, &settings(""));
    let client = daemon.client();
    assert_eq!(client.status()["declared"], "current");
    assert_eq!(hits(&wire, &client), 0);
    let row = client.get("/v1/markers/m").expect("an answer").body;
    assert_eq!(
        (&row["in_force"], &row["not_in_force"]),
        (&json!(false), &json!("pap_red"))
    );
    let markers = client.status()["markers"].clone();
    assert_eq!(
        (&markers["barred"], &markers["over"]),
        (&json!(1), &json!(0))
    );
    assert!(daemon.stop().success());

    let (wire, home) = (Wire::new(), Home::new());
    let (authority, partner) = (
        Issuer::new("authority.example"),
        Issuer::new("partner.example"),
    );
    let mut later = settings("regime = \"2023\"\nvalidation = \"V-12\"");
    let partner_pin = format!("{}authority = false\n", partner.pin());
    later.more = format!("{}{}{partner_pin}", later.more, authority.pin());
    let daemon = Sensord::start(&home, &wire.to, &later);
    let client = daemon.client();
    let own = (409, "regime".to_owned());
    assert_eq!(code(&client, "PUT", "/v1/markers", MARKERS), own);
    let order = ["--order", "ORD-1", "--duration", "P30D"];
    let submit = |issuer: &Issuer, serial, options: &[&str]| {
        let envelope = issuer.envelope(serial, MARKERS.as_bytes(), options);
        let answer = client.request("POST", "/v1/envelopes", &envelope);
        let answer = answer.expect("an answer");
        let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
        (answer.status, code)
    };
    assert_eq!(
        submit(&authority, 1, &[]),
        own,
        "without an order it is nobody's request"
    );
    let not_authority = (403, "not_authority".to_owned());
    assert_eq!(submit(&partner, 1, &order), not_authority);
    assert_eq!(hits(&wire, &client), 0);
    assert_eq!(submit(&authority, 2, &order).0, 200);
    assert_eq!(hits(&wire, &client), 1);
    assert!(daemon.stop().success());
}

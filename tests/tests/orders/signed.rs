//! Orders in signed envelopes: the same as by hand, and the only ones under regime 2023.

use sensor_tests::{
    daemon::{Answer, Client, Interface, Sensord, Settings},
    issuer::Issuer,
    need,
    netns::Wire,
};
use serde_json::{Value, json};

use crate::scene::{MARKED, Scene, event, manifest, patterns, state};

fn settings(more: &str) -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.1.0.0/16"])]);
    settings.drain_interval = "200ms".into();
    settings.more = more.into();
    settings
}

fn submit(client: &Client, envelope: &[u8]) -> Answer {
    let answer = client.request("POST", "/v1/envelopes", envelope);
    answer.expect("an answer")
}

fn told(answer: &Answer) -> (u16, &str) {
    let code = answer.body["code"].as_str();
    (answer.status, code.unwrap_or_default())
}

fn why(client: &Client, id: &str) -> Value {
    let row = client.get(&format!("/v1/markers/{id}"));
    row.expect("an answer").body["not_in_force"].clone()
}

const BUNDLE: &str = r#"{"type": "bundle", "id": "bundle--5b6e5b5e-0000-4000-8000-000000000001",
    "objects": [{"type": "indicator", "spec_version": "2.1",
    "id": "indicator--5b6e5b5e-0000-4000-8000-000000000002",
    "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
    "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z",
    "pattern": "[ipv4-addr:value = '198.51.100.77']"}]}"#;

#[test]
fn a_signed_order_is_an_order_like_any_other() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (scene, authority) = (Scene::new(), Issuer::new("authority.example"));
    let daemon = Sensord::start(&scene.home, &scene.wire.to, &settings(&authority.pin()));
    let client = daemon.client();
    client.load(&format!("ip {MARKED} id=own\n"));
    let names = scene.home.state().with_extension("ids");
    std::fs::write(&names, "own\n").expect("a writable directory");
    let names = names.to_str().expect("UTF-8");
    let order = |reference, more: &[&'static str]| {
        let words = ["--order", reference, "--duration", "P30D"];
        [&words[..], more].concat()
    };
    let mut options = order("ORD-1", &["--threat", "THR-8", "--format", "stix"]);
    options.extend(["--named", names]);
    let envelope = authority.envelope(3, BUNDLE.as_bytes(), &options);
    let answer = submit(&client, &envelope);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(patterns(&client), 2, "what is held stays");
    let row = client.get("/v1/orders/ORD-1").expect("an answer").body;
    for (field, value) in [
        ("issuer", json!("authority.example")),
        ("serial", json!(3)),
        ("threat_reference", json!("THR-8")),
        ("state", json!("in_force")),
        ("markers", json!(1)),
        ("named", json!(1)),
    ] {
        assert_eq!(row[field], value, "{field}: {row}");
    }
    for (port, to) in [(2_000, MARKED), (2_001, "198.51.100.77")] {
        scene.send(to, port);
        assert_eq!(event(&client, port)["orders"], json!(["ORD-1"]));
    }
    let journal = client.journal();
    let of = |action: &str| {
        let entry = journal.iter().find(|entry| entry["action"] == action);
        entry.unwrap_or_else(|| panic!("no {action}")).clone()
    };
    let accepted = of("order_accepted");
    assert_eq!(accepted["index"], row["receipt"]);
    let mark = json!({"issuer": "authority.example", "serial": 3, "order": "ORD-1"});
    assert_eq!(accepted["envelope"], mark);
    assert_eq!(of("envelope_accepted")["of"], row["receipt"]);

    // An order is accepted once, whatever its serial; what is refused costs none.
    let again = authority.envelope(4, b"", &order("ORD-1", &[]));
    assert_eq!(told(&submit(&client, &again)), (409, "conflict"));
    let start = ["--start", "2100-01-01T00:00:00Z"];
    let content = b"ip 192.0.2.9 id=later\n";
    let later = authority.envelope(4, content, &order("ORD-2", &start));
    assert_eq!(submit(&client, &later).status, 200);
    assert_eq!(state(&client, "ORD-2"), "not_yet");
    assert_eq!(why(&client, "later"), "not_yet");
    let (code, text, error) = daemon.control(&["orders", "withdraw", "ORD-1"]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("withdrawn"), "{text}");
    assert_eq!(patterns(&client), 1, "the operator's own goes on");
    assert!(daemon.stop().success());
}

#[test]
fn gate_and_regime_bind_orders_and_never_their_end() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (scene, authority) = (Scene::new(), Issuer::new("authority.example"));
    let before = settings(&authority.pin());
    let undeclared = |more: &str| Settings {
        declared: false,
        ..settings(&format!("{more}{}", authority.pin()))
    };
    let order = ["--order", "ORD-9", "--duration", "P30D"];
    let signed = authority.envelope(1, b"ip 192.0.2.9 id=signed\n", &order);
    let by_hand = |client: &Client, reference: &str| {
        let body = format!("{}\nip 198.51.100.7 id=hand\n", manifest(reference, "1h"));
        client.post("/v1/orders", &body).expect("an answer")
    };
    let daemon = Sensord::start(&scene.home, &scene.wire.to, &undeclared(""));
    let client = daemon.client();
    let missing = (409, "declaration_missing");
    assert_eq!(told(&by_hand(&client, "ORD-1")), missing);
    assert_eq!(told(&submit(&client, &signed)), missing);
    let orders = client.get("/v1/orders").expect("an answer").body;
    assert_eq!(orders["rows"], json!([]));
    assert!(daemon.stop().success());

    let daemon = Sensord::start(&scene.home, &scene.wire.to, &before);
    let client = daemon.client();
    client.load(&format!("ip {MARKED} id=own\n"));
    for reference in ["ORD-1", "ORD-2"] {
        assert_eq!(by_hand(&client, reference).status, 200);
    }
    assert_eq!(patterns(&client), 2);
    assert!(daemon.stop().success());

    // Under regime 2023 only what the authority signed is exploited; first it is to be declared.
    let later = undeclared("[legal]\nregime = \"2023\"\nvalidation = \"V-1\"\n");
    let daemon = Sensord::start(&scene.home, &scene.wire.to, &later);
    let client = daemon.client();
    let outdated = (409, "declaration_outdated");
    assert_eq!(told(&submit(&client, &signed)), outdated);
    for id in ["own", "hand"] {
        assert_eq!(why(&client, id), "undeclared");
    }
    let markers = client.status()["markers"].clone();
    assert_eq!(
        (&markers["total"], &markers["barred"]),
        (&json!(2), &json!(2))
    );
    let withdrawn = client.request("DELETE", "/v1/orders/ORD-2", b"");
    assert_eq!(withdrawn.expect("an answer").status, 200);
    let record = "{\"reference\":\"DEC-2\",\"date\":\"2026-01-31\"}";
    let recorded = client.post("/v1/declaration", record).expect("an answer");
    assert_eq!(recorded.status, 200);
    for id in ["own", "hand"] {
        assert_eq!(why(&client, id), "regime");
    }
    let markers = client.status()["markers"].clone();
    assert_eq!(
        (&markers["barred"], &markers["over"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(told(&by_hand(&client, "ORD-3")), (409, "regime"));
    assert_eq!(patterns(&client), 0);
    assert_eq!(submit(&client, &signed).status, 200);
    assert_eq!(scene.hits(&client, "192.0.2.9", 2_000), 1);
    assert_eq!(scene.hits(&client, "198.51.100.7", 2_001), 0);
    // A signed order may name what regime 2023 bars otherwise.
    let names = scene.home.state().with_extension("ids");
    std::fs::write(&names, "own\n").expect("a writable directory");
    let names = names.to_str().expect("UTF-8");
    let options = ["--order", "ORD-10", "--duration", "PT1H", "--named", names];
    let naming = authority.envelope(2, b"", &options);
    assert_eq!(submit(&client, &naming).status, 200);
    assert_eq!(scene.hits(&client, MARKED, 2_002), 1);
    assert_eq!(client.status()["markers"]["barred"], 1);
    let removed = client.post("/v1/markers/remove", "own\nhand\n");
    assert_eq!(removed.expect("an answer").status, 200);
    assert_eq!(patterns(&client), 1);
    assert!(daemon.stop().success());
}

#[test]
fn what_somebody_typed_keeps_no_signed_order_out_and_each_refusal_is_journalled() {
    if !need::root() {
        return;
    }
    let scene = Scene::new();
    let (authority, partner) = (Issuer::new("authority.example"), Issuer::new("ca.example"));
    let keys = format!("{}{}authority = false\n", authority.pin(), partner.pin());
    let daemon = Sensord::start(&scene.home, &scene.wire.to, &settings(&keys));
    let client = daemon.client();
    let by_hand = |reference: &str, marker: &str| {
        let body = format!("{}\n{marker}\n", manifest(reference, "1h"));
        client.post("/v1/orders", &body).expect("an answer").status
    };
    assert_eq!(by_hand("ORD-7", "ip 192.0.2.9 id=typed"), 200);
    let terms = ["--order", "ORD-7", "--duration", "P30D"];
    let content = b"ip 192.0.2.10 id=signed\n";
    let signed = authority.envelope(1, content, &terms);
    let answer = submit(&client, &signed);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let row = client.get("/v1/orders/ORD-7").expect("an answer").body;
    assert_eq!(row["serial"], 1);
    let rows = client.get("/v1/orders").expect("an answer").body["rows"].clone();
    assert_eq!(rows[0]["reference"], "ORD-7 (by hand, 1)");
    assert_eq!(patterns(&client), 2);

    assert_eq!(by_hand("ORD-7", "ip 192.0.2.11 id=again"), 409);
    let again = submit(&client, &authority.envelope(2, content, &terms));
    assert_eq!(told(&again), (409, "conflict"));
    let theirs = submit(&client, &partner.envelope(1, content, &terms));
    assert_eq!(told(&theirs), (403, "not_authority"));
    let refusals: Vec<Value> = client
        .journal()
        .into_iter()
        .filter(|entry| {
            entry["action"]
                .as_str()
                .is_some_and(|one| one.ends_with("refused"))
        })
        .map(|entry| json!([entry["action"], entry["code"], entry["serial"]]))
        .collect();
    let expected = [
        json!(["order_refused", "conflict", null]),
        json!(["envelope_refused", "conflict", 2]),
        json!(["envelope_refused", "not_authority", 1]),
    ];
    assert_eq!(refusals, expected);
    assert!(daemon.stop().success());
}

//! Declaration, order, traffic, events, alerts, request, export, notice, expiry, destruction, proof.

use std::{fs, path::Path, time::Duration};

use age::x25519::Identity;
use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, PERSONS, Sensord, Settings},
    identity::events,
    nats::{NatsServer, STREAM, SUBJECT},
    need,
    netns::Topology,
};
use serde_json::{Value, json};

use crate::{
    scene::{Authority, DESK, approve, document, opened, roles, steps, submit},
    tampering::Held,
    traffic::{Dns, send},
};

const PATIENCE: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;
const MARKED: [u8; 4] = [203, 0, 113, 5];
const NAME: &str = "gate.story.example";
/// What neither journal nor log may have.
const PERSONAL: [&str; 5] = [
    Topology::SUBSCRIBER[0],
    "203.0.113.5",
    NAME,
    "AG-7",
    "canary-of-a-payload",
];

fn settings(home: &Home, authority: &Authority, port: u16) -> Settings {
    let mut settings = Settings::on_router();
    settings.drain_interval = "200ms".into();
    settings.idle_timeout = "2s".into();
    settings.control = roles();
    settings.declared = false;
    settings.more = authority.pins(home)
        + &format!(
            "[[sink]]\nname = \"authority\"\nrecipient = \"authority\"\nretention = \"90d\"\n\
             [sink.nats]\nurl = \"nats://127.0.0.1:{port}\"\nstream = {STREAM:?}\n\
             subject = {SUBJECT:?}\n"
        );
    settings
}

/// Detection is declared; before, not even an order of the authority is taken.
fn declare_and_order(daemon: &Sensord, authority: &Authority) {
    let client = daemon.client();
    let order = authority.orders.envelope(
        1,
        format!("ip 203.0.113.5 id=c2 tlp=AMBER\ndomain {NAME} id=gate tlp=AMBER\n").as_bytes(),
        &["--order", "ORD-1", "--duration", "P30D"],
    );
    let submitted = || {
        let answer = client.request("POST", "/v1/envelopes", &order);
        answer.expect("an answer")
    };
    let early = submitted();
    assert_eq!(
        (early.status, early.body["code"].as_str()),
        (409, Some("declaration_missing"))
    );
    let in_force = || {
        let kinds = client.status()["markers"]["in_force"].clone();
        let kinds = kinds.as_array().cloned().unwrap_or_default();
        let counts = kinds.iter().filter_map(|kind| kind["count"].as_u64());
        counts.sum::<u64>()
    };
    let record = ["declaration", "record", "--reference", "DECL-1"];
    let (code, _, error) = daemon.control(&[&record[..], &["--date", "2026-01-01"]].concat());
    assert_eq!(code, 0, "{error}");
    let answer = submitted();
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(in_force(), 2);
}

/// The attack, and the ids of its events: of the address, of another flow to it, of the name.
fn attacked(topology: &Topology, dns: &mut Dns, client: &Client) -> [String; 3] {
    send(topology, MARKED, &[2_000, 2_001, 2_000]);
    assert!(dns.answers(topology, NAME), "the question passes");
    let closed = || {
        let all = events(client);
        all.len() == 3 && all.iter().all(|event| event["state"] == "closed")
    };
    assert!(wait_until(PATIENCE, closed), "{:?}", events(client));
    let all = events(client);
    let of = |test: &dyn Fn(&Value) -> bool| {
        let event = all.iter().find(|event| test(event));
        let event = event.unwrap_or_else(|| panic!("it is stored: {all:?}"));
        assert_eq!(event["orders"], json!(["ORD-1"]));
        event["id"].as_str().expect("an id").to_owned()
    };
    [
        of(&|event| event["src_port"] == 2_000 && event["matched_in"] == "dst_ip"),
        of(&|event| event["src_port"] == 2_001),
        of(&|event| event["matched_in"] == "dns" && event["markers"] == json!(["gate"])),
    ]
}

/// The authority asks for two events once it was informed, and not before; the serial it is at.
fn requested(
    daemon: &Sensord,
    authority: &Authority,
    server: &mut NatsServer,
    ids: [&str; 2],
) -> u64 {
    let request = document("request-b", "REQ-1", &ids);
    let refused = submit(daemon, &authority.request_b, 1, &request);
    assert_eq!(
        (refused.status, refused.body["code"].as_str()),
        (422, Some("not_acknowledged"))
    );
    server.again();
    let (mut accepted, mut serial) = (json!(null), 1);
    let acknowledged = || {
        serial += 1;
        let answer = submit(daemon, &authority.request_b, serial, &request);
        accepted = answer.body;
        answer.status == 200
    };
    assert!(wait_until(PATIENCE, acknowledged), "{accepted}");
    let alerts = server.judge().stored();
    for id in ids {
        assert!(alerts.iter().any(|alert| alert.data["id"] == id), "{id}");
    }
    let told = |alert: &Value| alert.get("src_ip").is_some() || alert.get("src_port").is_some();
    assert!(!alerts.iter().any(|alert| told(&alert.data)));
    serial
}

/// Two persons approve; only the authority's key opens what goes out, and it is of these events alone.
fn disclosed(home: &Home, daemon: &Sensord, authority: &Authority, ids: [&str; 2]) {
    let by_desk = approve(daemon, DESK, "REQ-1");
    assert_eq!(by_desk.status, 403, "{:?}", by_desk.body);
    let by_root = daemon.client().post("/v1/requests/REQ-1/approve", "");
    assert_eq!(by_root.expect("an answer").body["code"], "no_person");
    let first = approve(daemon, PERSONS[0], "REQ-1");
    assert_eq!(first.body["stage"], "approved", "{:?}", first.body);
    let second = approve(daemon, PERSONS[1], "REQ-1");
    assert_eq!(second.body["stage"], "disclosed", "{:?}", second.body);
    assert!(opened(home, &second.body, &Identity::generate()).is_none());
    let (manifest, records) = opened(home, &second.body, authority.identity_for(&second.body))
        .expect("the authority opens it");
    assert_eq!(records.len(), ids.len());
    let [address, name] = ids.map(|id| {
        let found = records.iter().find(|one| one["id"] == id);
        found.expect("a record of each event")
    });
    assert_eq!(
        (&address["src_ip"], &address["dst_ip"], &address["packets"]),
        (
            &json!(Topology::SUBSCRIBER[0]),
            &json!("203.0.113.5"),
            &json!(2)
        )
    );
    assert_eq!(
        (&name["matched_in"], &name["dst_port"]),
        (&json!("dns"), &json!(53))
    );
    assert_eq!(
        (
            &manifest["sensor"],
            &manifest["purpose"],
            &manifest["records"]
        ),
        (&json!("pop1"), &json!("characterise-threat"), &json!(2))
    );
    let (code, csv, error) = daemon.control(&["costs", "export"]);
    assert_eq!(code, 0, "{error}");
    let line = csv.lines().nth(1).unwrap_or_default();
    assert!(
        line.contains("REQ-1,request-b,L2321-3-2,TECH,2027-1,2"),
        "{csv}"
    );
    let (code, report, error) = daemon.control(&["requests", "report"]);
    assert_eq!(code, 0, "{error}");
    let of_b = report.lines().find(|line| line.starts_with("request-b"));
    let of_b = of_b.expect("a line");
    assert!(
        of_b.contains("1 submitted") && of_b.contains("1 answered (0 nil"),
        "{report}"
    );
    assert!(report.contains("  2° in 1"), "{report}");
}

/// The subscribers are informed.
fn informed(daemon: &Sensord, authority: &Authority, ids: [&str; 2]) {
    let notice = document("request-notice", "NOT-1", &ids);
    let answer = submit(daemon, &authority.notices, 1, &notice);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    for uid in PERSONS {
        let answer = approve(daemon, uid, "NOT-1");
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let today = jiff::Timestamp::now().strftime("%F").to_string();
    for (id, stage) in ids.into_iter().zip(["handed_over", "closed"]) {
        let sent = json!({"outcome": "sent", "event": id, "date": today, "proof": "LRAR-7"});
        let settle =
            |uid| daemon.ask_as(uid, "POST", "/v1/requests/NOT-1/notices", &sent.to_string());
        assert_eq!(settle(0).status, 403, "root is nobody in particular");
        let answer = settle(PERSONS[0]);
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(answer.body["stage"], stage);
        let tasks = answer.body["tasks"].as_array().expect("tasks");
        let task = tasks.iter().find(|task| task["event"] == id);
        assert_eq!(task.expect("of this event")["proof"], "LRAR-7");
    }
}

/// Files below a directory in which the bytes stand.
fn holding(directory: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if let Ok(read) = fs::read(&path)
            && read.windows(bytes.len()).any(|part| part == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// What the store's files hold of an event until it is destroyed: its id as it stands in its row.
fn traces(home: &Home, id: &str) -> Vec<String> {
    holding(
        &home.state(),
        &sensor_user::crypto::unhex(id).expect("hexadecimal"),
    )
}

#[test]
fn from_the_order_to_the_notice_and_the_end_of_the_event() {
    let tools = [
        "tcpreplay",
        "nats-server",
        "setpriv",
        "curl",
        "dig",
        "dnsmasq",
    ];
    if !need::root_and(&tools) {
        return;
    }
    let topology = Topology::new();
    topology.serve(MARKED.into());
    let mut dns = Dns::start(&topology);
    topology.router.enter();
    let mut server = NatsServer::start();
    let kept = Duration::from_secs(90 * DAY.unsigned_abs());
    server.judge().stream("CREATE", kept, &json!({}));
    let (home, authority) = (Home::new(), Authority::new());
    let settings = settings(&home, &authority, server.port);
    // Nothing is acknowledged while the authority cannot be reached.
    server.kill();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    declare_and_order(&daemon, &authority);
    let all = attacked(&topology, &mut dns, &daemon.client());
    let [address, _, name] = &all;
    let ids = [address.as_str(), name.as_str()];
    let serial = requested(&daemon, &authority, &mut server, ids);
    disclosed(&home, &daemon, &authority, ids);
    informed(&daemon, &authority, ids);

    // A request that is open when the events end, valid for longer than they may be kept.
    let mut late = document("request-b", "REQ-2", &ids);
    let beyond = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 400)).to_string();
    late["valid_until"] = beyond.clone().into();
    late["agent"]["until"] = beyond.into();
    let answer = submit(&daemon, &authority.request_b, serial + 1, &late);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let held = Held::of(&daemon);
    let said = daemon.stderr();
    assert!(daemon.stop().success());
    for id in &all {
        assert!(!traces(&home, id).is_empty(), "it is stored until its end");
    }

    // Six calendar months and more go by.
    home.step_clock(200 * DAY);
    home.accept_clock();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    let expired = || -> u64 {
        let entries = client.journal().into_iter();
        let erased = entries.filter(|entry| entry["action"] == "events_erased");
        erased
            .map(|entry| entry["expired"].as_u64().unwrap_or(0))
            .sum()
    };
    assert!(
        wait_until(PATIENCE, || expired() == 3),
        "{:?}",
        client.actions()
    );
    assert_eq!(events(&client), [] as [Value; 0]);
    for id in &all {
        let shown = client.get(&format!("/v1/events/{id}")).expect("an answer");
        assert_eq!(shown.status, 404, "{:?}", shown.body);
        let gone = || traces(&home, id).is_empty();
        assert!(wait_until(PATIENCE, gone), "{:?}", traces(&home, id));
    }
    assert_eq!(
        client.status()["events"]["destroyed"][0],
        json!({"term": "expired", "count": 3})
    );
    assert!(client.actions().iter().any(|one| one == "order_ended"));
    // What was asked for in time and answered after the end is nil.
    for uid in PERSONS {
        let answer = approve(&daemon, uid, "REQ-2");
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let row = daemon.ask_as(DESK, "GET", "/v1/requests/REQ-2", "").body;
    let (manifest, records) = opened(&home, &row, authority.identity_for(&row)).expect("it opens");
    assert_eq!((&manifest["nil"], records.len()), (&json!(true), 0));

    let told = steps(&daemon, "REQ-1");
    let way = ["submitted", "approved", "approved", "begun", "disclosed"];
    let of_way: Vec<&String> = told
        .iter()
        .filter(|step| way.contains(&step.as_str()))
        .collect();
    assert_eq!(of_way, way, "{told:?}");
    let text = serde_json::to_string(&client.journal()).expect("JSON");
    for personal in PERSONAL.into_iter().chain(all.iter().map(String::as_str)) {
        assert!(!text.contains(personal), "{personal} in the journal");
        assert!(!said.contains(personal), "{personal} in the log");
        assert!(!daemon.stderr().contains(personal), "{personal} in the log");
    }
    assert!(daemon.stop().success());
    held.check(&home);
}

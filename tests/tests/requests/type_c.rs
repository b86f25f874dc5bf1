//! Type C (L. 851-1 CSI) on a running daemon: it answers from what is held and changes nothing.

use std::{fs, net::IpAddr, path::Path, time::Duration};

use sensor_tests::{
    command::{self, wait_until},
    daemon::{Client, Home, PERSONS, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Topology,
    traffic::ping,
};
use serde_json::{Value, json};

use crate::scene::{Authority, approve, document, opened, roles, submit};

const PATIENCE: Duration = Duration::from_secs(20);

/// Prints every row of every table of a file that a daemon has open, but for the clock's high-water mark,
/// which follows the clock.
const DUMP: &str = "import sqlite3, sys
file = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)
tables = [name for name, in file.execute(\"SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name\")]
for table in tables:
    for row in sorted(map(repr, file.execute(f'SELECT * FROM \"{table}\"'))):
        if not (table == 'counter' and 'clock' in row):
            print(table, row)
";

fn dump(path: &Path) -> String {
    let path = path.to_str().expect("a path in UTF-8");
    let said = command::run(&["python3", "-c", DUMP, path]);
    assert!(said.lines().count() > 3, "{said}");
    said
}

/// Everything that a request must leave as it is: catalogue, events with the day on which each is gone,
/// image, generation, configuration.
fn held(home: &Home, client: &Client) -> [String; 5] {
    let status = client.status();
    let markers = &status["markers"];
    [
        dump(&home.state().join("catalog.db")),
        dump(&home.state().join("events.db")),
        markers["digest"].to_string(),
        markers["generation"].to_string(),
        fs::read_to_string(home.config()).expect("it is there"),
    ]
}

fn answered(daemon: &Sensord, reference: &str) -> Value {
    let mut row = json!(null);
    for uid in PERSONS {
        let answer = approve(daemon, uid, reference);
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        row = answer.body;
    }
    assert_eq!(row["stage"], "answered");
    row
}

#[test]
fn a_running_sensor_answers_type_c_and_changes_nothing() {
    if !need::root_and(&["setpriv", "curl", "python3"]) {
        return;
    }
    let (topology, home, authority) = (Topology::new(), Home::new(), Authority::new());
    let mut settings = Settings::on_router();
    settings.control = roles();
    settings.more = authority.pins(&home);
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    // Own markers with and without an end, an order with its end, and events of both.
    client.load("ip 203.0.113.9 id=own\nip 203.0.113.10 id=until until=2099-01-01T00:00:00Z\n");
    let order = authority.orders.envelope(
        1,
        b"ip 10.2.0.2 id=c2 tlp=AMBER\ndomain gate.example id=gate\n",
        &["--order", "ORD-1", "--duration", "P30D"],
    );
    let taken = client.request("POST", "/v1/envelopes", &order);
    assert_eq!(taken.expect("an answer").status, 200);
    for host in Topology::HOST {
        let host: IpAddr = host.parse().expect("an address");
        let _ = ping(&topology.subscriber, host, 3);
    }
    assert!(wait_until(PATIENCE, || events(&client).len() == 1));
    let _ = Identities::settled(&client);
    let id = events(&client)[0]["id"].as_str().expect("an id").to_owned();

    let mut before = held(&home, &client);
    // The mark moves while the last counts of a flow come in.
    let still = || {
        let now = held(&home, &client);
        let still = now == before;
        before = now;
        still
    };
    assert!(wait_until(PATIENCE, still), "the sensor rests");
    assert!(before[0].contains("gate") && before[0].contains("ORD-1"));
    assert!(before[1].lines().any(|line| line.starts_with("event (")));

    let unknown = "0".repeat(32);
    let asked = [
        ("kept", id.as_str(), 1),
        ("kept", unknown.as_str(), 0),
        ("identification", id.as_str(), 0),
        ("location", id.as_str(), 0),
        ("communications", id.as_str(), 0),
    ];
    for (number, (category, event, records)) in asked.into_iter().enumerate() {
        let reference = format!("C-{number}");
        let mut request = document("request-c", &reference, &[event]);
        request["category"] = category.into();
        let serial = number as u64 + 1;
        let answer = submit(&daemon, &authority.request_c, serial, &request);
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let row = answered(&daemon, &reference);
        let (manifest, found) =
            opened(&home, &row, authority.identity_for(&row)).expect("it opens");
        assert_eq!(found.len(), records, "{category}");
        assert_eq!(manifest["nil"], records == 0, "{category}");
        let after = held(&home, &client);
        assert_eq!(after, before, "{category}");
    }
    // Nobody else may ask so, and no such request says what is to be looked for or kept.
    let by_authority = document("request-c", "C-9", &[&id]);
    let refused = submit(&daemon, &authority.request_b, 1, &by_authority);
    assert_eq!(refused.body["code"], "wrong_key");
    for (key, value) in [("markers", json!(["m"])), ("retention", json!("P1Y"))] {
        let mut request = document("request-c", "C-9", &[&id]);
        request[key] = value;
        let refused = submit(&daemon, &authority.request_c, 9, &request);
        assert_eq!(refused.body["code"], "bad_document", "{key}");
    }
    assert_eq!(held(&home, &client), before);
    assert!(daemon.stop().success());
}

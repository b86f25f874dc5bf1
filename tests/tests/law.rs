//! The table of `docs/law.md`, and the rows of it that no other test holds.

#[path = "law/carried.rs"]
mod carried;
#[path = "law/questions.rs"]
mod questions;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::Path,
    time::Duration,
};

use sensor_tests::{
    capture::Tcpdump,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::Identities,
    need,
    netns::{Netns, Topology, veth},
    random::{Pool, Random},
    traffic::{pcap_write, replay},
};

/// Every paragraph that the table answers to, in its order: L. 33-14 CPCE, L. 2321-3 C. déf., L. 851-1
/// CSI with the decrees that say how.
const PARAGRAPHS: [&str; 35] = [
    "33-14-1a",
    "33-14-1b",
    "33-14-1c",
    "33-14-1d",
    "33-14-1e",
    "33-14-2a",
    "33-14-2b",
    "33-14-3a",
    "33-14-3b",
    "33-14-4",
    "33-14-5",
    "33-14-6",
    "R9-12-1",
    "2321-3-1a",
    "2321-3-1b",
    "2321-3-1c",
    "2321-3-1d",
    "2321-3-2a",
    "2321-3-2b",
    "2321-3-2c",
    "R9-12-7",
    "2321-3-3",
    "851-1-1a",
    "851-1-1b",
    "851-1-1c",
    "851-1-1d",
    "851-1-2",
    "851-1-3a",
    "851-1-3b",
    "851-1-4",
    "R872-2",
    "L822-4",
    "journal-1",
    "journal-2",
    "journal-3",
];

/// Rows that say why they are not the sensor's business.
const ELSEWHERE: &str = "not the sensor's business:";

struct Row {
    behaviour: String,
    tests: String,
    command: String,
}

/// The rows of all tables of the document, by their first cell.
fn rows(document: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, behaviour, tests, command] = cells[..] else {
            // Of another table. A row that lacks a cell is missed by whoever counts paragraphs.
            continue;
        };
        let row = Row {
            behaviour: behaviour.to_owned(),
            tests: tests.to_owned(),
            command: command.to_owned(),
        };
        let former = rows.insert(id.trim_matches('`').to_owned(), row);
        assert!(former.is_none(), "{id} has two rows");
    }
    rows
}

/// Names behind `tests:` in back quotes.
fn named(cell: &str) -> Vec<&str> {
    cell.trim_matches('`')
        .strip_prefix("tests: ")
        .map(|names| names.split(", ").collect())
        .unwrap_or_default()
}

#[test]
fn each_paragraph_has_its_row_and_each_row_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("docs/law.md")).expect("the document");
    let rows = rows(&document);
    let found: BTreeSet<&str> = rows.keys().map(String::as_str).collect();
    assert_eq!(found, BTreeSet::from(PARAGRAPHS));
    let mut known = BTreeSet::new();
    for part in [
        "sensor-user/src",
        "sensor-user/tests",
        "tests/src",
        "tests/tests",
    ] {
        functions(&root.join(part), &mut known);
    }
    for (id, row) in &rows {
        assert!(row.behaviour.len() > 20, "{id} says what the sensor does");
        if row.behaviour.starts_with(ELSEWHERE) {
            assert!(row.behaviour.len() > ELSEWHERE.len() + 20, "{id} says why");
            continue;
        }
        let names = named(&row.tests);
        assert!(!names.is_empty(), "{id} names no test");
        for name in names {
            assert!(known.contains(name), "{id}: no test is called {name}");
        }
        assert!(row.command.contains('`'), "{id} has a command to try");
    }
}

/// Functions under `#[test]` or the like.
fn functions(directory: &Path, into: &mut BTreeSet<String>) {
    for file in fs::read_dir(directory).expect("a directory") {
        let path = file.expect("a file").path();
        if path.is_dir() {
            functions(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[") {
                    marked |= line.contains("test]") || line.contains("test(");
                } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
                    let name = rest.split(['(', '<']).next().unwrap_or_default();
                    into.insert(name.to_owned());
                    marked = false;
                }
            }
        }
    }
}

#[test]
fn an_interface_outside_the_configuration_is_refused_and_journalled() {
    if !need::root() {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    let answer = client
        .post("/v1/interfaces/lo/attach", "")
        .expect("an answer");
    assert_eq!(answer.status, 404, "{:?}", answer.body);
    assert_eq!(topology.router.xdp_program("lo"), None);
    let journal = client.journal();
    let entry = journal.last().expect("entries");
    assert_eq!(entry["action"], "attach_refused");
    assert_eq!(entry["code"], "not_configured");
    assert!(daemon.stop().success());
}

/// L. 33-14 ¶1: what matches no marker passes byte for byte and leaves counters, nothing else: no record,
/// no event's key, no byte of a packet in any file of the events (which keep how far they have counted).
#[test]
fn what_matches_nothing_passes_as_it_was_and_leaves_no_byte() {
    if !need::root_and(&["tcpreplay", "tcpdump"]) {
        return;
    }
    let (from, to, home) = (Netns::new("from"), Netns::new("to"), Home::new());
    veth(&from, "out0", &to, "in0");
    for (netns, interface) in [(&from, "out0"), (&to, "in0")] {
        netns.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "1");
        netns.offloads_off(interface);
    }
    let mut settings = Settings::on(vec![Interface::new("in0", &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    let daemon = Sensord::start(&home, &to, &settings);
    let client = daemon.client();
    client.load("ip 192.0.2.251 id=m\ncidr 192.0.2.0/26 id=n\ndomain nothing.example id=d\n");
    let _ = Identities::settled(&client);
    let files = ["events.db", "events.db-wal", "keys/events.keys"];
    let stored = || files.map(|file| fs::read(home.state().join(file)).unwrap_or_default());
    let ([_, _, keys], packets) = (stored(), judged(&client));
    let mut random = Random::from_env(20_270_324);
    let pool = Pool::default();
    let mut sent = Vec::new();
    while sent.len() < 2_000 {
        let frame = pool.frame(&mut random);
        // A shorter one may be filled up on its way.
        if frame.len() >= 60 && frame.len() <= 1_514 {
            sent.push(frame);
        }
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let capture = scratch.path().join("sent.pcap");
    pcap_write(&capture, &sent);
    let dump = Tcpdump::start(&to, "in0", None, &scratch.path().join("seen.pcap"));
    replay(&from, "out0", &capture, 4_000);
    let seen = fs::read(dump.stop()).expect("a capture");
    let mut seen = frames(&seen);
    sent.sort();
    seen.sort();
    assert_eq!(seen.len(), sent.len());
    assert!(seen == sent, "every frame passes as it was");
    let all = || judged(&client) - packets >= sent.len() as u64;
    assert!(sensor_tests::command::wait_until(
        Duration::from_secs(10),
        all
    ));
    let identities = Identities::settled(&client);
    assert_eq!(identities.kernel["hits"], 0);
    assert!(
        identities.agent.values().all(|count| *count == 0),
        "{identities:?}"
    );
    assert_eq!(client.status()["events"]["stored"], 0);
    let [rows, log, keys_now] = stored();
    assert!(keys_now == keys, "no event was given a key");
    let kept = [rows, log].concat();
    let kept: HashSet<&[u8]> = kept.windows(8).collect();
    // Of each packet its ends and what it carries, where that is not all zeros or the like.
    let telling = |bytes: &&[u8]| bytes.iter().collect::<HashSet<_>>().len() > 5;
    let windows = sent.iter().flat_map(|frame| frame[26..].chunks_exact(8));
    let windows: Vec<&[u8]> = windows.filter(telling).collect();
    assert!(windows.len() > 2_000 && !windows.iter().any(|bytes| kept.contains(bytes)));
    assert!(daemon.stop().success());
}

/// Packets that the program has judged.
fn judged(client: &Client) -> u64 {
    let status = client.status();
    let rows = status["interfaces"][0]["outcomes"]
        .as_array()
        .expect("outcomes");
    rows.iter().filter_map(|row| row["packets"].as_u64()).sum()
}

/// The frames of a capture file.
fn frames(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, mut rest) = (Vec::new(), &file[24..]);
    while rest.len() >= 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().expect("four bytes")) as usize;
        frames.push(rest[16..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    frames
}

/// No probe, no look-up, no connection: without sinks, the agent has no socket in its namespace but the
/// metrics page on the loopback.
#[test]
fn without_sinks_no_socket_leads_out() {
    if !need::root() {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let settings = Settings::on_router();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let host = Topology::HOST[0];
    daemon.client().load(&format!("ip {host} id=m\n"));
    topology
        .subscriber
        .run(&["ping", "-c", "2", "-i", "0.2", host]);
    let listening = format!("0100007F:{:04X}", settings.metrics_port);
    for table in [
        "tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6", "icmp", "packet",
    ] {
        let path = format!("/proc/{}/net/{table}", daemon.id());
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let sockets: Vec<&str> = text.lines().skip(1).collect();
        let expected = usize::from(table == "tcp");
        assert_eq!(sockets.len(), expected, "{table}: {sockets:?}");
        assert!(
            sockets.iter().all(|line| line.contains(&listening)),
            "{sockets:?}"
        );
    }
    assert!(daemon.stop().success());
}

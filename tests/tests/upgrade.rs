//! A marked packet a millisecond while agents are killed, stopped, replaced by another build and
//! by one of another layout: every packet is judged and counted.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use sensor_common::{LAYOUT_VERSION, Term, map};
use sensor_tests::{
    command::{run, wait_until},
    daemon::{Client, Home, Interface, Sensord, Settings, binary},
    identity::{Identities, events, packets},
    need,
    netns::{Wire, veth},
    packet::{Body, Frame, Ip4},
};
use serde_json::Value;

const MARKERS: &str = "ip 203.0.113.5 id=m\n";
const PER_SECOND: u32 = 1_000;
/// A layout version that is not this build's.
const OTHER: u32 = LAYOUT_VERSION + 98;

/// So many packets of one flow.
fn frames(count: usize) -> Vec<Vec<u8>> {
    let body = Body::udp(1024, 53, b"x");
    let (src, dst) = ([10, 1, 0, 2], [203, 0, 113, 5]);
    vec![Frame::new(Ip4::new(src.into(), dst.into(), body)).bytes(); count]
}

fn settings(interfaces: &[&str]) -> Settings {
    let interface = |name: &&str| Interface::new(name, &["10.0.0.0/8"]);
    let mut settings = Settings::on(interfaces.iter().map(interface).collect());
    settings.drain_interval = "200ms".into();
    settings
}

fn start<'a>(home: &'a Home, wire: &'a Wire, settings: &Settings) -> Sensord<'a> {
    let daemon = Sensord::start(home, &wire.to, settings);
    let answer = daemon.client().put("/v1/markers", MARKERS);
    assert_eq!(answer.expect("an answer").status, 200);
    daemon
}

/// Makes the pins those of another layout version.
fn rename_layout(home: &Home) {
    let pins = home.pins();
    let (from, to) = (
        pins.join(LAYOUT_VERSION.to_string()),
        pins.join(OTHER.to_string()),
    );
    fs::rename(from, to).expect("bpffs renames directories");
}

fn link(home: &Home, layout: u32) -> String {
    link_of(home, layout, Wire::IN)
}

fn link_of(home: &Home, layout: u32, interface: &str) -> String {
    let path = home
        .pins()
        .join(layout.to_string())
        .join("links")
        .join(interface);
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// Kernel id of a pinned link.
fn link_id(path: &str) -> u64 {
    let text = run(&["bpftool", "-j", "link", "show", "pinned", path]);
    let link: Value = serde_json::from_str(&text).expect("`bpftool -j` writes JSON");
    link["id"].as_u64().expect("an id")
}

/// Hits in a pinned ledger, summed over the CPUs.
fn hits(ledger: &Path) -> u64 {
    let path = ledger.to_str().expect("a path in UTF-8");
    let text = run(&["bpftool", "-j", "map", "dump", "pinned", path]);
    let map: Value = serde_json::from_str(&text).expect("`bpftool -j` writes JSON");
    let byte = |value: &Value| {
        let text = value.as_str().expect("a byte").trim_start_matches("0x");
        u8::from_str_radix(text, 16).expect("a byte in hexadecimal")
    };
    let of_cpu = |cpu: &Value| {
        let at = Term::Hits as usize * 8;
        let bytes = &cpu["value"].as_array().expect("bytes")[at..at + 8];
        let bytes: Vec<u8> = bytes.iter().map(byte).collect();
        u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
    };
    let cpus = map[0]["values"].as_array().expect("a value for each CPU");
    cpus.iter().map(of_cpu).sum()
}

/// Everything in status that counts upwards.
fn counters(status: &Value) -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    let mut add = |prefix: &str, rows: &Value, name: &str, count: &str| {
        for row in rows.as_array().expect("a list") {
            let name = row[name].as_str().expect("a name");
            let count = row[count].as_u64().expect("a count");
            counters.insert(format!("{prefix} {name}"), count);
        }
    };
    add("hits", &status["kernel_hits"], "term", "count");
    for interface in status["interfaces"].as_array().expect("interfaces") {
        add("packets", &interface["outcomes"], "outcome", "packets");
        add("bytes", &interface["outcomes"], "outcome", "bytes");
    }
    counters
}

/// Looks at the counters until told to stop; how often they were seen. None may ever fall.
fn watch(client: &Client, stop: &AtomicBool) -> usize {
    let mut last = BTreeMap::new();
    let mut seen = 0;
    while !stop.load(Ordering::Relaxed) {
        // No agent runs now and then.
        let answer = client.get("/v1/status");
        if let Some(answer) = answer.ok().filter(|answer| answer.status == 200) {
            let now = counters(&answer.body);
            for (name, count) in &last {
                assert!(now[name] >= *count, "{name}: {} after {count}", now[name]);
            }
            last = now;
            seen += 1;
        }
        thread::sleep(Duration::from_millis(5));
    }
    seen
}

fn notes(client: &Client) -> String {
    let status = client.get("/v1/status").expect("an answer").body;
    status["interfaces"][0]["notes"].to_string()
}

#[test]
fn kills_and_upgrades_under_a_packet_a_millisecond() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let directory = tempfile::tempdir().expect("a directory");
    let upgraded = directory.path().join("sensord");
    fs::copy(binary("sensord"), &upgraded).expect("a copy of the daemon");
    let old = settings(&[Wire::IN]);
    let new = Settings {
        program: Some(upgraded),
        ..old.clone()
    };
    let mut running = Some(start(&home, &wire, &old));
    let client = running.as_ref().expect("it runs").client();
    let program = wire.to.xdp_program(Wire::IN);
    let sent = frames(6_000);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let traffic = scope.spawn(|| wire.send(&sent, PER_SECOND));
        let watcher = scope.spawn(|| watch(&client, &stop));
        let rounds = [
            (true, &old),
            (true, &old),
            (false, &new),
            (true, &new),
            (true, &old),
        ];
        for (kill, next) in rounds {
            thread::sleep(Duration::from_millis(430));
            let daemon = running.take().expect("it runs");
            if kill {
                daemon.kill9();
            } else {
                assert!(daemon.stop().success());
            }
            assert!(wire.to.xdp_program(Wire::IN).is_some(), "detached");
            running = Some(Sensord::start(&home, &wire.to, next));
        }
        traffic.join().expect("the traffic ends");
        stop.store(true, Ordering::Relaxed);
        let seen = watcher.join().expect("no counter falls");
        assert!(seen > 100, "the counters were seen {seen} times only");
    });
    assert_ne!(wire.to.xdp_program(Wire::IN), program, "never replaced");
    let sent = sent.len() as u64;
    let mut identities = Identities::settled(&client);
    let mut told = 0;
    wait_until(Duration::from_secs(5), || {
        identities = Identities::settled(&client);
        told = packets(&events(&client));
        told + identities.agent["lost_at_restart"] >= sent
    });
    let lost = identities.agent["lost_at_restart"];
    println!("{sent} packets, {told} told, {lost} lost to the kills");
    assert_eq!(identities.kernel["hits"], sent, "{identities:?}");
    // A record stands for its own packet alone: what died with an agent is counted as such.
    assert!(
        told <= sent && told + lost >= sent && told * 100 >= sent * 99,
        "{told} told, {lost} lost, {sent} sent"
    );
    assert_eq!(events(&client).len(), 1);
}

#[test]
fn a_link_of_another_layout_is_taken_over_between_two_packets() {
    if !need::root_and(&["ip", "tcpreplay", "bpftool"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings(&[Wire::IN]);
    let daemon = start(&home, &wire, &settings);
    let sent = frames(4_000);
    // Kept under names that are no layout versions.
    let (kept, named) = (home.pins().join("kept"), home.pins().join("007"));
    fs::create_dir(&named).expect("a new directory");
    let ledger = home.pins().join(LAYOUT_VERSION.to_string());
    let ledger = ledger.join("shared").join(map::LEDGER);
    let (from, to) = (
        ledger.to_str().expect("UTF-8"),
        kept.to_str().expect("UTF-8"),
    );
    run(&["bpftool", "map", "pin", "pinned", from, to]);
    let id = link_id(&link(&home, LAYOUT_VERSION));
    let daemon = thread::scope(|scope| {
        let traffic = scope.spawn(|| wire.send(&sent, PER_SECOND));
        thread::sleep(Duration::from_millis(800));
        assert!(daemon.stop().success());
        rename_layout(&home);
        thread::sleep(Duration::from_millis(300));
        let daemon = Sensord::start(&home, &wire.to, &settings);
        traffic.join().expect("the traffic ends");
        daemon
    });
    let client = daemon.client();
    assert_eq!(link_id(&link(&home, LAYOUT_VERSION)), id, "a new link");
    assert!(!home.pins().join(OTHER.to_string()).exists());
    assert!(kept.exists() && named.exists());
    let notes = notes(&client);
    let note = format!("taken over from layout {OTHER}; what its agent had not drained");
    assert!(notes.contains(&note), "{notes}");
    let identities = Identities::settled(&client);
    let (before, after) = (hits(&kept), identities.kernel["hits"]);
    println!("{before} hits before, {after} after");
    assert_eq!(before + after, sent.len() as u64, "{identities:?}");
    assert!(
        before > 800 && after > 500,
        "{before} before, {after} after"
    );
    assert_eq!(identities.agent["lost_at_restart"], 0, "{identities:?}");

    // It is a link like any other from now on.
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let notes = self::notes(&daemon.client());
    assert!(notes.contains("taken over from the last run"), "{notes}");
    assert_eq!(link_id(&link(&home, LAYOUT_VERSION)), id);
    wire.send(&frames(3), PER_SECOND);
    assert_eq!(
        Identities::settled(&daemon.client()).kernel["hits"],
        after + 3
    );
}

#[test]
fn a_stray_of_another_layout_goes_only_when_all_others_are_attached() {
    if !need::root_and(&["ip", "tcpreplay", "bpftool"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    veth(&wire.from, "out1", &wire.to, "in1");
    assert!(
        start(&home, &wire, &settings(&[Wire::IN, "in1"]))
            .stop()
            .success()
    );
    rename_layout(&home);
    let stray = wire.to.xdp_program("in1");
    assert!(stray.is_some());

    // The first one's link is taken over, then the start fails: nothing is detached.
    let id = link_id(&link(&home, OTHER));
    let mut daemon = Sensord::spawn(&home, &wire.to, &settings(&[Wire::IN, "nowhere0"]));
    let status = daemon.wait().expect("it ends by itself");
    assert_eq!(status.code(), Some(78), "{}", daemon.stderr());
    assert_eq!(link_id(&link(&home, LAYOUT_VERSION)), id);
    assert_eq!(wire.to.xdp_program("in1"), stray);
    drop(daemon);
    // As if it had died before it removed the former pin.
    let (number, former) = (id.to_string(), link(&home, OTHER));
    run(&["bpftool", "link", "pin", "id", &number, &former]);
    wire.send(&frames(5), PER_SECOND);

    let daemon = Sensord::start(&home, &wire.to, &settings(&[Wire::IN]));
    let client = daemon.client();
    assert_eq!(wire.to.xdp_program("in1"), None, "{}", daemon.stderr());
    assert_eq!(link_id(&link(&home, LAYOUT_VERSION)), id);
    assert!(!home.pins().join(OTHER.to_string()).exists());
    let page = client
        .get("/v1/journal?limit=1000")
        .expect("an answer")
        .body;
    let rows = page["rows"].as_array().expect("rows").iter();
    let detached = rows.filter(|row| row["entry"]["action"] == "detached");
    let of: Vec<&Value> = detached.map(|row| &row["entry"]["interface"]).collect();
    assert_eq!(of, ["in1"]);
    // What was judged between the two starts is counted.
    wire.send(&frames(5), PER_SECOND);
    assert_eq!(Identities::settled(&client).kernel["hits"], 10);
}

#[test]
fn a_link_of_another_layout_is_found_though_its_interface_was_renamed() {
    if !need::root_and(&["ip", "tcpreplay", "bpftool"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    assert!(start(&home, &wire, &settings(&[Wire::IN])).stop().success());
    rename_layout(&home);
    let id = link_id(&link(&home, OTHER));
    wire.to.run(&["ip", "link", "set", Wire::IN, "down"]);
    wire.to
        .run(&["ip", "link", "set", Wire::IN, "name", "lan0"]);
    wire.to.run(&["ip", "link", "set", "lan0", "up"]);
    let daemon = Sensord::start(&home, &wire.to, &settings(&["lan0"]));
    assert_eq!(link_id(&link_of(&home, LAYOUT_VERSION, "lan0")), id);
    assert!(!home.pins().join(OTHER.to_string()).exists());
    wire.send(&frames(5), PER_SECOND);
    assert_eq!(Identities::settled(&daemon.client()).kernel["hits"], 5);
}

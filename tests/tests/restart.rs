//! Stops and starts, interfaces that come and go.

use std::{thread, time::Duration};

use sensor_tests::{
    command::{run, wait_until},
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events, packets},
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
};
use sensor_user::events::{Options, Store};
use serde_json::Value;

const MARKERS: &str = "ip 203.0.113.5 id=m\n";
const FLOWS: u16 = 100;
/// The longest that a configuration may have: nothing is drained unless the agent stops.
const NEVER: &str = "60s";

/// Packets of [`FLOWS`] flows, each so many times.
fn frames(each: usize) -> Vec<Vec<u8>> {
    let frame = |port: u16| {
        let body = Body::udp(1024 + port, 53, b"x");
        let (src, dst) = ([10, 1, 0, 2], [203, 0, 113, 5]);
        Frame::new(Ip4::new(src.into(), dst.into(), body)).bytes()
    };
    (0..each).flat_map(|_| (0..FLOWS).map(frame)).collect()
}

fn settings() -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    settings
}

fn start<'a>(home: &'a Home, wire: &'a Wire, settings: &Settings) -> Sensord<'a> {
    let daemon = Sensord::start(home, &wire.to, settings);
    let answer = daemon.client().put("/v1/markers", MARKERS);
    assert_eq!(answer.expect("an answer").status, 200);
    daemon
}

/// Ends a daemon by a signal; it must say that it ended well.
fn end(mut daemon: Sensord<'_>, signal: &str) {
    run(&["kill", signal, &daemon.id().to_string()]);
    let status = daemon.wait().expect("it ends");
    assert!(status.success(), "{signal}: {status}\n{}", daemon.stderr());
}

/// Waits until the events hold every hit; `sent` in all, and none lost.
fn all_told(client: &Client, sent: u64) {
    let told = || packets(&events(client));
    wait_until(Duration::from_secs(10), || told() == sent);
    let identities = Identities::settled(client);
    assert_eq!(
        (identities.kernel["hits"], told()),
        (sent, sent),
        "{identities:?}"
    );
    assert_eq!(identities.agent["lost_at_restart"], 0, "{identities:?}");
}

fn status(client: &Client) -> Value {
    let mut status = client.get("/v1/status").expect("an answer").body;
    status["interfaces"][0].take()
}

fn notes(client: &Client) -> String {
    status(client)["notes"].to_string()
}

/// Journal entries of an action on the interface.
fn journalled(client: &Client, action: &str) -> usize {
    let page = client
        .get("/v1/journal?limit=10000")
        .expect("an answer")
        .body;
    let rows = page["rows"].as_array().expect("rows");
    let of =
        |row: &&Value| row["entry"]["action"] == action && row["entry"]["interface"] == Wire::IN;
    rows.iter().filter(of).count()
}

#[test]
fn a_stop_stores_what_is_in_flight() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    for signal in ["-TERM", "-INT"] {
        let (wire, home) = (Wire::new(), Home::new());
        let mut settings = settings();
        settings.drain_interval = NEVER.into();
        let daemon = start(&home, &wire, &settings);
        let sent = frames(20);
        wire.send(&sent, 20_000);
        end(daemon, signal);
        // Nobody has touched the store since.
        let opened = Store::open(&home.state(), Options::default());
        let (mut store, _) = opened.expect("the store");
        let stored = store.restore().expect("the store");
        let packets: u64 = stored.open.iter().map(|row| row.event.packets).sum();
        assert_eq!(packets, sent.len() as u64, "{signal}");
        assert_eq!(stored.open.len(), usize::from(FLOWS), "{signal}");
        drop(store);
        let daemon = Sensord::start(&home, &wire.to, &settings);
        all_told(&daemon.client(), sent.len() as u64);
    }
}

#[test]
fn stops_under_traffic_lose_nothing() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let mut running = Some(start(&home, &wire, &settings()));
    let sent = frames(60);
    thread::scope(|scope| {
        let traffic = scope.spawn(|| wire.send(&sent, 1_500));
        for signal in ["-TERM", "-INT", "-TERM"] {
            thread::sleep(Duration::from_millis(700));
            end(running.take().expect("it runs"), signal);
            running = Some(Sensord::start(&home, &wire.to, &settings()));
        }
        traffic.join().expect("the traffic ends");
    });
    let daemon = running.expect("it runs");
    all_told(&daemon.client(), sent.len() as u64);
    assert_eq!(events(&daemon.client()).len(), usize::from(FLOWS));
}

#[test]
fn interfaces_stay_attached_while_no_agent_runs() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = start(&home, &wire, &settings());
    let program = wire.to.xdp_program(Wire::IN);
    assert!(program.is_some());
    assert!(!notes(&daemon.client()).contains("taken over"));
    end(daemon, "-TERM");
    assert_eq!(wire.to.xdp_program(Wire::IN), program);
    let sent = frames(5);
    wire.send(&sent, 5_000);
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    let notes = notes(&client);
    assert!(notes.contains("taken over from the last run"), "{notes}");
    all_told(&client, sent.len() as u64);
    wire.send(&sent, 5_000);
    all_told(&client, 2 * sent.len() as u64);
}

#[test]
fn detach_and_attach_by_request() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = start(&home, &wire, &settings());
    let client = daemon.client();
    let sent = frames(3);
    wire.send(&sent, 5_000);
    all_told(&client, sent.len() as u64);
    assert_eq!(
        (
            journalled(&client, "attached"),
            journalled(&client, "detached")
        ),
        (1, 0)
    );

    let (code, _, stderr) = daemon.control(&["detach", Wire::IN]);
    assert_eq!(code, 0, "{stderr}");
    // The kernel frees the link a moment after its last reference is gone.
    assert!(wait_until(Duration::from_secs(5), || {
        wire.to.xdp_program(Wire::IN).is_none()
    }));
    assert_eq!(status(&client)["attached"], false);
    assert_eq!(journalled(&client, "detached"), 1);
    wire.send(&sent, 5_000);
    // Longer than the agent takes to look after its interfaces.
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(
        wire.to.xdp_program(Wire::IN),
        None,
        "attached again by itself"
    );
    all_told(&client, sent.len() as u64);

    let (code, _, stderr) = daemon.control(&["attach", Wire::IN]);
    assert_eq!(code, 0, "{stderr}");
    assert!(wire.to.xdp_program(Wire::IN).is_some());
    assert_eq!(journalled(&client, "attached"), 2);
    wire.send(&sent, 5_000);
    all_told(&client, 2 * sent.len() as u64);
}

#[test]
fn an_interface_that_goes_and_comes_back() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = start(&home, &wire, &settings());
    let client = daemon.client();
    let limit = Duration::from_secs(5);
    wire.to.run(&["ip", "link", "delete", Wire::IN]);
    let noted = wait_until(limit, || status(&client)["attached"] == false);
    assert!(noted, "{}", status(&client));
    assert!(notes(&client).contains("the interface is gone"));
    assert_eq!(journalled(&client, "interface_gone"), 1);

    wire.lay();
    let back = wait_until(limit, || status(&client)["attached"] == true);
    assert!(back, "{}\n{}", status(&client), daemon.stderr());
    assert!(wire.to.xdp_program(Wire::IN).is_some());
    assert!(!notes(&client).contains("gone"), "{}", notes(&client));
    assert_eq!(journalled(&client, "attached"), 2);
    let sent = frames(3);
    wire.send(&sent, 5_000);
    all_told(&client, sent.len() as u64);
}

#[test]
fn a_pinned_ring_of_another_size_is_refused() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    end(start(&home, &wire, &settings()), "-TERM");
    let program = wire.to.xdp_program(Wire::IN);
    let other = Settings {
        ring_bytes: settings().ring_bytes * 2,
        ..settings()
    };
    let mut daemon = Sensord::spawn(&home, &wire.to, &other);
    let status = daemon.wait().expect("it ends by itself");
    let stderr = daemon.stderr();
    assert_eq!(status.code(), Some(78), "{stderr}");
    let pins = home.pins().display().to_string();
    let sentence = stderr.lines().last().expect("a sentence");
    for word in [pins.as_str(), "RECORDS", "1048576", "2097152"] {
        assert!(sentence.contains(word), "no {word}: {sentence}");
    }
    assert_eq!(wire.to.xdp_program(Wire::IN), program);
    let sent = frames(3);
    wire.send(&sent, 5_000);
    let daemon = Sensord::start(&home, &wire.to, &settings());
    all_told(&daemon.client(), sent.len() as u64);
}

//! A marker's end: in the kernel with the agent dead, in image, status and journal with it alive.

use std::{net::IpAddr, thread, time::Duration};

use jiff::Timestamp;
use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Topology,
    traffic::ping,
};

const MARKED: &str = "10.2.0.2";
/// How long the markers of these tests are in force.
const LIFE: Duration = Duration::from_secs(4);

/// Loads a marker that is over soon, beside one that is not.
fn load(client: &Client) -> Timestamp {
    let until = Timestamp::now() + LIFE;
    let markers = format!("ip {MARKED} id=short until={until}\nip 198.51.100.1 id=long\n");
    let answer = client.put("/v1/markers", &markers).expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    until
}

fn ping_marked(topology: &Topology) {
    let marked: IpAddr = MARKED.parse().expect("an address");
    assert_eq!(ping(&topology.subscriber, marked, 3), 3);
}

fn sleep_until(until: Timestamp) {
    let left = until.duration_since(Timestamp::now());
    thread::sleep(Duration::try_from(left).unwrap_or_default() + Duration::from_millis(200));
}

#[test]
fn an_expired_pattern_stops_matching_with_the_agent_dead() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let until = load(&daemon.client());
    ping_marked(&topology);
    daemon.kill9();
    sleep_until(until);
    ping_marked(&topology);
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let identities = Identities::settled(&daemon.client());
    assert_eq!(identities.kernel["hits"], 12, "{identities:?}");
    assert_eq!(identities.kernel["expired"], 6, "{identities:?}");
    let events = events(&daemon.client());
    assert!(
        events
            .iter()
            .all(|event| event["packets"].as_u64() <= Some(6))
    );
    assert!(daemon.stop().success());
}

#[test]
fn what_is_over_leaves_the_image_and_the_journal_says_so() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    let until = load(&client);
    let generation = || {
        let status = client.get("/v1/status").expect("an answer").body;
        (
            status["markers"]["generation"].as_u64().expect("a number"),
            status["markers"]["in_force"][0]["count"]
                .as_u64()
                .expect("a number"),
        )
    };
    let (before, in_force) = generation();
    assert_eq!(in_force, 2);
    sleep_until(until);
    assert!(
        wait_until(Duration::from_secs(5), || generation() == (before + 1, 1)),
        "still {:?}",
        generation()
    );
    let journal = client.get("/v1/journal?limit=100").expect("an answer").body;
    assert!(journal.to_string().contains("markers_expired"));
    ping_marked(&topology);
    assert_eq!(Identities::settled(&client).kernel["hits"], 0);
    let short = client.get("/v1/markers/short").expect("an answer").body;
    assert_eq!(short["in_force"], false, "kept, not in force");
    assert!(daemon.stop().success());
}

//! Loads that fail at each of their steps, and an agent that dies at each: until the last step the
//! old generation matches on every interface.

use std::{fs, net::IpAddr, time::Duration};

use sensor_tests::{
    command::{run, wait_until},
    daemon::{Client, Home, Sensord, Settings},
    identity::Identities,
    need,
    netns::Topology,
    traffic::ping,
};

const OLD: &str = "10.2.0.2";
const NEW: &str = "10.2.0.3";
/// Hits of [`pings`]: three there and three back, so three on each of the two interfaces.
const HITS: u64 = 6;

/// Steps of a load before it is stored, in their order; the router has two interfaces.
const STEPS: [&str; 6] = [
    "stored", "built", "loaded", "linked-0", "linked-1", "prepared",
];
/// The step after which a start carries the load out.
const COMMITTED: &str = "committed";

/// A set that differs from the other one in too much for a change in place.
fn set(marked: &str, filler: u8) -> String {
    let mut text = format!("ip {marked} id=marked\n");
    for last in 1..=200 {
        text.push_str(&format!("ip 100.64.{filler}.{last}\n"));
    }
    text
}

fn pings(topology: &Topology, to: &str) {
    let to: IpAddr = to.parse().expect("an address");
    assert_eq!(ping(&topology.subscriber, to, 3), 3, "packets pass");
}

fn hits(client: &Client) -> u64 {
    Identities::settled(client).kernel["hits"]
}

/// Hits of pings to an address.
fn hits_of(topology: &Topology, client: &Client, to: &str) -> u64 {
    let before = hits(client);
    pings(topology, to);
    hits(client) - before
}

fn topology() -> Topology {
    let topology = Topology::new();
    topology.serve(NEW.parse().expect("an address"));
    topology
}

fn load(client: &Client, set: &str) {
    let answer = client.put("/v1/markers", set).expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

#[test]
fn a_load_that_fails_at_any_step_changes_nothing() {
    if !need::root() {
        return;
    }
    let (topology, home) = (topology(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    load(&client, &set(OLD, 0));
    let before = client.get("/v1/status").expect("an answer").body["markers"].clone();
    for step in STEPS {
        fs::write(home.fault(), format!("{step} fail")).expect("a writable directory");
        let failed = client.put("/v1/markers", &set(NEW, 1)).expect("an answer");
        fs::remove_file(home.fault()).expect("it is there");
        assert_eq!(failed.status, 500, "{step}: {:?}", failed.body);
        assert_eq!(hits_of(&topology, &client, OLD), HITS, "{step}");
        assert_eq!(hits_of(&topology, &client, NEW), 0, "{step}");
        let after = client.get("/v1/status").expect("an answer").body["markers"].clone();
        assert_eq!(after, before, "{step}");
    }
    load(&client, &set(NEW, 1));
    assert_eq!(
        hits_of(&topology, &client, NEW),
        HITS,
        "nothing is in the way"
    );
    assert_eq!(hits_of(&topology, &client, OLD), 0);
    assert!(daemon.stop().success());
}

#[test]
fn a_load_that_is_stored_comes_into_force_although_its_last_step_failed() {
    if !need::root() {
        return;
    }
    let (topology, home) = (topology(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    load(&client, &set(OLD, 0));
    fs::write(home.fault(), format!("{COMMITTED} fail")).expect("a writable directory");
    let failed = client.put("/v1/markers", &set(NEW, 1)).expect("an answer");
    assert_eq!(failed.status, 500, "{:?}", failed.body);
    let order = "{\"reference\": \"r\", \"issuer\": \"a\", \"duration\": \"1h\"}\n";
    let failed = client.post("/v1/orders", &format!("{order}ip 192.0.2.9 id=brought\n"));
    assert_eq!(failed.expect("an answer").status, 500);
    fs::remove_file(home.fault()).expect("it is there");
    let live = || hits_of(&topology, &client, NEW) == HITS;
    assert!(wait_until(Duration::from_secs(10), live));
    assert_eq!(hits_of(&topology, &client, OLD), 0);
    // Memory is of the same time as the store: the next order has a number of its own.
    let next = order.replace("\"r\"", "\"next\"");
    let next = client.post("/v1/orders", &format!("{next}ip 192.0.2.10 id=next\n"));
    let next = next.expect("an answer");
    assert_eq!(next.status, 200, "{:?}", next.body);
    let orders = client.get("/v1/orders").expect("an answer").body;
    assert_eq!(orders["rows"].as_array().expect("rows").len(), 2);
    assert!(daemon.stop().success());
}

#[test]
fn an_agent_that_dies_at_any_step_leaves_the_old_generation_matching() {
    if !need::root() {
        return;
    }
    let (topology, home) = (topology(), Home::new());
    let mut old = set(OLD, 0);
    let mut new = set(NEW, 1);
    let (mut marked, mut unmarked) = (OLD, NEW);
    let mut died = 0;
    for step in STEPS.into_iter().chain([COMMITTED]) {
        let mut daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
        let client = daemon.client();
        load(&client, &old);
        let before = hits(&client);
        fs::write(home.fault(), format!("{step} die")).expect("a writable directory");
        assert!(
            client.put("/v1/markers", &new).is_err(),
            "{step}: it answers"
        );
        fs::remove_file(home.fault()).expect("it is there");
        let ended = daemon.wait().expect("it dies");
        assert!(!ended.success());

        // Nobody is there: both interfaces match the old set, and neither the new one.
        pings(&topology, marked);
        pings(&topology, unmarked);
        let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
        let client = daemon.client();
        assert_eq!(hits(&client) - before, HITS, "{step}");
        // What it had announced did not happen, unless it was stored.
        died += usize::from(step != COMMITTED);
        let journal = client.journal();
        let failed = journal.iter().filter(|entry| entry["code"] == "died");
        assert_eq!(failed.count(), died, "{step}");
        if step == COMMITTED {
            std::mem::swap(&mut old, &mut new);
            std::mem::swap(&mut marked, &mut unmarked);
        }
        assert_eq!(
            hits_of(&topology, &client, marked),
            HITS,
            "{step}, started again"
        );
        assert_eq!(
            hits_of(&topology, &client, unmarked),
            0,
            "{step}, started again"
        );
        assert!(daemon.stop().success());
    }
}

/// The kernel itself refuses, at one step after the other: each map, program and link of a load
/// takes a file descriptor, and there are ever so many.
#[test]
fn a_load_that_runs_out_of_descriptors_changes_nothing() {
    if !need::root_and(&["prlimit"]) {
        return;
    }
    let (topology, home) = (topology(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    load(&client, &set(OLD, 0));
    let id = daemon.id().to_string();
    let limit = |most: usize| run(&["prlimit", "--pid", &id, &format!("--nofile={most}:4096")]);
    let mut refused = 0;
    for spare in 3.. {
        let open = fs::read_dir(format!("/proc/{id}/fd"))
            .expect("the daemon runs")
            .count();
        limit(open + spare);
        let answer = client.put("/v1/markers", &set(NEW, 1)).expect("an answer");
        limit(4096);
        if answer.status == 200 {
            break;
        }
        refused += 1;
        assert_eq!(answer.status, 500, "{:?}", answer.body);
        assert_eq!(
            hits_of(&topology, &client, OLD),
            HITS,
            "{spare} descriptors"
        );
        assert_eq!(hits_of(&topology, &client, NEW), 0, "{spare} descriptors");
    }
    println!("refused at {refused} steps");
    assert!(refused >= 5, "only {refused} steps took a descriptor");
    assert_eq!(hits_of(&topology, &client, NEW), HITS);
    assert!(daemon.stop().success());
}

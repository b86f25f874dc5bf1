//! A million names.

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs,
    time::{Duration, Instant},
};

use sensor_tests::{
    bearers::{greeting, hello, question, server_name},
    command::wait_until,
    daemon::{Home, Interface, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Wire,
};
use sensor_user::dataplane::bench::map_use;

const NAMES: u32 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// Most that the kernel's maps for them may take: 64 bytes a value, an index twice as large as it must be,
/// the filter, and the maps that every sensor has.
const MAP_BYTES: u64 = 160 << 20;

/// The name of a number, of a length that differs; every third one with its subdomains.
fn name(number: u32) -> String {
    let mixed = number.wrapping_mul(2_654_435_761);
    let tail = "x".repeat((mixed % 9) as usize);
    format!("n{mixed:08x}{tail}.zone{}.example", number % 97)
}

fn line(number: u32) -> String {
    let star = if number.is_multiple_of(3) { "*." } else { "" };
    format!("domain {star}{}", name(number))
}

#[test]
fn a_million_names_are_loaded_through_the_socket_and_each_is_found() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    let before: HashSet<u32> = map_use().iter().map(|map| map.id).collect();
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let mut text = String::with_capacity(48 << 20);
    for number in 0..NAMES {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} id=m{number}", line(number));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("names.txt");
    fs::write(&file, text).expect("a file");
    let begun = Instant::now();
    let file = file.to_str().expect("UTF-8");
    let (code, _, error) = daemon.control(&["markers", "load", file]);
    let took = begun.elapsed();
    assert_eq!(code, 0, "{error}");
    let status = client.status();
    assert_eq!(status["markers"]["total"], NAMES);
    let kinds = status["markers"]["in_force"].as_array().expect("kinds");
    let domains = kinds.iter().find(|row| row["kind"] == "domain");
    assert_eq!(domains.expect("domains")["count"], NAMES, "{status}");

    // Of those with subdomains a child too, of the others no child; and what is nobody's name.
    let mut frames = Vec::new();
    let mut expected = HashSet::new();
    for (port, number) in (2_000u16..).step_by(4).zip((0..NAMES).step_by(31_247)) {
        let (own, child) = (name(number), format!("www.{}", name(number)));
        let long = hello(&[(51, vec![9; 200]), server_name(&own.to_uppercase())]);
        frames.push(question(port, &own));
        frames.push(question(port + 1, &child));
        frames.push(greeting(port + 2, &long));
        frames.push(question(port + 3, &format!("z{own}")));
        expected.extend([(port, number), (port + 2, number)]);
        if number.is_multiple_of(3) {
            expected.insert((port + 1, number));
        }
    }
    wire.send(&frames, 1_000);
    let told = || -> HashSet<(u16, u32)> {
        let of = |event: &serde_json::Value| {
            let marker = event["markers"][0].as_str().expect("an id");
            let port = event["src_port"].as_u64().expect("a port");
            let number = marker[1..].parse().expect("a number");
            (u16::try_from(port).expect("a port"), number)
        };
        events(&client).iter().map(of).collect()
    };
    wait_until(PATIENCE, || told().len() >= expected.len());
    let end = Identities::settled(&client);
    assert_eq!(told(), expected);
    assert_eq!(end.kernel["hits"], expected.len() as u64, "{end:?}");

    let maps = map_use().into_iter();
    let bytes: u64 = maps
        .filter(|map| !before.contains(&map.id))
        .map(|map| map.bytes)
        .sum();
    println!("{NAMES} names: {took:?}, {} MB of maps", bytes / 1_000_000);
    assert!(bytes < MAP_BYTES, "{bytes}");

    // One more, and one less, in place.
    let program = wire.to.xdp_program(Wire::IN);
    let added = client.post("/v1/markers", "domain one.more.test id=more\n");
    assert_eq!(added.expect("an answer").status, 200);
    let removed = client.post("/v1/markers/remove", "m0\n");
    assert_eq!(removed.expect("an answer").status, 200);
    assert_eq!(wire.to.xdp_program(Wire::IN), program, "the same program");
    let hits = end.kernel["hits"];
    wire.send(
        &[
            question(60_000, "one.more.test"),
            question(60_001, &name(0)),
        ],
        1_000,
    );
    assert_eq!(Identities::settled(&client).kernel["hits"], hits + 1);
    assert!(daemon.stop().success());
}

//! Markers of names that come and go one by one: judged as if the set had been loaded whole.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use sensor_tests::{
    bearers::{greeting, hello, initial, question, request, server_name},
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Wire,
    oracle::names::covers,
    random::{
        Random,
        set::{ChangedSet, post},
    },
};
use sensor_user::{
    crypto::hex,
    markers,
    model::{Image, Pattern},
};
use serde_json::Value;

const SEED: u64 = 20_261_122;
const STEPS: u16 = 200;
/// Steps between two looks at what the kernel makes of packets.
const LOOK: u16 = 10;
const PATIENCE: Duration = Duration::from_secs(25);
/// Fingerprints of the hello and the Initial that are sent.
const JA3_OF_NOTHING: &str = "ja3 00000000000000000000000000000000";
const PATTERNS: [&str; 14] = [
    "domain a.example",
    "domain *.a.example",
    "domain b.a.example",
    "domain *.b.a.example",
    "domain example.example",
    "domain *.c.b.a.example",
    "domain xa.example",
    "domain evil.example",
    "domain *.evil.example",
    "url http://a.example/one",
    "url http://a.example/two",
    "url http://b.a.example/one",
    JA3_OF_NOTHING,
    // Beside addresses, which share the table.
    "ip 198.51.100.9",
];
const NAMES: [&str; 5] = [
    "a.example",
    "b.a.example",
    "c.b.a.example",
    "xa.example",
    "example",
];
const UNTIL: [&str; 2] = [" until=2097-01-01T00:00:00Z", " until=2099-01-01T00:00:00Z"];

fn settings() -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.1.0.0/16"])]);
    settings.drain_interval = "200ms".into();
    settings
}

/// What a packet bears: its source port, where the name stands, the name and the path.
struct Sent {
    port: u16,
    place: &'static str,
    name: &'static str,
    path: Option<&'static str>,
    frame: Vec<u8>,
}

/// One packet of each kind for each name.
fn sent(first: u16) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut ports = first..;
    let mut add = |place, name, path, frame: &dyn Fn(u16) -> Vec<u8>| {
        let port = ports.next().expect("a port");
        sent.push(Sent {
            port,
            place,
            name,
            path,
            frame: frame(port),
        });
    };
    for name in NAMES {
        let hello = hello(&[(51, vec![9; 40]), server_name(name)]);
        add("dns", name, None, &|port| question(port, name));
        add("tls_sni", name, None, &|port| greeting(port, &hello));
        for path in ["/one", "/two"] {
            let of = |port| request(port, name, path);
            add("http_host", name, Some(path), &of);
        }
    }
    add("quic_sni", "evil.example", None, &initial);
    sent
}

type Told = BTreeSet<(u16, String, Vec<String>)>;

/// Port, place and markers of each event that these packets must make.
fn expected(image: &Image, sent: &[Sent]) -> Told {
    let mut told = Told::new();
    for pattern in image.patterns() {
        let rows = image.rows(pattern.id).iter();
        let ids: Vec<String> = rows.map(|row| row.marker.id.to_string()).collect();
        for one in sent {
            let labels = one.name.split('.').map(|label| label.as_bytes().to_vec());
            let labels = labels.collect();
            let place = match &pattern.pattern {
                Pattern::Domain(domain) if covers(domain, &labels) => one.place,
                Pattern::Url(_) => {
                    let path = one.path.unwrap_or("/none");
                    let url = format!("url http://{}{path}", one.name);
                    if pattern.pattern.to_string() != url {
                        continue;
                    }
                    "http_url"
                }
                _ => continue,
            };
            told.insert((one.port, place.to_owned(), ids.clone()));
        }
    }
    told
}

fn told(client: &Client, ports: std::ops::Range<u16>) -> Told {
    let event = |event: Value| {
        let port = u16::try_from(event["src_port"].as_u64().expect("a port")).expect("one");
        let place = event["matched_in"].as_str().expect("a place").to_owned();
        let ids = serde_json::from_value(event["markers"].clone()).expect("ids");
        (port, place, ids)
    };
    let mut told: Told = events(client).into_iter().map(event).collect();
    told.retain(|(port, ..)| ports.contains(port));
    told
}

#[test]
fn after_any_single_changes_names_are_judged_as_if_the_set_were_loaded_whole() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    let mut random = Random::from_env(SEED);
    let mut model = ChangedSet::default();
    let mut generation = client.status()["markers"]["generation"].clone();
    let mut program = wire.to.xdp_program(Wire::IN);
    let (mut in_place, mut whole, mut all) = (0, 0, 0);
    for step in 1..=STEPS {
        let answer = model.step(&mut random, &client, (&PATTERNS, &UNTIL, 20));
        let image = model.image();
        assert_eq!(answer["digest"], hex(&markers::digest(&image)), "{step}");
        assert_eq!(answer["patterns"], image.count(), "{step}");
        assert!(
            answer["generation"].as_u64() > generation.as_u64(),
            "{step}"
        );
        generation = answer["generation"].clone();
        let now = wire.to.xdp_program(Wire::IN);
        match std::mem::replace(&mut program, now) == now {
            true => in_place += 1,
            false => whole += 1,
        }
        if step % LOOK != 0 {
            continue;
        }
        let first = 2_000 + 30 * step;
        let sent = sent(first);
        let frames: Vec<_> = sent.iter().map(|one| one.frame.clone()).collect();
        wire.send(&frames, 2_000);
        let expected = expected(&image, &sent);
        let ports = first..first + sent.len() as u16;
        wait_until(PATIENCE, || {
            told(&client, ports.clone()).len() >= expected.len()
        });
        // One more would be an event too many.
        let _ = Identities::settled(&client);
        assert_eq!(told(&client, ports), expected, "after step {step}");
        all += expected.len();
    }
    println!("{in_place} changes in place, {whole} whole, {all} events");
    assert!(
        in_place > 30 && whole > 5 && all > 100,
        "{in_place} in place, {whole} whole, {all} events"
    );
    assert!(daemon.stop().success());
}

#[test]
fn names_and_urls_are_over_one_by_one_and_the_last_one_ends_the_looking() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    client.load("ip 203.0.113.5 id=stays\n");
    let started = Timestamp::now();
    let until = |seconds| started + Duration::from_secs(seconds);
    for (marker, id, seconds) in [
        ("domain *.a.example", "name", 15),
        ("url http://a.example/one", "url", 20),
        (JA3_OF_NOTHING, "ja3", 25),
    ] {
        let line = format!("{marker} id={id} until={}\n", until(seconds));
        post(&client, "/v1/markers", &line);
    }
    let mut port = 3_000;
    let mut look = || {
        port += 10;
        wire.send(
            &[
                question(port, "b.a.example"),
                request(port + 1, "a.example", "/one"),
                greeting(port + 2, &hello(&[server_name("b.a.example")])),
            ],
            1_000,
        );
        let _ = Identities::settled(&client);
        let told = told(&client, port..port + 10).into_iter();
        told.map(|(at, place, _)| (at - port, place))
            .collect::<Vec<_>>()
    };
    let in_force = |kind: &str| {
        let status = client.status();
        let kinds = status["markers"]["in_force"].as_array().expect("kinds");
        let of = kinds.iter().find(|row| row["kind"] == kind);
        of.map_or(0, |row| row["count"].as_u64().expect("a count"))
    };
    let places = |of: &[(u16, &str)]| {
        let pair = |(at, place): &(u16, &str)| (*at, (*place).to_owned());
        of.iter().map(pair).collect::<Vec<_>>()
    };
    let all = [
        (0, "dns"),
        (1, "http_host"),
        (1, "http_url"),
        (2, "tls_sni"),
    ];
    let seen = || client.get("/v1/coverage").expect("an answer").body["classes"].clone();
    assert_eq!(look(), places(&all));
    assert!(Timestamp::now() < until(15), "the machine is too slow");
    let gone = |kind: &str| wait_until(PATIENCE, || in_force(kind) == 0);
    assert!(gone("domain") && Timestamp::now() >= until(15));
    assert_eq!(look(), places(&[(1, "http_url")]));
    assert!(gone("url") && Timestamp::now() >= until(20));
    assert!(look().is_empty());
    assert!(gone("ja3") && Timestamp::now() >= until(25));
    let before = seen();
    assert!(look().is_empty());
    assert_eq!(seen(), before, "nothing is looked at any more");
    assert_eq!(in_force("ip"), 1);
    assert!(daemon.stop().success());
}

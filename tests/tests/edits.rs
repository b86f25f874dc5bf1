//! Markers that come and go one by one: the kernel judges as if the set had been loaded whole.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use jiff::Timestamp;
use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events, packets},
    need,
    netns::Wire,
    packet::{Body, Frame, Network},
    random::{
        Random,
        set::{ChangedSet, post},
    },
};
use sensor_user::{
    crypto::hex,
    markers,
    model::{Image, Pattern, Protocol},
};
use serde_json::{Value, json};

const SEED: u64 = 20_270_301;
const STEPS: u16 = 300;
const PATIENCE: Duration = Duration::from_secs(10);
/// Patterns that come and go; new prefix lengths, IPv6 and endpoints among them.
const PATTERNS: [&str; 22] = [
    "ip 203.0.113.1",
    "ip 203.0.113.2",
    "ip 203.0.113.5",
    "ip 198.51.100.1",
    "ip 198.51.100.6",
    "ip 2001:db8:9::1",
    "ip 2001:db8:9::6",
    "cidr 203.0.113.0/29",
    "cidr 203.0.113.4/30",
    "cidr 203.0.113.0/24",
    "cidr 203.0.0.0/12",
    "cidr 198.51.100.0/28",
    "cidr 198.51.100.4/31",
    "cidr 198.51.0.0/16",
    "cidr 2001:db8:9::/48",
    "cidr 2001:db8:9::4/126",
    "cidr 2001:db8:8::/45",
    "endpoint 203.0.113.1 udp 53",
    "endpoint 203.0.113.3 udp 53",
    "endpoint 203.0.113.1 tcp 53",
    "endpoint 198.51.100.1 udp 54",
    "endpoint 2001:db8:9::1 udp 53",
];
/// Ends; a marker without one is given one by the agent.
const UNTIL: [&str; 3] = [
    " until=2097-01-01T00:00:00Z",
    " until=2099-01-01T00:00:00Z",
    " until=2098-01-01T00:00:00Z",
];

fn addresses() -> Vec<IpAddr> {
    let text = |last| {
        [
            format!("203.0.113.{last}"),
            format!("198.51.100.{last}"),
            format!("2001:db8:9::{last}"),
        ]
    };
    (1..=8)
        .flat_map(text)
        .map(|text| text.parse().expect("an address"))
        .collect()
}

fn frame(to: IpAddr, port: u16) -> Vec<u8> {
    let from = if to.is_ipv4() {
        "10.1.0.2"
    } else {
        "2001:db8:1::2"
    };
    let from = from.parse().expect("an address");
    Frame::new(Network::between(from, to, Body::udp(port, 53, b"x"))).bytes()
}

fn start<'a>(home: &'a Home, wire: &'a Wire) -> Sensord<'a> {
    let prefixes = ["10.1.0.0/16", "2001:db8:1::/48"];
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &prefixes)]);
    settings.drain_interval = "200ms".into();
    Sensord::start(home, &wire.to, &settings)
}

/// What a packet to each of these addresses must become: address and markers of each event.
fn must_be(image: &Image, to: &[IpAddr]) -> BTreeSet<(IpAddr, Vec<String>)> {
    let mut events = BTreeSet::new();
    for pattern in image.patterns() {
        let rows = image.rows(pattern.id).iter();
        let ids: Vec<String> = rows.map(|row| row.marker.id.to_string()).collect();
        let hit = to.iter().filter(|to| covers(&pattern.pattern, **to));
        events.extend(hit.map(|to| (*to, ids.clone())));
    }
    events
}

/// Whether the one kind of packet sent here is hit at this address.
fn covers(pattern: &Pattern, to: IpAddr) -> bool {
    match *pattern {
        Pattern::Ip(address) => address == to,
        Pattern::Cidr(net) => net.contains(&to),
        Pattern::Endpoint {
            address,
            protocol,
            port,
        } => (address, protocol, port) == (to, Protocol::Udp, 53),
        _ => false,
    }
}

/// Events of the flows from a port.
fn told(client: &Client, port: u16) -> Vec<Value> {
    let mut events = events(client);
    events.retain(|event| event["src_port"] == port);
    events
}

#[test]
fn after_any_single_changes_the_kernel_judges_as_if_the_set_were_loaded_whole() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = start(&home, &wire);
    let client = daemon.client();
    let mut random = Random::from_env(SEED);
    let (mut model, addresses) = (ChangedSet::default(), addresses());
    let mut generation = client.status()["markers"]["generation"].clone();
    let mut program = wire.to.xdp_program(Wire::IN);
    let (mut in_place, mut whole, mut all) = (0, 0, 0);
    for step in 1..=STEPS {
        let answer = model.step(&mut random, &client, (&PATTERNS, &UNTIL, 30));
        let image = model.image();
        assert_eq!(answer["digest"], hex(&markers::digest(&image)), "{step}");
        assert_eq!(answer["markers"], model.len(), "{step}");
        assert_eq!(answer["patterns"], image.count(), "{step}");
        assert!(
            answer["generation"].as_u64() > generation.as_u64(),
            "{step}"
        );
        generation = answer["generation"].clone();
        let now = wire.to.xdp_program(Wire::IN);
        if std::mem::replace(&mut program, now) == now {
            in_place += 1;
        } else {
            whole += 1;
        }
        if step % 10 != 0 {
            continue;
        }
        let port = 2_000 + step;
        let frames: Vec<_> = addresses.iter().map(|to| frame(*to, port)).collect();
        wire.send(&frames, 5_000);
        let expected = must_be(&image, &addresses);
        let mut events = Vec::new();
        wait_until(PATIENCE, || {
            events = told(&client, port);
            events.len() >= expected.len()
        });
        // One more would be a hit too many.
        assert_eq!(
            Identities::settled(&client).kernel["hits"] - all,
            expected.len() as u64
        );
        all += expected.len() as u64;
        let found: BTreeSet<_> = events
            .iter()
            .map(|event| {
                let ids = serde_json::from_value(event["markers"].clone()).expect("ids");
                let to = event["dst_ip"].as_str().expect("an address");
                (to.parse().expect("an address"), ids)
            })
            .collect();
        assert_eq!(found, expected, "after step {step}");
        for event in &events {
            assert_eq!(event["generation"], generation, "{event}");
        }
    }
    assert!(
        in_place > 50 && whole > 5,
        "{in_place} in place, {whole} whole"
    );
    let kernel = Identities::settled(&client).kernel;
    assert_eq!(kernel["records"], all, "every flow was new: {kernel:?}");
    println!("{in_place} changes in place, {whole} whole, {all} hits");
    assert!(daemon.stop().success());
}

/// Sends one packet of the one flow, and waits until an open event names exactly these markers.
fn names(wire: &Wire, client: &Client, markers: &[&str]) {
    let to = "203.0.113.5".parse().expect("an address");
    wire.send(&[frame(to, 4_000)], 1_000);
    let open = || {
        let open = events(client).into_iter();
        let open = open.filter(|event| event["state"] == "open");
        open.map(|event| event["markers"].clone())
            .collect::<Vec<_>>()
    };
    assert!(
        wait_until(PATIENCE, || open() == [json!(markers)]),
        "{:?} open, not {markers:?}",
        open()
    );
}

/// Waits until no event is open: those of the changed pattern were closed.
fn closed(client: &Client) {
    let open = || client.status()["events"]["open"] == 0;
    assert!(wait_until(PATIENCE, open), "{:?}", events(client));
}

#[test]
fn an_event_whose_pattern_lost_or_gained_a_marker_ends_and_the_next_names_the_right_ones() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = start(&home, &wire);
    let client = daemon.client();
    post(&client, "/v1/markers", "ip 203.0.113.5 id=a\n");
    names(&wire, &client, &["a"]);
    post(&client, "/v1/markers", "ip 203.0.113.5 id=b\n");
    closed(&client);
    names(&wire, &client, &["a", "b"]);
    post(&client, "/v1/markers/remove", "a\n");
    closed(&client);
    names(&wire, &client, &["b"]);
    // The pattern goes, and comes back under another marker.
    post(&client, "/v1/markers/remove", "b\n");
    post(&client, "/v1/markers", "ip 203.0.113.5 id=c\n");
    closed(&client);
    names(&wire, &client, &["c"]);
    // A marker that ends by its date leaves its pattern to the other.
    let until = Timestamp::now() + Duration::from_secs(3);
    let short = format!("ip 203.0.113.5 id=short until={until}\n");
    post(&client, "/v1/markers", &short);
    closed(&client);
    names(&wire, &client, &["c", "short"]);
    closed(&client);
    assert!(Timestamp::now() >= until, "not before its end");
    names(&wire, &client, &["c"]);
    // The same marker under the same id: nothing has changed.
    let answer = post(&client, "/v1/markers", "ip 203.0.113.5 id=c\n");
    assert_eq!(
        (&answer["added"], &answer["removed"]),
        (&json!(0), &json!(0))
    );
    names(&wire, &client, &["c"]);
    wait_until(PATIENCE, || packets(&events(&client)) == 7);
    assert_eq!(packets(&events(&client)), 7, "{:?}", events(&client));
    assert_eq!(events(&client).len(), 6, "{:?}", events(&client));
    // The head of an id, as `events list` shows it, is enough to ask for the event.
    let id = events(&client)[0]["id"].as_str().expect("an id").to_owned();
    let (_, list, _) = daemon.control(&["events", "list"]);
    assert!(
        list.contains(&id[..8]) && !list.contains(&id[..9]),
        "{list}"
    );
    let (code, shown, stderr) = daemon.control(&["events", "show", &id[..8]]);
    assert!(code == 0 && shown.contains(&id), "{stderr}");
    assert_ne!(daemon.control(&["events", "show", &id[..7]]).0, 0);
    assert!(daemon.stop().success());
}

/// Packets of one flow, more than enough for its verdict to be noted.
const AGAIN: u64 = 6;

#[test]
fn a_flow_that_goes_on_is_judged_by_the_set_of_now_after_each_change() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = start(&home, &wire);
    let client = daemon.client();
    let to = "203.0.113.5".parse().expect("an address");
    let frames = vec![frame(to, 4_000); AGAIN as usize];
    // Both kinds from the start, so that what follows is done in place.
    let whole = "ip 198.51.100.1 id=other\ncidr 198.51.100.0/24 id=net\n";
    post(&client, "/v1/markers", whole);
    let mut hits = 0;
    let mut send = |patterns: u64, what: &str| {
        wire.send(&frames, 1_000);
        hits += AGAIN * patterns;
        let kernel = || Identities::settled(&client).kernel["hits"];
        assert!(wait_until(PATIENCE, || kernel() >= hits), "{what}");
        assert_eq!(kernel(), hits, "{what}");
    };
    send(0, "nothing is marked");
    post(&client, "/v1/markers", "ip 203.0.113.5 id=a\n");
    send(1, "an address");
    post(&client, "/v1/markers", "cidr 203.0.113.0/24 id=b\n");
    send(2, "a prefix came");
    post(&client, "/v1/markers/remove", "a\n");
    send(1, "the address went");
    post(
        &client,
        "/v1/markers",
        "ip 203.0.113.5 id=a direction=source\n",
    );
    send(1, "it came back for sources only");
    post(&client, "/v1/markers/remove", "b\n");
    send(0, "the prefix went");
    post(&client, "/v1/markers/remove", "a\n");
    let until = Timestamp::now() + Duration::from_secs(3);
    let short = format!("ip 203.0.113.5 id=a until={until}\n");
    post(&client, "/v1/markers", &short);
    send(1, "it came back until soon");
    // Many ticks later: the deadline is compared with the time of the last one, and the kernel of a machine that
    // shares its processors may be late with them.
    let over = until + Duration::from_millis(500);
    assert!(wait_until(PATIENCE, || Timestamp::now() >= over));
    send(0, "it is over");
    assert!(daemon.stop().success());
}

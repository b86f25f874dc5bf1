//! Timeouts, validity and subscribers: everything in capture time.

use std::time::Duration;

use sensor_tests::{
    need,
    offline::{Replayed, replay},
    packet::{Body, Frame, Ip4},
    traffic::pcap_write_at,
};

const SUBSCRIBER: [u8; 4] = [10, 1, 0, 2];
const STRANGER: [u8; 4] = [192, 0, 2, 1];
const MARKED: [u8; 4] = [203, 0, 113, 5];

fn udp(src: [u8; 4], dst: [u8; 4], port: u16) -> Vec<u8> {
    Frame::new(Ip4::new(src.into(), dst.into(), Body::udp(port, 53, b"x"))).bytes()
}

/// Replays frames, each at its second.
fn replay_at(markers: &str, options: &[&str], frames: &[(f64, Vec<u8>)]) -> Replayed {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let capture = directory.path().join("frames.pcap");
    let timed =
        |(second, frame): &(f64, Vec<u8>)| (Duration::from_secs_f64(*second), frame.clone());
    let frames: Vec<(Duration, Vec<u8>)> = frames.iter().map(timed).collect();
    pcap_write_at(
        &capture,
        frames.iter().map(|(time, frame)| (*time, frame.as_slice())),
    );
    let replayed = replay(markers, options, &[&capture]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    replayed
}

/// Packets and last time of each event, in the order printed.
fn told(replayed: &Replayed) -> Vec<(u64, &str)> {
    let events = replayed.events.iter();
    events
        .map(|event| {
            assert_eq!(event["state"], "closed");
            let last = event["last_seen"].as_str().expect("a time");
            (event["packets"].as_u64().expect("a count"), last)
        })
        .collect()
}

#[test]
fn the_idle_timeout_cuts_an_event() {
    if !need::root() {
        return;
    }
    let frame = || udp(SUBSCRIBER, MARKED, 1000);
    let frames: Vec<_> = [0.0, 0.2, 3.0, 6.0, 20.0, 21.0]
        .map(|at| (at, frame()))
        .into();
    let markers = "ip 203.0.113.5 id=m\n";
    let cut = replay_at(markers, &["--idle-timeout", "5"], &frames);
    assert_eq!(
        told(&cut),
        [(4, "2024-01-01T00:00:06Z"), (2, "2024-01-01T00:00:21Z")]
    );
    let whole = replay_at(markers, &[], &frames);
    assert_eq!(told(&whole), [(6, "2024-01-01T00:00:21Z")]);
    let active = replay_at(markers, &["--active-timeout", "6"], &frames);
    assert_eq!(told(&active)[0].0, 3, "{:?}", told(&active));
}

#[test]
fn packets_after_the_end_of_a_marker_are_no_events() {
    if !need::root() {
        return;
    }
    // A flow that goes on past the end, every half second; one that begins after it.
    let flow = |port| udp(SUBSCRIBER, MARKED, port);
    let mut frames: Vec<_> = (0..40)
        .map(|half| (f64::from(half) / 2.0, flow(1000)))
        .collect();
    frames.extend((0..4).map(|second| (20.0 + f64::from(second), flow(2000))));
    let ends = "ip 203.0.113.5 id=m until=2024-01-01T00:00:10Z\n";
    let replayed = replay_at(ends, &[], &frames);
    assert_eq!(told(&replayed), [(20, "2024-01-01T00:00:09.5Z")]);
    let kernel = replayed.terms("hits");
    assert_eq!(kernel["hits"], 44);
    assert!(
        replayed.terms("records")["expired"] > 0,
        "{}",
        replayed.stderr
    );

    // Another marker of the same pattern goes on alone.
    let both = format!("{ends}ip 203.0.113.5 id=n\n");
    let replayed = replay_at(&both, &[], &frames);
    let events = replayed.events.iter();
    let told: Vec<_> = events
        .map(|event| (event["markers"].to_string(), event["packets"].as_u64()))
        .collect();
    let expected = [("[\"m\",\"n\"]", 20), ("[\"n\"]", 20), ("[\"n\"]", 4)];
    let expected = expected.map(|(markers, packets)| (markers.to_owned(), Some(packets)));
    assert_eq!(told, expected);
}

#[test]
fn subscriber_prefixes_make_transit() {
    if !need::root() {
        return;
    }
    let mut frames: Vec<_> = [SUBSCRIBER, STRANGER, STRANGER]
        .into_iter()
        .zip([1000, 1000, 2000])
        .map(|(src, port)| (0.0, udp(src, MARKED, port)))
        .collect();
    // The answer to the first belongs to its event.
    frames.push((
        0.1,
        Frame::new(Ip4::new(
            MARKED.into(),
            SUBSCRIBER.into(),
            Body::udp(53, 1000, b"y"),
        ))
        .bytes(),
    ));
    let markers = "ip 203.0.113.5 id=m\n";
    let all = replay_at(markers, &[], &frames);
    assert_eq!(all.events.len(), 3);
    assert!(
        all.events
            .iter()
            .all(|event| event["subscriber_side"] == "unknown")
    );
    let ours = replay_at(markers, &["--subscribers", "10.1.0.0/24"], &frames);
    assert_eq!(ours.events.len(), 1, "{}", ours.stderr);
    assert_eq!(ours.events[0]["subscriber_side"], "src");
    assert_eq!(ours.events[0]["packets"], 2);
    let agent = ours.terms("records");
    let kernel = ours.terms("hits");
    assert_eq!(
        (agent["events"], agent["joined"], agent["transit"]),
        (1, 1, 2)
    );
    assert_eq!((kernel["hits"], kernel["records"]), (4, 4));
}

#[test]
fn a_marker_is_in_force_from_its_first_instant_on() {
    if !need::root() {
        return;
    }
    let frames: Vec<_> = [1.0, 2.0, 3.0, 4.0]
        .map(|at| (at, udp(SUBSCRIBER, MARKED, 1000)))
        .into();
    let markers = "ip 203.0.113.5 id=m from=2024-01-01T00:00:02Z until=2024-01-01T00:00:04Z\n";
    let replayed = replay_at(markers, &[], &frames);
    assert_eq!(told(&replayed), [(2, "2024-01-01T00:00:03Z")]);
}

#[test]
fn a_direction_is_looked_at_by_the_program_and_for_each_marker() {
    if !need::root() {
        return;
    }
    let frames = [
        (1.0, udp(SUBSCRIBER, MARKED, 1000)),
        (2.0, udp(MARKED, SUBSCRIBER, 2000)),
    ];
    let source = "ip 203.0.113.5 id=s direction=source\n";
    let replayed = replay_at(source, &[], &frames);
    assert_eq!(told(&replayed), [(1, "2024-01-01T00:00:02Z")]);
    assert_eq!(replayed.events[0]["matched_in"], "src_ip");
    assert_eq!(
        replayed.terms("hits")["hits"],
        1,
        "the other side is no hit"
    );
    // Two markers that look at different sides: the program looks at both, the agent names one.
    let both = format!("{source}ip 203.0.113.5 id=d direction=destination\n");
    let replayed = replay_at(&both, &[], &frames);
    let named: Vec<_> = replayed.events.iter().map(|one| &one["markers"]).collect();
    assert_eq!(
        named,
        [&serde_json::json!(["d"]), &serde_json::json!(["s"])]
    );
    let cidr = "cidr 203.0.113.0/24 id=c direction=destination\n\
                endpoint 203.0.113.5 udp 53 id=e direction=source\n";
    let replayed = replay_at(cidr, &[], &frames);
    assert_eq!(replayed.packets_by_marker(), [("c".to_owned(), 1)].into());
}

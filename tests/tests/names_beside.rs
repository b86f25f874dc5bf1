//! Every name and JA3 of a capture, beside tshark and Suricata: those that a replay finds with all of them
//! loaded are those that tshark reads, and no alert of Suricata is missing. `names CAPTURE…` does the same
//! with any capture.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_tests::{
    capture::Tcpdump,
    differential::{self, Class, Kind, Load, compare, readings},
    internet::{
        OTHER_GROUP, QUIC, RETRY, Servers, ask, browse, fetch, fetch_http3, long_hello, swap,
    },
    need,
    netns::Topology,
    packet::{Body, Frame, Ip4},
    router::Router,
    suricata,
    traffic::pcap_write_at,
};

#[path = "names_beside/frames.rs"]
mod frames;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

fn tools() -> bool {
    need::root_and(&[
        "dig", "dnsmasq", "nginx", "curl", "openssl", "socat", "ss", "suricata", "tcpdump",
        "tshark",
    ])
}

/// What a replay has in common with tshark in a capture, and the classes of what it has not.
///
/// # Panics
/// When a difference has no class, or Suricata raises what the sensor does not.
fn agrees(capture: &Path) -> BTreeMap<Class, usize> {
    let read = readings(capture);
    let mut classes = BTreeMap::new();
    for load in [Load::Names, Load::All] {
        let comparison = compare(capture, &read, load);
        assert_eq!(
            comparison.replayed.code, 0,
            "{}",
            comparison.replayed.stderr
        );
        let unexplained: Vec<_> = comparison.unexplained().collect();
        assert!(
            unexplained.is_empty(),
            "{load:?}: {unexplained:#?}\n{}",
            comparison.replayed.stderr
        );
        for difference in &comparison.differences {
            println!("{difference:?}");
            let class = difference.class.expect("all of them have one");
            println!(
                "{class}: frames {:?}: {}",
                difference.frames, difference.key.1
            );
            *classes.entry(class).or_default() += 1;
        }
        println!(
            "{load:?}: {} values in connections are equal",
            comparison.equal
        );
        let alerts =
            suricata::alerts(capture, &differential::names(&read)).expect("it reads what we write");
        let missed = differential::beside(&alerts, &comparison, &read);
        println!("{} alerts of Suricata", alerts.len());
        assert!(
            missed.iter().all(|(_, class)| class.is_some()),
            "{missed:#?}"
        );
        let kinds: BTreeSet<Kind> = comparison.found.iter().map(|(kind, ..)| *kind).collect();
        assert!(kinds.len() >= 2 && comparison.equal > 0, "{kinds:?}");
    }
    classes
}

fn written(directory: &Path, frames: &[Vec<u8>]) -> PathBuf {
    let path = directory.join("frames.pcap");
    let timed = frames
        .iter()
        .enumerate()
        .map(|(at, frame)| (Duration::from_millis(at as u64), frame.as_slice()));
    pcap_write_at(&path, timed);
    path
}

#[test]
fn replay_tshark_and_suricata_agree_on_real_traffic() {
    if !tools() {
        return;
    }
    let router = Router::new().expect("root");
    let topology = &router.topology;
    let servers = Servers::start(topology);
    let capture = servers.directory().join("frames.pcap");
    let dump = Tcpdump::start(&topology.router, Topology::ACCESS, None, &capture);
    ask(topology, "one.example");
    ask(topology, "Two.EXAMPLE");
    let longest = format!("{0}.{0}.{0}.{1}.example", "l".repeat(63), "m".repeat(53));
    ask(topology, &longest);
    fetch(topology, "https://three.example/", "three.example");
    fetch(topology, "http://four.example/a/./b?c=%7e", "four.example");
    long_hello(topology, "five.example");
    browse(topology, "443", "six.example");
    browse(topology, OTHER_GROUP, "seven.example");
    for (name, port, how) in [
        ("v1.example", QUIC, &["v1"][..]),
        ("v2.example", QUIC, &["v2"]),
        ("v1v2.example", QUIC, &["v1v2"]),
        ("long.example", QUIC, &["v1", "long"]),
        ("retry.example", RETRY, &["v1"]),
        ("long-retry.example", RETRY, &["v2", "long"]),
    ] {
        fetch_http3(topology, port, name, how);
    }
    {
        let _swapper = swap(topology);
        browse(topology, "443", "swapped.example");
        long_hello(topology, "swapped-too.example");
    }
    let capture = dump.stop();
    assert_eq!(agrees(&capture), BTreeMap::new());
}

#[test]
fn replay_tshark_and_suricata_agree_on_what_clients_seldom_do() {
    if !tools() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let capture = written(directory.path(), &frames::seldom());
    // The fingerprint behind STARTTLS, of which tshark tells the name alone.
    let behind = BTreeMap::from([(Class::OtherProtocol, 1)]);
    assert_eq!(agrees(&capture), behind);
}

/// What tshark reads and the sensor does not, each class by a frame of its own.
#[test]
fn what_is_not_read_is_of_a_class_that_is_told() {
    if !tools() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let capture = written(directory.path(), &frames::not_read());
    let classes: BTreeSet<Class> = agrees(&capture).into_keys().collect();
    let all = [
        Class::Quoted,
        Class::Encapsulated,
        Class::Fragmented,
        Class::OtherPort,
        Class::NoMarker,
    ];
    assert_eq!(classes, all.into());
}

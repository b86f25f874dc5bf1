//! For every address: as many packets in the events as tshark counts frames.

use std::{collections::BTreeMap, net::IpAddr, path::Path};

use sensor_tests::{
    capture::Tcpdump,
    need,
    netns::{Netns, Topology},
    offline::{Replayed, replay},
    random::{Pool, Random},
    traffic::{Echo, ask, pcap_write, ping},
    tshark,
};
use sensor_user::model::Protocol;

use super::exception::Exception;

const FRAMES: usize = 3_000;
const SEED: u64 = 20_270_114;
const PORT: u16 = 4444;

/// Replays with a marker for each address, and compares each with tshark.
fn assert_counts(capture: &Path, addresses: &[IpAddr]) -> Replayed {
    let lines = (0..).zip(addresses);
    let markers: String = lines
        .map(|(index, address)| format!("ip {address} id=m{index}\n"))
        .collect();
    let replayed = replay(&markers, &[], &[capture]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let mut told = replayed.packets_by_marker();
    let differences: BTreeMap<IpAddr, (usize, usize)> = addresses
        .iter()
        .enumerate()
        .map(|(index, address)| {
            let told = told.remove(&format!("m{index}")).unwrap_or(0);
            (*address, (told, tshark::count(capture, *address)))
        })
        .filter(|(_, (told, counted))| told != counted)
        .collect();
    assert!(differences.is_empty(), "replay, tshark: {differences:?}");
    assert!(told.is_empty(), "events of no marker: {told:?}");
    replayed
}

/// Echo requests, TCP and UDP from one namespace to two addresses of another.
fn talk(from: &Netns, to: &Netns, addresses: [&str; 2]) {
    for address in addresses {
        let address: IpAddr = address.parse().expect("an address");
        assert_eq!(ping(from, address, 3), 3);
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let _echo = Echo::start(to, protocol, (address, PORT).into());
            let answer = ask(from, protocol, (address, PORT).into(), None, b"hello");
            assert_eq!(answer, b"hello", "{protocol:?} {address}");
        }
    }
}

#[test]
fn captures_of_tcpdump() {
    if !need::root_and(&["tcpdump", "tshark", "ping", "socat"]) {
        return;
    }
    let topology = Topology::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| directory.path().join(name);
    let router = &topology.router;
    let captures = [
        Tcpdump::start(router, Topology::ACCESS, None, &file("ethernet.pcap")),
        Tcpdump::start(router, "any", Some("LINUX_SLL"), &file("cooked.pcap")),
        Tcpdump::start(router, "any", Some("LINUX_SLL2"), &file("cooked2.pcap")),
        Tcpdump::start(&topology.internet, "lo", None, &file("loopback.pcap")),
    ];
    talk(&topology.subscriber, &topology.internet, Topology::HOST);
    talk(&topology.internet, &topology.internet, ["127.0.0.1", "::1"]);
    for capture in captures {
        let capture = capture.stop();
        let addresses: Vec<IpAddr> = tshark::addresses(&capture).into_iter().collect();
        println!("{}: {addresses:?}", capture.display());
        let expected: &[&str] = if capture.ends_with("loopback.pcap") {
            &["127.0.0.1", "::1"]
        } else {
            &[Topology::HOST, Topology::SUBSCRIBER].concat()
        };
        for address in expected {
            let address = address.parse().expect("an address");
            assert!(addresses.contains(&address), "{address} is not in it");
        }
        let replayed = assert_counts(&capture, &addresses);
        let told: usize = replayed.packets_by_marker().values().sum();
        assert!(told > 20, "{told} packets");
    }
}

#[test]
fn random_frames() {
    if !need::root_and(&["tshark"]) {
        return;
    }
    let (pool, mut random) = (Pool::default(), Random::from_env(SEED));
    let frames: Vec<Vec<u8>> = std::iter::repeat_with(|| pool.frame(&mut random))
        .filter(|frame| Exception::of(frame).is_none())
        .take(FRAMES)
        .collect();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let capture = directory.path().join("frames.pcap");
    pcap_write(&capture, &frames);
    // A marker on an IPv4-mapped address is one on the IPv4 address, which is there already.
    let addresses: Vec<IpAddr> = pool
        .addresses()
        .filter(|address| address.to_canonical() == *address)
        .collect();
    let replayed = assert_counts(&capture, &addresses);
    assert_eq!(replayed.number("frames"), FRAMES as u64);
    assert_adds_up(&replayed);
}

/// Both identities, as the summary tells them.
fn assert_adds_up(replayed: &Replayed) {
    let mut kernel = replayed.terms("hits");
    let hits = kernel.remove("hits").expect("a term");
    assert_eq!(hits, kernel.values().sum::<u64>(), "{}", replayed.stderr);
    let agent = replayed.terms("records");
    assert_eq!(
        kernel["records"],
        agent.values().sum::<u64>(),
        "{}",
        replayed.stderr
    );
    let told = replayed.packets_by_marker().values().sum::<usize>() as u64;
    assert_eq!(
        told, hits,
        "without transit and expiry: {}",
        replayed.stderr
    );
    assert_eq!(replayed.number("events"), replayed.events.len() as u64);
    let outcomes = replayed.terms("outcomes");
    let judged = replayed.number("frames");
    assert_eq!(
        outcomes.values().sum::<u64>(),
        judged,
        "{}",
        replayed.stderr
    );
}

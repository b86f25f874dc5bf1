//! The harness itself: networks carry traffic, mounts and namespaces disappear.

use std::{fs, net::SocketAddr, path::Path};

use sensor_tests::{
    need,
    netns::{Bpffs, Netns, Topology, veth},
    packet::{Body, Frame, Ip4},
    traffic::{Echo, ask, pcap_write, ping, replay},
};
use sensor_user::model::Protocol;

/// Whether networks can be made here.
fn ready() -> bool {
    need::root() && ["ip", "ethtool", "nsenter"].into_iter().all(need::tool)
}

#[test]
fn both_families_are_routed_and_other_addresses_served() {
    if !ready() || !need::tool("socat") {
        return;
    }
    let topology = Topology::new();
    for served in ["203.0.113.5", "2001:db8:bad::5"] {
        let address = served.parse().unwrap();
        topology.serve(address);
        assert_eq!(ping(&topology.subscriber, address, 3), 3);
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let at = SocketAddr::new(address, 7000);
            let _echo = Echo::start(&topology.internet, protocol, at);
            for port in [None, Some(40_000)] {
                let answer = ask(&topology.subscriber, protocol, at, port, b"hello");
                assert_eq!(answer, b"hello", "{protocol} {at} from {port:?}");
            }
        }
    }
    let nobody = "203.0.113.6".parse().unwrap();
    assert_eq!(ping(&topology.subscriber, nobody, 2), 0);
}

#[test]
fn every_frame_of_a_capture_arrives() {
    if !ready() || !need::tool("tcpreplay") {
        return;
    }
    let (a, b) = (Netns::new("a"), Netns::new("b"));
    veth(&a, "left", &b, "right");
    let packet = Ip4::new(
        [192, 0, 2, 1].into(),
        [192, 0, 2, 2].into(),
        Body::udp(1, 2, b""),
    );
    let frames = vec![Frame::new(packet).padded(60).bytes(); 200];
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("frames.pcap");
    pcap_write(&capture, &frames);
    let received = || -> u64 {
        // Interfaces are those of the reading process's namespace.
        let table = b.run(&["cat", "/proc/net/dev"]);
        let row = table
            .lines()
            .find_map(|line| line.trim().strip_prefix("right:"));
        let packets = row.unwrap().split_whitespace().nth(1).unwrap();
        packets.parse().unwrap()
    };
    let before = received();
    replay(&a, "left", &capture, 10_000);
    let arrived = received() - before;
    // The kernel's own neighbour discovery adds a few.
    assert!((200..220).contains(&arrived), "{arrived} of 200");
}

#[test]
fn offloads_are_off() {
    if !ready() {
        return;
    }
    let (a, b) = (Netns::new("a"), Netns::new("b"));
    veth(&a, "left", &b, "right");
    let features = b.run(&["ethtool", "-k", "right"]);
    for feature in [
        "tcp-segmentation-offload",
        "generic-segmentation-offload",
        "generic-receive-offload",
        "tx-checksumming",
    ] {
        assert!(features.contains(&format!("{feature}: off")), "{features}");
    }
}

#[test]
fn nothing_stays_behind() {
    if !ready() || !need::tool("mount") {
        return;
    }
    let netns = Netns::new("gone");
    let file = Path::new("/run/netns").join(netns.name());
    assert!(file.exists());
    drop(netns);
    assert!(!file.exists());

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bpf");
    let bpffs = Bpffs::mount(&path);
    let mounts = || fs::read_to_string("/proc/mounts").unwrap();
    let line = format!("{} bpf ", path.display());
    assert!(mounts().contains(&line));
    // A process inside a namespace sees the mount.
    let netns = Netns::new("sees");
    netns.run(&["mkdir", path.join("pins").to_str().unwrap()]);
    assert!(path.join("pins").is_dir());
    drop(bpffs);
    assert!(!mounts().contains(&line));
}

//! Full rings and full tables: counted, told later, never lost silently.

use std::{net::IpAddr, time::Duration};

use sensor_tests::{
    command::{run, wait_until},
    daemon::{Home, Interface, Sensord, Settings},
    identity::{Identities, events, packets},
    need,
    netns::{Netns, veth},
    packet::{Body, Frame, Ip4},
    traffic::{pcap_write, replay},
};

const FLOWS: u16 = 600;
const EACH: usize = 3;
const MARKER: [u8; 4] = [203, 0, 113, 5];

/// Packets of so many flows, each several times.
fn frames() -> Vec<Vec<u8>> {
    let frame = |port: u16| {
        let body = Body::udp(1024 + port, 53, b"x");
        Frame::new(Ip4::new([10, 1, 0, 2].into(), MARKER.into(), body)).bytes()
    };
    (0..EACH).flat_map(|_| (0..FLOWS).map(frame)).collect()
}

struct Wire {
    from: Netns,
    to: Netns,
}

impl Wire {
    fn new() -> Self {
        let (from, to) = (Netns::new("from"), Netns::new("to"));
        veth(&from, "out0", &to, "in0");
        for (netns, interface) in [(&from, "out0"), (&to, "in0")] {
            netns.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "1");
        }
        Self { from, to }
    }
}

/// Sends the frames while the daemon is held, and lets it go on.
fn burst(wire: &Wire, settings: &Settings, check: impl FnOnce(&Identities, &[serde_json::Value])) {
    let home = Home::new();
    let daemon = Sensord::start(&home, &wire.to, settings);
    let client = daemon.client();
    let marker = format!("ip {} id=m\n", IpAddr::from(MARKER));
    assert_eq!(
        client
            .put("/v1/markers", &marker)
            .expect("an answer")
            .status,
        200
    );
    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("frames.pcap");
    pcap_write(&capture, &frames());
    let id = daemon.id().to_string();
    run(&["kill", "-STOP", &id]);
    replay(&wire.from, "out0", &capture, 20_000);
    run(&["kill", "-CONT", &id]);
    let total = u64::from(FLOWS) * EACH as u64;
    let mut identities = Identities::settled(&client);
    wait_until(Duration::from_secs(5), || {
        identities = Identities::settled(&client);
        let full = identities.kernel["flow_table_full"];
        packets(&events(&client)) + full == identities.kernel["hits"]
    });
    assert_eq!(identities.kernel["hits"], total, "{identities:?}");
    check(&identities, &events(&client));
    assert!(daemon.stop().success());
}

#[test]
fn a_full_ring_is_counted_and_its_flows_are_told_by_the_table() {
    if !need::root() || !need::tool("tcpreplay") {
        return;
    }
    let mut settings = Settings::on(vec![Interface::new("in0", &["10.0.0.0/8"])]);
    settings.ring_bytes = 4096;
    burst(&Wire::new(), &settings, |identities, events| {
        assert!(identities.kernel["ring_lost"] > 0, "{identities:?}");
        assert_eq!(identities.kernel["flow_table_full"], 0, "{identities:?}");
        assert_eq!(
            events.len(),
            usize::from(FLOWS),
            "an event for each flow, its record lost or not"
        );
        assert!(events.iter().all(|event| event["packets"] == EACH));
    });
}

#[test]
fn a_full_flow_table_is_counted() {
    if !need::root() || !need::tool("tcpreplay") {
        return;
    }
    let mut settings = Settings::on(vec![Interface::new("in0", &["10.0.0.0/8"])]);
    settings.table_entries = 64;
    burst(&Wire::new(), &settings, |identities, events| {
        let full = identities.kernel["flow_table_full"];
        assert!(full > 0, "{identities:?}");
        assert_eq!(packets(events) + full, identities.kernel["hits"]);
    });
}

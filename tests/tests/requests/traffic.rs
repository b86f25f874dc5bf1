//! What subscribers send: datagrams to an address, and questions that a real DNS server answers.

use std::time::Duration;

use sensor_tests::{
    command::{Background, wait_until},
    internet::{self, SERVER},
    netns::Topology,
    packet::{Body, Frame, Ip4},
    traffic::{pcap_write, replay},
};

/// The server, and the address that it answers at.
pub struct Dns(Background);

const PATIENCE: Duration = Duration::from_secs(20);

impl Dns {
    /// Starts it in the internet; it knows every name below `example`.
    pub fn start(topology: &Topology) -> Self {
        let mut server = Self(internet::dns(topology));
        assert!(
            wait_until(PATIENCE, || server.answers(topology, "up.example")),
            "dnsmasq answers"
        );
        server
    }

    /// Asks it one question as the subscriber, over UDP; whether it answers.
    pub fn answers(&mut self, topology: &Topology, name: &str) -> bool {
        let at = format!("@{SERVER}");
        let words = ["dig", &at, "+tries=1", "+time=2", "+notcp", "+short", name];
        let output = topology.subscriber.exec(&words);
        self.0.is_running() && output.stdout.starts_with(b"198.51.100.7")
    }
}

/// Sends datagrams from the subscriber to a host, one from each of these ports.
pub fn send(topology: &Topology, to: [u8; 4], ports: &[u16]) {
    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("frames.pcap");
    let from: std::net::Ipv4Addr = Topology::SUBSCRIBER[0].parse().expect("an address");
    let frame = |port: &u16| {
        let body = Body::udp(*port, 4_000, b"canary-of-a-payload");
        Frame::new(Ip4::new(from, to.into(), body)).bytes()
    };
    let frames: Vec<Vec<u8>> = ports.iter().map(frame).collect();
    pcap_write(&capture, &frames);
    replay(&topology.subscriber, Topology::UPLINK, &capture, 200);
}

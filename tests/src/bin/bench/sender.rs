//! A sender of frames: trafgen and its configuration.

use std::{fmt::Write as _, fs, path::Path};

use sensor_tests::netns::Wire;

use crate::subjects::said;

/// The command that sends `count` frames of a configuration as fast as it can.
pub fn words<'a>(config: &'a Path, count: &'a str) -> [&'a str; 9] {
    let config = config.to_str().expect("a path in UTF-8");
    [
        "trafgen",
        "--in",
        config,
        "--out",
        Wire::OUT,
        "--num",
        count,
        "--cpus",
        "1",
    ]
}

/// Configures IPv4 frames with other random addresses in each, to the other end of the wire.
pub fn random_frames(config: &Path, wire: &Wire) -> Result<(), String> {
    fs::write(config, frame(wire)).map_err(said)
}

/// Configures these IPv4 frames, sent in turn, to the other end of the wire. Where `fresh` says so,
/// the source port is another one each time, so that each packet is a flow of its own.
pub fn frames(
    config: &Path,
    wire: &Wire,
    frames: &[Vec<u8>],
    fresh: impl Fn(usize) -> bool,
) -> Result<(), String> {
    const PORT: usize = 34;
    let receiver = receiver(wire);
    let mut text = String::new();
    for (index, frame) in frames.iter().enumerate() {
        text.push_str("{ ");
        let octets = receiver.iter().chain(&frame[receiver.len()..]);
        for (at, octet) in octets.enumerate() {
            match at {
                PORT if fresh(index) => text.push_str("drnd(2),"),
                // The second half of the port.
                at if at == PORT + 1 && fresh(index) => {}
                _ => write!(text, "{octet},").expect("a string grows"),
            }
        }
        text.push_str(" }\n");
    }
    fs::write(config, text).map_err(said)
}

/// An Ethernet frame of 60 bytes: IPv4, UDP, right header checksum, no UDP checksum.
fn frame(wire: &Wire) -> String {
    let mut text = String::from("{ ");
    for octet in receiver(wire) {
        write!(text, "0x{octet:02x},").expect("a string grows");
    }
    writeln!(
        text,
        "0x02,0,0,0,0,1, 0x08,0, 0x45,0,const16(46), 0,1,0x40,0, 64,17,csumip(14,33), \
         drnd(4), drnd(4), 0x9c,0x40,0x01,0xbb, const16(26), 0,0, fill(0,18) }}"
    )
    .expect("a string grows");
    text
}

/// The MAC address of the receiving end: frames to another one are dropped before the IP layer.
fn receiver(wire: &Wire) -> Vec<u8> {
    let text = wire.to.run(&["ip", "-j", "link", "show", "dev", Wire::IN]);
    let links: serde_json::Value = serde_json::from_str(&text).expect("`ip -j` writes JSON");
    let address = links[0]["address"].as_str().expect("a MAC address");
    let octet = |text| u8::from_str_radix(text, 16).expect("a hexadecimal octet");
    address.split(':').map(octet).collect()
}

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
    write(config, &frame(wire, "drnd(4)", "drnd(4)"))
}

/// Configures frames to each of some addresses in turn, from random sources.
pub fn frames_to(config: &Path, wire: &Wire, to: &[u32]) -> Result<(), String> {
    let mut text = String::new();
    for address in to {
        let octets = address.to_be_bytes().map(|octet| octet.to_string());
        text.push_str(&frame(wire, "drnd(4)", &octets.join(",")));
    }
    write(config, &text)
}

/// An Ethernet frame of 60 bytes: IPv4, UDP, right header checksum, no UDP checksum.
fn frame(wire: &Wire, src: &str, dst: &str) -> String {
    let mut text = String::from("{ ");
    for octet in receiver(wire) {
        write!(text, "0x{octet:02x},").expect("a string grows");
    }
    write!(
        text,
        "0x02,0,0,0,0,1, 0x08,0, 0x45,0,const16(46), 0,1,0x40,0, 64,17,csumip(14,33), \
         {src}, {dst}, 0x9c,0x40,0x01,0xbb, const16(26), 0,0, fill(0,18) }}\n"
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

fn write(config: &Path, text: &str) -> Result<(), String> {
    fs::write(config, text).map_err(said)
}

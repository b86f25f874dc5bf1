//! What tshark says about frames.

use std::net::IpAddr;

use sensor_tests::{command, traffic::pcap_write, tshark};
use tempfile::TempDir;

/// Outermost addresses as tshark shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub src: Option<IpAddr>,
    pub dst: Option<IpAddr>,
}

impl Shown {
    pub fn has(&self, address: IpAddr) -> bool {
        self.src == Some(address) || self.dst == Some(address)
    }
}

/// A capture file.
pub struct Tshark {
    _dir: TempDir,
    capture: String,
}

impl Tshark {
    pub fn read(frames: &[Vec<u8>]) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let path = dir.path().join("frames.pcap");
        pcap_write(&path, frames);
        let capture = path.to_str().expect("a path in UTF-8").to_owned();
        Self { _dir: dir, capture }
    }

    /// Frame by frame: the first addresses of the family that stands first in the frame.
    pub fn shown(&self) -> Vec<Shown> {
        let text = command::run(&[
            "tshark",
            "-n",
            "-r",
            &self.capture,
            "-T",
            "fields",
            "-E",
            "occurrence=f",
            "-E",
            "separator=|",
            "-e",
            "frame.protocols",
            "-e",
            "ip.src",
            "-e",
            "ip.dst",
            "-e",
            "ipv6.src",
            "-e",
            "ipv6.dst",
        ]);
        text.lines().map(shown).collect()
    }

    /// Frames in which an address is source or destination of the outermost header.
    pub fn count(&self, address: IpAddr) -> usize {
        tshark::count(self.capture.as_ref(), address)
    }
}

fn shown(line: &str) -> Shown {
    let fields: Vec<&str> = line.split('|').collect();
    let mut layers = fields[0]
        .split(':')
        .skip_while(|name| !["ip", "ipv6"].contains(name));
    let (src, dst) = match (layers.next(), layers.next()) {
        (None, _) => ("", ""),
        // An IPv4 header without addresses is one whose version is 6 (see `OtherVersion`).
        (Some("ip"), inner) if !(inner == Some("ipv6") && fields[1].is_empty()) => {
            (fields[1], fields[2])
        }
        _ => (fields[3], fields[4]),
    };
    Shown {
        src: src.parse().ok(),
        dst: dst.parse().ok(),
    }
}

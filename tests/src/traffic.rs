//! Bounded traffic between namespaces.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use sensor_user::model::Protocol;

use crate::{
    command::{self, Background, wait_until},
    netns::Netns,
};

/// Sends `count` echo requests, ten a second, and returns how many answers came.
///
/// # Panics
/// When `ping` cannot be started.
#[must_use]
pub fn ping(from: &Netns, to: IpAddr, count: u32) -> u32 {
    let (count_text, to) = (count.to_string(), to.to_string());
    let deadline = (count / 10 + 3).to_string();
    let output = from.exec(&[
        "ping",
        "-n",
        "-c",
        &count_text,
        "-i",
        "0.1",
        "-W",
        "1",
        "-w",
        &deadline,
        &to,
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    let answered = text
        .split(',')
        .find_map(|part| part.trim().strip_suffix(" received"));
    answered.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A server that sends back what it gets, until it is dropped.
#[derive(Debug)]
pub struct Echo {
    _server: Background,
}

impl Echo {
    /// Starts one on an address of the namespace and returns when it listens. It answers from that
    /// very address.
    ///
    /// # Panics
    /// When it does not listen within five seconds, or for SCTP.
    #[must_use]
    pub fn start(netns: &Netns, protocol: Protocol, at: SocketAddr) -> Self {
        let kind = match protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => panic!("no echo server for SCTP"),
        };
        let verb = if kind == "TCP" { "LISTEN" } else { "RECVFROM" };
        let family = if at.is_ipv4() { 4 } else { 6 };
        let listen = format!(
            "{kind}{family}-{verb}:{},bind={},reuseaddr,fork",
            at.port(),
            host(at.ip())
        );
        let mut server = Background::start(&netns.wrap(&["socat", &listen, "PIPE"]));
        let table = format!(
            "/proc/{}/net/{}{}",
            server.id(),
            kind.to_lowercase(),
            if at.is_ipv4() { "" } else { "6" }
        );
        let wanted = format!(":{:04X} ", at.port());
        let listens = wait_until(Duration::from_secs(5), || {
            // The second column is the local address.
            server.is_running()
                && fs::read_to_string(&table).is_ok_and(|table| {
                    table.lines().any(|line| {
                        let local = line.split_whitespace().nth(1);
                        local.is_some_and(|local| format!("{local} ").ends_with(&wanted))
                    })
                })
        });
        assert!(listens, "no echo server on {kind} port {}", at.port());
        Self { _server: server }
    }
}

/// Sends `message` from a namespace, optionally from a given source port, and returns the answer;
/// it waits at most two seconds for it.
///
/// # Panics
/// When `socat` cannot be started, or for SCTP.
#[must_use]
pub fn ask(
    from: &Netns,
    protocol: Protocol,
    to: SocketAddr,
    source_port: Option<u16>,
    message: &[u8],
) -> Vec<u8> {
    let kind = match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => panic!("no client for SCTP"),
    };
    let family = if to.is_ipv4() { 4 } else { 6 };
    let mut target = format!("{kind}{family}:{}:{}", host(to.ip()), to.port());
    if kind == "TCP" {
        target.push_str(",connect-timeout=3");
    }
    if let Some(port) = source_port {
        target.push_str(&format!(",sourceport={port},reuseaddr"));
    }
    // After the end of its input it waits 1 s more for the answer (UDP never ends by itself).
    let words = from.wrap(&["timeout", "5", "socat", "-t", "1", "STDIO", &target]);
    command::feed(&words, message).stdout
}

/// An address as socat writes it.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Sends the frames of a capture file out of an interface, so many a second, in order.
///
/// # Panics
/// When `tcpreplay` fails.
pub fn replay(netns: &Netns, interface: &str, capture: &Path, per_second: u32) {
    let capture = capture.to_str().expect("a path in UTF-8");
    let (pps, interface) = (
        format!("--pps={per_second}"),
        format!("--intf1={interface}"),
    );
    netns.run(&["tcpreplay", "--quiet", &pps, &interface, capture]);
}

/// Writes frames as a capture file: pcap, little-endian, microseconds, Ethernet; one frame a
/// microsecond from 2024-01-01T00:00:00Z on.
///
/// # Panics
/// When the file cannot be written, or a frame is longer than 65,535 bytes.
pub fn pcap_write(path: &Path, frames: &[Vec<u8>]) {
    let times = (0..).map(Duration::from_micros);
    pcap_write_at(path, times.zip(frames.iter().map(Vec::as_slice)));
}

/// The same, each frame at its own time after 2024-01-01T00:00:00Z.
///
/// # Panics
/// As [`pcap_write`].
pub fn pcap_write_at<'a>(path: &Path, frames: impl IntoIterator<Item = (Duration, &'a [u8])>) {
    const START: u64 = 1_704_067_200;
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(65_535u32.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    for (time, frame) in frames {
        let length = u32::from(u16::try_from(frame.len()).expect("a frame fits the snap length"));
        let seconds = (START + time.as_secs()) as u32;
        for word in [seconds, time.subsec_micros(), length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    fs::write(path, file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

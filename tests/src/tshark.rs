//! What tshark counts in a capture: a judge that shares nothing with the sensor.

use std::{collections::BTreeSet, net::IpAddr, path::Path};

use crate::command;

/// Frames in which an address is source or destination of the outermost header. (The statistics
/// of tshark would count all addresses in one run, but leave frames out.)
///
/// # Panics
/// When tshark fails.
#[must_use]
pub fn count(capture: &Path, address: IpAddr) -> usize {
    let filter = filter(address);
    fields(capture, &["-Y", &filter, "-e", "frame.number"])
        .lines()
        .count()
}

/// Frames that a display filter selects; late segments are read as if they had not been late.
///
/// # Panics
/// When tshark fails.
#[must_use]
pub fn frames(capture: &Path, filter: &str) -> usize {
    let order = "tcp.reassemble_out_of_order:TRUE";
    fields(capture, &["-o", order, "-Y", filter, "-e", "frame.number"])
        .lines()
        .count()
}

/// The outermost addresses of all frames, each once.
///
/// # Panics
/// When tshark fails.
#[must_use]
pub fn addresses(capture: &Path) -> BTreeSet<IpAddr> {
    let wanted = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst"];
    let mut words = vec!["-E", "occurrence=f"];
    words.extend(wanted.iter().flat_map(|field| ["-e", field]));
    let text = fields(capture, &words);
    let words = text.split_whitespace();
    words
        .map(|word| word.parse().expect("tshark shows addresses"))
        .collect()
}

/// `ip.addr#1` is the first IPv4 header of a frame, which may stand within an IPv6 packet.
fn filter(address: IpAddr) -> String {
    let (field, outermost) = match address {
        IpAddr::V4(_) => ("ip.addr", "^(?:(?!:ipv6:).)*:ip(:|$)"),
        IpAddr::V6(_) => ("ipv6.addr", "^(?:(?!:ip:).)*:ipv6(:|$)"),
    };
    format!("{field}#1 == {address} && frame.protocols matches \"{outermost}\"")
}

fn fields(capture: &Path, words: &[&str]) -> String {
    let capture = capture.to_str().expect("a path in UTF-8");
    command::run(&[&["tshark", "-n", "-r", capture, "-T", "fields"], words].concat())
}

//! The canary: a marker of a documentation address (RFC 3849) that no traffic bears, and the packet
//! that bears it.

use std::net::{IpAddr, Ipv6Addr};

use super::{Marker, Pap, Pattern, Tlp};

/// Id of the marker in events.
pub const ID: &str = "canary";
/// The marker's value.
const VALUE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0xffff, 0, 0, 0, 0xca);
/// Source of the packet.
const SOURCE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0xffff, 0, 0, 0, 1);
/// The discard service (RFC 863).
const PORT: u16 = 9;

/// Length of the packet: Ethernet, IPv6, UDP, and what fills it to the shortest frame.
const LENGTH: usize = 64;

/// The marker. It is in no catalogue and never ends.
#[must_use]
pub fn marker() -> Marker {
    Marker {
        tlp: Tlp::Clear,
        pap: Pap::Clear,
        ..Marker::new(ID, Pattern::Ip(VALUE.into()))
    }
}

/// Whether a flow is the canary's own; a packet of somebody else's to that address is not.
#[must_use]
pub fn is_own(src: IpAddr, dst: IpAddr) -> bool {
    src == SOURCE && dst == VALUE
}

/// The packet; `run` is its source port and tells runs apart.
#[must_use]
pub fn frame(run: u16) -> [u8; LENGTH] {
    let mut frame = [0; LENGTH];
    let payload = (LENGTH - 14 - 40) as u16;
    // Locally administered addresses; the type of IPv6.
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd]);
    frame[14] = 0x60;
    frame[18..20].copy_from_slice(&payload.to_be_bytes());
    // UDP, hop limit.
    frame[20..22].copy_from_slice(&[17, 64]);
    frame[22..38].copy_from_slice(&SOURCE.octets());
    frame[38..54].copy_from_slice(&VALUE.octets());
    frame[54..56].copy_from_slice(&run.to_be_bytes());
    frame[56..58].copy_from_slice(&PORT.to_be_bytes());
    frame[58..60].copy_from_slice(&payload.to_be_bytes());
    frame
}

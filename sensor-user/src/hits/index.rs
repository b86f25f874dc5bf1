//! From pattern ids back to markers, and the exact confirmation of a match.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::model::{Image, MatchedIn, Pap, Pattern, PatternId, PatternKind, Tlp, request};

/// The markers of an image, by pattern.
#[derive(Clone, Debug, Default)]
pub struct Index(Image);

/// The markers that a hit leads back to.
#[derive(Debug)]
pub(super) struct Found {
    pub kind: PatternKind,
    pub markers: Vec<String>,
    pub tlp: Tlp,
    pub pap: Pap,
}

/// One side of a packet, to confirm a pattern on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    pub src: (IpAddr, u16),
    pub dst: (IpAddr, u16),
    pub proto: u8,
    pub matched_in: MatchedIn,
}

/// Why a match leads to no marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    /// The pattern is unknown or the exact value differs.
    Refuted,
    /// Its markers are all over.
    Expired,
}

impl Index {
    /// Of an image.
    #[must_use]
    pub fn new(image: Image) -> Self {
        Self(image)
    }

    /// Confirms a match and names its markers in force at `time`.
    pub(super) fn find(
        &self,
        id: PatternId,
        sides: Sides,
        time: Timestamp,
    ) -> Result<Found, NotFound> {
        let rows = self.0.rows(id);
        let pattern = &rows.first().ok_or(NotFound::Refuted)?.marker.pattern;
        if !covers(pattern, sides) {
            return Err(NotFound::Refuted);
        }
        let markers = || rows.iter().map(|row| &row.marker);
        let in_force = || markers().filter(|marker| marker.in_force(time));
        let (tlp, pap) = request::strictest(in_force());
        let markers: Vec<String> = in_force().map(|marker| marker.id.to_string()).collect();
        if markers.is_empty() {
            return Err(NotFound::Expired);
        }
        Ok(Found {
            kind: pattern.kind(),
            markers,
            tlp,
            pap,
        })
    }
}

fn covers(pattern: &Pattern, sides: Sides) -> bool {
    let (address, port) = match sides.matched_in {
        MatchedIn::SrcIp => sides.src,
        MatchedIn::DstIp => sides.dst,
    };
    match pattern {
        Pattern::Ip(ip) => *ip == address,
        Pattern::Cidr(net) => net.contains(&address),
        Pattern::Endpoint {
            address: ip,
            protocol,
            port: wanted,
        } => *ip == address && *wanted == port && protocol.number() == sides.proto,
        Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => false,
    }
}

//! From pattern ids back to markers, and the exact confirmation of a match.

use std::{collections::HashMap, net::IpAddr};

use jiff::Timestamp;

use crate::model::{Marker, MatchedIn, Pap, Pattern, PatternId, PatternKind, Tlp, request};

/// The markers of the image in force, by pattern.
#[derive(Debug, Default)]
pub struct Index {
    patterns: HashMap<PatternId, (Pattern, Vec<Marker>)>,
}

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
    /// Of markers with the ids of their patterns.
    pub fn new(markers: impl IntoIterator<Item = (PatternId, Marker)>) -> Self {
        let mut patterns: HashMap<PatternId, (Pattern, Vec<Marker>)> = HashMap::new();
        for (id, marker) in markers {
            patterns
                .entry(id)
                .or_insert_with(|| (marker.pattern, Vec::with_capacity(1)))
                .1
                .push(marker);
        }
        Self { patterns }
    }

    /// Confirms a match and names its markers in force at `time`.
    pub(super) fn find(
        &self,
        id: PatternId,
        sides: Sides,
        time: Timestamp,
    ) -> Result<Found, NotFound> {
        let (pattern, markers) = self.patterns.get(&id).ok_or(NotFound::Refuted)?;
        if !covers(pattern, sides) {
            return Err(NotFound::Refuted);
        }
        let in_force = || markers.iter().filter(|marker| marker.in_force(time));
        let (tlp, pap) = request::strictest(in_force());
        let markers: Vec<String> = in_force().map(|marker| marker.id.clone()).collect();
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
    }
}

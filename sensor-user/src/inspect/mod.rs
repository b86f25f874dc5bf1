//! The inspection lane: what the kernel cannot decide, and what it has decided on a hash. Pure: bytes
//! and time in, names and fingerprints out. What it holds is bounded, and overwritten when it goes.

pub mod dns;
pub mod http;
pub mod ja;
mod lane;
pub mod quic;
pub mod reassembly;
pub mod tls;

pub use lane::{Budgets, Class, Counts, Fate, Finding, Lane, Packet, Part, Wants};

use crate::model::{MatchedIn, Name};

/// The names that a packet bears in a place where the kernel matches them, to confirm a match on: of
/// DNS over TCP (`over_tcp`) and of the others, its payload. A payload may end anywhere.
#[must_use]
pub fn names(matched_in: MatchedIn, over_tcp: bool, payload: &[u8]) -> Vec<Name> {
    match matched_in {
        MatchedIn::Dns if over_tcp => dns::questions(dns::first_over_tcp(payload).0),
        MatchedIn::Dns => dns::questions(payload),
        MatchedIn::TlsSni => {
            let handshake = tls::handshake(payload);
            let hello = handshake.and_then(|handshake| tls::hello(&handshake.bytes));
            hello
                .and_then(|hello| hello.server_name)
                .into_iter()
                .collect()
        }
        MatchedIn::HttpHost => http::host(payload).into_iter().collect(),
        _ => Vec::new(),
    }
}

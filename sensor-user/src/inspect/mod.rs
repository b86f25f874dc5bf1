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
/// DNS its message, over TCP without the length before it, of the others its payload. It may end
/// anywhere.
#[must_use]
pub fn names(matched_in: MatchedIn, payload: &[u8]) -> Vec<Name> {
    match matched_in {
        MatchedIn::Dns => dns::questions(payload),
        MatchedIn::TlsSni => {
            let handshake = tls::handshake(payload);
            let hello = handshake.and_then(|handshake| tls::hello(&handshake.bytes));
            hello.map_or_else(Vec::new, |hello| {
                hello
                    .server_name
                    .into_iter()
                    .chain(hello.more_names)
                    .collect()
            })
        }
        MatchedIn::HttpHost => http::host(payload).into_iter().collect(),
        _ => Vec::new(),
    }
}

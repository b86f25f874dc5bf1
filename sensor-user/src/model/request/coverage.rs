//! What the sensor could judge, and why not the rest.

use serde::{Deserialize, Serialize};

use super::Count;

/// The coverage statement, counted since the maps were made: what the agent counts commits with its events,
/// and goes on with the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Packets of all interfaces.
    pub packets: u64,
    /// Of these, judged in full.
    pub packets_judged: u64,
    /// The others, by outcome.
    pub packets_not_judged: Vec<Count>,
    /// What bears names, by class.
    pub classes: Vec<ClassCoverage>,
    /// Packets that were lent and never judged, by reason: in no class, because nobody has looked at them. And
    /// connections that the kernel forgot for others, so that what followed was not lent.
    #[serde(default)]
    pub lost: Vec<Count>,
    /// What no counter can show, in words.
    pub unseen: Vec<String>,
}

/// Handshakes, heads and messages of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCoverage {
    /// Class.
    pub class: String,
    /// Whether patterns in force look at it.
    pub looked_at: bool,
    /// How many there were: those that the kernel judged or could not lend, and those that the agent was lent.
    pub seen: u64,
    /// Of these, judged: by the kernel, or by the agent on what was lent.
    pub judged: u64,
    /// The others, and parts without a beginning, by reason.
    pub not_judged: Vec<Count>,
    /// Of those judged, such with an encrypted inner ClientHello, or with GREASE in its place (RFC 9849 §6.2),
    /// which nobody can tell from it: the name that was judged is the outer one.
    pub encrypted: u64,
}

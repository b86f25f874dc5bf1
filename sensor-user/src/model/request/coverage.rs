//! What the sensor could judge, and why not the rest.

use serde::{Deserialize, Serialize};

use super::Count;

/// The coverage statement, counted since the maps were made; what the agent counts, since it started.
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
    /// Of those that the agent read, such with an encrypted inner ClientHello: the name that was judged
    /// is that of a front.
    pub encrypted: u64,
}

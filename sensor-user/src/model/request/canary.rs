//! The self-test, as it is told of.

use serde::{Deserialize, Serialize};

/// What a run of the self-test found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryReport {
    /// Whether all of it passed.
    pub passed: bool,
    /// Each attached interface.
    pub interfaces: Vec<CanaryInterface>,
    /// Each sink of the operator's; the authority's are not told of tests.
    pub sinks: Vec<CanarySink>,
    /// Index of the journal entry.
    pub receipt: u64,
}

/// What became of the packet of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryInterface {
    /// Name of the interface.
    pub interface: String,
    /// Whether the program let the packet pass.
    pub passed: bool,
    /// Milliseconds until the event was stored; none when it was not.
    pub stored: Option<u64>,
}

/// Whether the events of the run reached a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanarySink {
    /// Its name.
    pub sink: String,
    /// Milliseconds until it had acknowledged all of them; none when it did not.
    pub acknowledged: Option<u64>,
}

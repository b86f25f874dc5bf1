//! What the journal says.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{MarkersChange, OrderChange, Overseers};
use crate::model::{Recipient, Role};

/// One line of the journal: one JSON object. Its leaf hash is over the line's bytes, without the
/// newline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the journal, from 0.
    pub index: u64,
    /// When it was written, by the time that validity is judged by: it does not go back while one agent
    /// runs, whatever the wall clock does.
    pub time: Timestamp,
    /// User id of who asked; the agent's own for timers and start-up.
    pub uid: u32,
    /// What that user may do.
    pub role: Role,
    /// Root of the tree of all entries before this one, hexadecimal: who edits, moves or removes
    /// an earlier entry must rewrite every later one.
    pub root_before: String,
    /// Random, hexadecimal: whoever sees only the leaf hash of an entry cannot find out by trying what
    /// it says. Blank in entries of former versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// What was done.
    #[serde(flatten)]
    pub action: Action,
}

/// Everything that is journalled. Closed on purpose: no variant has room for an address, a marker
/// value or a payload; only counts, digests, ids, codes, interface names, and the references and issuers
/// that orders, declarations and envelopes have: free text of up to 128 characters where somebody
/// types them, so that it is up to them to name no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The agent started.
    Started {
        /// Its version.
        version: String,
        /// Name of the sensor.
        sensor: String,
        /// Seconds between heartbeats from now on: twice as long without an entry is a silence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat: Option<u64>,
        /// The last entry of the run before, which did not say that it stops.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsaid_stop: Option<u64>,
        /// Who gets in on oversight's socket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overseers: Option<Overseers>,
        /// The key that verifies what the sensor discloses, as C2SP signed-note writes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disclosure_key: Option<String>,
    },
    /// Others than before get in on oversight's socket, or see other parts: the host's users or groups
    /// were changed while the agent ran.
    OverseersChanged {
        /// Who does now.
        overseers: Overseers,
    },
    /// Overseers could not reach their socket; the agent has put it right, or says that it cannot.
    OversightUnreachable {
        /// What was the matter: `missing`, `replaced`, `mode`, `group`, `directory`.
        code: String,
        /// Whether it can be reached again.
        mended: bool,
        /// How often that happened since the last such entry.
        times: u64,
    },
    /// A key to sign what the sensor discloses was made: there was none.
    DisclosureKeyMade {
        /// The key that verifies, as C2SP signed-note writes it.
        key: String,
    },
    /// The agent stops by its own will; the kernel part may go on. What follows in time is a gap
    /// that was announced.
    Stopped,
    /// The agent is there.
    Heartbeat,
    /// A key to sign checkpoints was made; those of a former key count up to here.
    KeyMade {
        /// The key that verifies, as C2SP signed-note writes it.
        key: String,
    },
    /// The journal's last line was incomplete, so never acknowledged, and was cut off.
    Recovered {
        /// Its length in bytes.
        dropped_bytes: u64,
    },
    /// The whole set of markers is replaced.
    MarkersLoaded(MarkersChange),
    /// Markers are added to the set.
    MarkersAdded(MarkersChange),
    /// Markers are removed from the set.
    MarkersRemoved(MarkersChange),
    /// Markers are removed as false positives; their events are destroyed.
    FalsePositivesRemoved(MarkersChange),
    /// Events whose markers were false positives are destroyed.
    EventsDestroyed {
        /// How many.
        events: u64,
        /// Index of the entry that announced it.
        of: u64,
    },
    /// Events are destroyed because somebody says that they are not useful.
    EventsNotUseful {
        /// How many.
        events: u64,
    },
    /// Events were destroyed without being asked for one by one; each count since the last such
    /// entry, absent where it is zero.
    EventsErased {
        /// Their time was over.
        #[serde(default, skip_serializing_if = "is_zero")]
        expired: u64,
        /// Somebody had said that they are not useful.
        #[serde(default, skip_serializing_if = "is_zero")]
        not_useful: u64,
        /// The store was at its cap.
        #[serde(default, skip_serializing_if = "is_zero")]
        cap: u64,
        /// Their keys were lost.
        #[serde(default, skip_serializing_if = "is_zero")]
        unreadable: u64,
    },
    /// A sink's recipient was told of events since the last such entry (L. 33-14 ¶4 CPCE).
    Delivered {
        /// Name of the sink.
        sink: String,
        /// Whose it is.
        recipient: Recipient,
        /// Deliveries that arrived.
        events: u64,
        /// Deliveries that were refused for good.
        refused: u64,
    },
    /// The self-test ran.
    CanaryRun {
        /// Whether every interface, the store and every sink of the operator's passed it.
        passed: bool,
    },
    /// What a sink refused is tried again.
    DeadLettersReplayed {
        /// Name of the sink.
        sink: String,
    },
    /// Quarantined markers are let into force by an operator.
    MarkersReleased(MarkersChange),
    /// A declaration to the authority is recorded (R. 9-12-1 CPCE).
    DeclarationRecorded {
        /// Its reference.
        reference: String,
        /// When it was made.
        date: Date,
        /// Digest of the declared facts, hexadecimal.
        digest: String,
    },
    /// The release of quarantined markers is approved; it waits for a second person.
    ReleaseApproved {
        /// How many.
        markers: u64,
    },
    /// A signed envelope was refused; nothing was changed.
    EnvelopeRefused {
        /// Stable code of the reason.
        code: String,
        /// Its issuer, where the signature of a pinned key stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// Its serial, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<u64>,
    },
    /// What an earlier entry announced for a signed envelope is done and kept: no envelope of this
    /// issuer up to this serial is accepted any more.
    EnvelopeAccepted {
        /// Who made it.
        issuer: String,
        /// Its serial.
        serial: u64,
        /// Digest of its signed text, hexadecimal.
        digest: String,
        /// Index of the entry that announced it.
        of: u64,
    },
    /// Somebody took responsibility for a store or journal that was restored from a backup.
    RestoreAccepted {
        /// Whether this journal is another than the one that the catalogue knew.
        journal: bool,
        /// Issuers whose serial was older in the catalogue than in the journal.
        issuers: Vec<String>,
        /// Whether the catalogue was without changes that the journal announced.
        #[serde(default)]
        catalogue: bool,
        /// Whether the store of the authority's requests was without steps that the journal tells, or
        /// knew of more.
        #[serde(default)]
        requests: bool,
    },
    /// What is configured about the authority's requests is not what it was when this was last said:
    /// keys, persons, commissions, the subscriber system, the tariff.
    RequestsConfigured {
        /// Digest of all of it, hexadecimal.
        digest: String,
    },
    /// Somebody took the wall clock for right, against the time that was believed before.
    ClockAccepted {
        /// By how much that was ahead of it, seconds; zero where the wall clock is ahead.
        ahead_seconds: i64,
    },
    /// Markers ended by their own dates.
    MarkersExpired {
        /// Patterns in force afterwards.
        patterns: u64,
        /// Digest of the image, hexadecimal.
        digest: String,
    },
    /// Markers whose time has come are let into force.
    MarkersAdmitted {
        /// Patterns in force afterwards.
        patterns: u64,
        /// Digest of the image, hexadecimal.
        digest: String,
    },
    /// The wall clock was set: deadlines are written anew in kernel time.
    DeadlinesRenewed {
        /// Patterns in force.
        patterns: u64,
        /// Digest of the image, hexadecimal.
        digest: String,
    },
    /// An order is accepted and thereby acknowledged (R. 9-12-3 CPCE).
    OrderAccepted(OrderChange),
    /// An order submitted by hand was refused; nothing was changed.
    OrderRefused {
        /// Stable code of the reason.
        code: String,
    },
    /// An order is withdrawn before its end.
    OrderWithdrawn(OrderChange),
    /// The end of an order was reached.
    OrderEnded {
        /// The authority's reference.
        reference: String,
    },
    /// The circuit breaker of a pattern is opened: its hits are counted and go no further. Status
    /// says which pattern, by the index of this entry, while the breaker is open.
    BreakerOpened {
        /// By the agent, because the pattern floods.
        automatic: bool,
    },
    /// A circuit breaker is closed again.
    BreakerClosed {
        /// By the agent, after its rest.
        automatic: bool,
        /// Index of the entry that opened it.
        of: u64,
    },
    /// The program is attached to an interface.
    Attached {
        /// Name of the interface.
        interface: String,
    },
    /// Somebody asked to attach to an interface that is not configured; nothing was attached.
    AttachRefused {
        /// Stable code of the reason.
        code: String,
    },
    /// The program is detached from an interface.
    Detached {
        /// Name of the interface.
        interface: String,
    },
    /// The kernel took an interface away; written afterwards.
    InterfaceGone {
        /// Name of the interface.
        interface: String,
    },
    /// A request of the authority: a step of it, or that one was refused.
    Request(Box<super::RequestEntry>),
    /// Events with addresses were read.
    EventsRead {
        /// How many.
        rows: u64,
    },
    /// One event with addresses was read.
    EventRead {
        /// The salted commitment to its id: dead with the event.
        commitment: String,
    },
    /// The salt of an event's commitment was given out: whoever has it can link entries to the event.
    SaltGiven {
        /// The commitment: dead with the event.
        commitment: String,
    },
    /// Oversight read the list of requests; how many rows it saw is not said, since others read this.
    RequestsRead,
    /// Markers were read.
    MarkersRead {
        /// How many.
        rows: u64,
    },
    /// The journal was read.
    JournalRead {
        /// Entries.
        rows: u64,
    },
    /// What an earlier entry announced did not happen.
    Failed {
        /// Index of that entry.
        of: u64,
        /// Stable code of the reason.
        code: String,
    },
}

impl Action {
    /// Names of the actions that announce a change of the catalogue. It keeps how far the journal
    /// was with each of them: who changes this list changes that, too.
    pub(super) const OF_CATALOGUE: [&str; 11] = [
        "markers_loaded",
        "markers_added",
        "markers_removed",
        "false_positives_removed",
        "markers_released",
        "release_approved",
        "declaration_recorded",
        "order_accepted",
        "order_withdrawn",
        "breaker_opened",
        "breaker_closed",
    ];
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
pub(super) const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_flat_object() {
        let entry = Entry {
            index: 7,
            time: Timestamp::UNIX_EPOCH,
            uid: 1000,
            role: Role::Operator,
            root_before: "00ff".to_owned(),
            nonce: "77".to_owned(),
            action: Action::InterfaceGone {
                interface: "eth0".to_owned(),
            },
        };
        let line = serde_json::to_string(&entry).expect("serialize");
        assert_eq!(
            line,
            r#"{"index":7,"time":"1970-01-01T00:00:00Z","uid":1000,"role":"operator","root_before":"00ff","nonce":"77","action":"interface_gone","interface":"eth0"}"#
        );
        assert_eq!(serde_json::from_str::<Entry>(&line).expect("parse"), entry);
    }

    #[test]
    fn an_action_that_is_not_in_the_list_is_refused() {
        let line = r#"{"index":0,"time":"1970-01-01T00:00:00Z","uid":0,"role":"agent","root_before":"","action":"shrug"}"#;
        assert!(serde_json::from_str::<Entry>(line).is_err());
    }
}

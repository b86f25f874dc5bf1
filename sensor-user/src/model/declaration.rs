//! What the operator declares to the authority of a device (R. 9-12-1 CPCE, version in force from
//! 1 January 2019 to 30 December 2024), and the record that it did.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::PatternKind;

/// The declared facts: no time, no counter, nothing that changes while the configuration does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of this shape.
    pub schema: u32,
    /// Under which text.
    pub basis: Basis,
    /// 1°: nature, security measures, types of markers.
    pub device: Device,
    /// 2°: capacity, infrastructures, sampling, frequency.
    pub analysis: Analysis,
    /// 3°: criteria.
    pub criteria: Criteria,
    /// 4°: data and retention.
    pub data: Data,
}

/// Under which text the device is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Version of L. 33-14: `2018` or `2023`.
    pub regime: String,
    /// Reference of the validation of the technical choices (R. 9-12-1 as of 2024).
    pub validation: Option<String>,
}

/// The device (1°).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Name of the sensor.
    pub sensor: String,
    /// What it is.
    pub nature: String,
    /// Whether it is dedicated and passive (PAP:RED).
    pub dedicated_passive: bool,
    /// Measures that protect it.
    pub security: Vec<String>,
    /// Keys whose signed envelopes it takes.
    pub issuers: Vec<IssuerKey>,
    /// Types of markers that it can match.
    pub markers: Vec<PatternKind>,
}

/// A pinned key of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IssuerKey {
    /// Its public part with name and id, as `sensorctl bundle keygen` prints it.
    pub key: String,
    /// Whether it is the authority's: only its orders are orders (L. 33-14 ¶2).
    pub authority: bool,
    /// First instant at which it counts.
    pub not_before: Option<Timestamp>,
    /// First instant at which it no longer counts.
    pub not_after: Option<Timestamp>,
}

/// What it analyses (2°).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Most kernel memory of a set of markers, bytes.
    pub marker_memory: u64,
    /// Most flows followed at once.
    pub flows: u32,
    /// The infrastructures concerned.
    pub interfaces: Vec<WatchedLink>,
    /// What is left out.
    pub sampling: Sampling,
    /// How often.
    pub frequency: Frequency,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedLink {
    /// Its name.
    pub name: String,
    /// How the program may run: `auto`, `native`, `generic`.
    pub mode: String,
    /// What is behind it, without VLAN tags or with tags not listed.
    pub untagged: Subscribers,
    /// What is behind VLANs of its own.
    pub vlans: Vec<VlanLink>,
}

/// A VLAN of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VlanLink {
    /// Its tags, outermost first.
    pub tags: Vec<u16>,
    /// What is behind it.
    pub subscribers: Subscribers,
}

/// The operator's subscribers at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribers {
    /// Address space.
    pub realm: String,
    /// Prefixes.
    pub prefixes: Vec<IpNet>,
}

/// What is left out of the analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Which packets are compared with markers.
    pub packets: String,
    /// New flows that a pattern announces a second; more are counted only.
    pub new_flows_per_second: u32,
    /// The same at once.
    pub new_flows_burst: u32,
    /// Whether a pattern that floods is stopped `automatic`ally or by hand (`manual`).
    pub breaker: String,
    /// How long it floods before, milliseconds.
    pub breaker_after_ms: u64,
    /// How long it is stopped, milliseconds; 0: until somebody closes it.
    pub breaker_rest_ms: u64,
}

/// How often it analyses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequency {
    /// How packets are compared.
    pub matching: String,
    /// Pause between two readings of counts, milliseconds.
    pub drain_interval_ms: u64,
    /// A flow without packets ends after, milliseconds.
    pub idle_timeout_ms: u64,
    /// A flow is cut after, milliseconds.
    pub active_timeout_ms: u64,
}

/// What counts as an event (3°).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criteria {
    /// Rules, in words.
    pub rules: Vec<String>,
    /// Shortest IPv4 prefix that is taken without review, bits.
    pub widest_ipv4: u8,
    /// Shortest IPv6 prefix that is taken without review, bits.
    pub widest_ipv6: u8,
    /// The operator's own prefixes beside its subscribers': what touches them is held back.
    pub own_prefixes: Vec<IpNet>,
    /// Public resolvers beside those that are known: they are held back, too.
    pub resolvers: Vec<IpAddr>,
    /// Lists of what is known to be harmless: what stands on one is held back.
    pub warninglists: Vec<WarninglistMark>,
    /// How long a marker is in force for which nobody says until when, seconds.
    pub longest_marker_s: u64,
    /// Persons who must agree before a marker that is held back comes into force.
    pub release_needs: u32,
}

/// A warninglist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WarninglistMark {
    /// What it calls itself.
    pub name: String,
    /// SHA-256 of its file, hexadecimal.
    pub sha256: String,
}

/// What is kept (4°).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Categories of R. 10-15, with the fields of an event that belong to each.
    pub categories: Vec<Category>,
    /// How long, in words.
    pub retention: String,
}

/// A category of R. 10-15 CPCE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Its number there, as `1°`.
    pub item: String,
    /// What it is.
    pub title: String,
    /// Fields of an event; none where nothing of it is kept.
    pub fields: Vec<String>,
}

/// The record of a declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// Its reference: 1 to 128 printable ASCII characters.
    pub reference: String,
    /// When it was made.
    pub date: Date,
    /// Digest of the facts that it declared, hexadecimal.
    pub digest: String,
    /// When it was recorded here.
    pub recorded: Timestamp,
    /// User id of who recorded it.
    pub uid: u32,
    /// Index of the journal entry.
    pub receipt: u64,
}

/// What is asked to record a declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclarationRecord {
    /// Its reference.
    pub reference: String,
    /// When it was made.
    pub date: Date,
    /// Digest of what was declared; the facts of now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Whether the facts of now are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// They are.
    Current,
    /// Others were; these are not.
    Outdated,
    /// Nothing was.
    Missing,
}

/// The declaration as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclarationReport {
    /// Whether the facts of now are declared.
    pub declared: Declared,
    /// Digest of the facts of now, hexadecimal.
    pub digest: String,
    /// The facts of now.
    pub facts: Facts,
    /// The last record.
    pub record: Option<Declaration>,
}

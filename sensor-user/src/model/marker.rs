//! A marker: one indicator with its provenance, validity and handling.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{MatchedIn, Moment, OrderNumber, Pattern};

/// Name of a marker; up to 24 bytes stand in place, so that a million of them cost no allocation.
pub type MarkerId = compact_str::CompactString;

/// One marker (L. 33-14 CPCE ¶1; R. 9-12-2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Its name in events, API and journal; carries no value.
    pub id: MarkerId,
    /// What it looks for.
    pub pattern: Pattern,
    /// First instant at which it matches; always when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// First instant at which it no longer matches.
    pub until: Option<Moment>,
    /// On which side of a packet its address is looked for.
    #[serde(default, skip_serializing_if = "Direction::is_either")]
    pub direction: Direction,
    /// Who may receive it; unmarked is AMBER+STRICT.
    pub tlp: Tlp,
    /// What may be done with it; unmarked is AMBER.
    pub pap: Pap,
}

// Millions of them are held at once.
const _: () = assert!(size_of::<Marker>() <= 72);

impl Marker {
    /// Of a pattern, always in force, unmarked.
    #[must_use]
    pub fn new(id: impl Into<MarkerId>, pattern: Pattern) -> Self {
        Self {
            id: id.into(),
            pattern,
            from: None,
            until: None,
            direction: Direction::Either,
            tlp: Tlp::default(),
            pap: Pap::default(),
        }
    }

    /// Whether it is over at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= Moment::from(now))
    }

    /// Whether it is in force at `now`.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        let now = Moment::from(now);
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// On which side of a packet the address of a pattern is looked for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// As source or as destination.
    #[default]
    Either,
    /// As source only.
    Source,
    /// As destination only.
    Destination,
}

impl Direction {
    /// The name in formats and API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Either => "either",
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Either, Self::Source, Self::Destination]
            .into_iter()
            .find(|direction| direction.name() == text)
    }

    /// Whether a match on this side counts.
    #[must_use]
    pub const fn takes(self, matched_in: MatchedIn) -> bool {
        !matches!(
            (self, matched_in),
            (Self::Source, MatchedIn::DstIp) | (Self::Destination, MatchedIn::SrcIp)
        )
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde calls"
    )]
    fn is_either(&self) -> bool {
        *self == Self::Either
    }
}

/// A marker as the catalogue holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The marker.
    pub marker: Marker,
    /// Whether it may come into force.
    pub standing: Standing,
    /// Whose it is: the order that brought it, or the operator's own.
    pub source: OrderNumber,
    /// Its end is the cap of the configuration, because none was given.
    pub capped: bool,
    /// Its own end was reached: it stays over whatever the clock does.
    pub over: bool,
    /// When this version of it was made; none where its format does not know.
    pub modified: Option<Moment>,
    /// Who signed it, where an envelope without an order brought it for the operator's own use.
    pub signed: Option<Signed>,
}

impl Held {
    /// Whose file has it for the operator's own use: an issuer's, or the operator's own where there is
    /// none.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.signed.as_ref().map(|signed| &*signed.issuer)
    }
}

/// The envelope that brought a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Who made it.
    pub issuer: MarkerId,
    /// Its serial.
    pub serial: u64,
}

/// Whether a marker may come into force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    #[default]
    Accepted,
    /// It is held back until an operator releases it; the code of the reason.
    Quarantined(MarkerId),
    /// An operator released it.
    Released,
}

impl Standing {
    const RELEASED: &str = "released";

    /// Whether it is held back.
    #[must_use]
    pub const fn is_quarantined(&self) -> bool {
        matches!(self, Self::Quarantined(_))
    }

    /// As it is stored: nothing for what is accepted.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Accepted => None,
            Self::Quarantined(code) => Some(code),
            Self::Released => Some(Self::RELEASED),
        }
    }

    /// As it was stored.
    #[must_use]
    pub fn from_code(code: Option<&str>) -> Self {
        match code {
            None => Self::Accepted,
            Some(Self::RELEASED) => Self::Released,
            Some(code) => Self::Quarantined(code.into()),
        }
    }
}

/// Traffic Light Protocol 2.0, from the least to the most restrictive.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Tlp {
    /// May be disclosed without limit (WHITE in version 1).
    #[serde(rename = "CLEAR")]
    Clear,
    /// Community.
    #[serde(rename = "GREEN")]
    Green,
    /// Organisation and its clients.
    #[serde(rename = "AMBER")]
    Amber,
    /// Organisation only.
    #[default]
    #[serde(rename = "AMBER+STRICT")]
    AmberStrict,
    /// Named recipients only.
    #[serde(rename = "RED")]
    Red,
}

/// Permissible Actions Protocol, from the least to the most restrictive.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Pap {
    /// No restriction (WHITE in older taxonomies).
    #[serde(rename = "CLEAR")]
    Clear,
    /// Active actions allowed.
    #[serde(rename = "GREEN")]
    Green,
    /// Passive cross-check.
    #[default]
    #[serde(rename = "AMBER")]
    Amber,
    /// Passive, on dedicated infrastructure.
    #[serde(rename = "RED")]
    Red,
}

impl Tlp {
    /// The name in the standard.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::AmberStrict => "AMBER+STRICT",
            Self::Red => "RED",
        }
    }

    /// Reads a name, in any case; WHITE is CLEAR.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "CLEAR" | "WHITE" => Self::Clear,
            "GREEN" => Self::Green,
            "AMBER" => Self::Amber,
            "AMBER+STRICT" => Self::AmberStrict,
            "RED" => Self::Red,
            _ => return None,
        })
    }
}

impl Pap {
    /// The name in the taxonomy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::Red => "RED",
        }
    }

    /// Reads a name, in any case; WHITE is CLEAR.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "CLEAR" | "WHITE" => Self::Clear,
            "GREEN" => Self::Green,
            "AMBER" => Self::Amber,
            "RED" => Self::Red,
            _ => return None,
        })
    }
}

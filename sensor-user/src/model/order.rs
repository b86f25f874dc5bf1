//! An order: the authority's request to exploit markers for a stated time (R. 9-12-3 CPCE).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Moment, Pap, Tlp};

/// Number of an order in this sensor's catalogue; never given twice. Zero is the operator's own
/// ground (L. 33-14 ¶1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OrderNumber(pub u32);

impl OrderNumber {
    /// No order: the operator's own marker.
    pub const OWN: Self = Self(0);
}

/// An order as the catalogue keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number here.
    pub number: OrderNumber,
    /// The authority's reference; one order a reference.
    pub reference: String,
    /// Who issued it.
    pub issuer: String,
    /// Reference of the elements about the threat, where relevant.
    pub threat_reference: Option<String>,
    /// First instant at which its markers are exploited.
    pub start: Moment,
    /// First instant at which they no longer are: start and duration.
    pub end: Moment,
    /// Least marking of its markers.
    pub tlp: Tlp,
    /// Least marking of its markers.
    pub pap: Pap,
    /// When it was accepted.
    pub acknowledged: Moment,
    /// Index of the journal entry that accepts it.
    pub receipt: u64,
    /// Serial of the signed envelope that brought it; none when it was submitted by hand.
    pub serial: Option<u64>,
    /// When it was withdrawn before its end.
    pub withdrawn: Option<Moment>,
    /// Its end was reached: it stays over whatever the clock does.
    pub over: bool,
}

impl Order {
    /// What may come of it: nothing of one that is over or withdrawn.
    #[must_use]
    pub const fn lives(&self) -> bool {
        self.withdrawn.is_none() && !self.over
    }

    /// Where it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> OrderState {
        let now = Moment::from(now);
        match self {
            Self {
                withdrawn: Some(_), ..
            } => OrderState::Withdrawn,
            Self { over, end, .. } if *over || *end <= now => OrderState::Over,
            Self { start, .. } if now < *start => OrderState::NotYet,
            _ => OrderState::InForce,
        }
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Its start is to come.
    NotYet,
    /// Its markers are exploited.
    InForce,
    /// Its end has passed.
    Over,
    /// It was withdrawn before its end.
    Withdrawn,
}

impl OrderState {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotYet => "not_yet",
            Self::InForce => "in_force",
            Self::Over => "over",
            Self::Withdrawn => "withdrawn",
        }
    }
}

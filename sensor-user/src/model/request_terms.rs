//! What a request of the authority says: the content of its signed envelope.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RequestType;

/// One JSON object; every key known and once. Which of the optional ones a type needs, and which it
/// may not have, `legal` says. There is no room for a motivation, an address or a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTerms {
    /// Its type; that of the envelope.
    #[serde(rename = "type")]
    pub kind: RequestType,
    /// The authority's reference: 1 to 128 printable characters of ASCII, once for ever.
    pub reference: String,
    /// The paragraph that it rests on: [`RequestType::ground`].
    pub ground: String,
    /// What it is for: [`RequestType::purpose`].
    pub purpose: String,
    /// Who asks.
    pub agent: Agent,
    /// First instant at which it may be answered.
    pub valid_from: Timestamp,
    /// First instant at which it no longer may.
    pub valid_until: Timestamp,
    /// Ids of the events that it is about: 32 hexadecimal digits each. The only selector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// For whose security (L. 2321-3 ¶1 and ¶2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beneficiary: Option<Beneficiary>,
    /// The authorisation of a type C request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Authorisation>,
    /// What a type C request asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
}

/// The agent who asks, empowered and sworn (R. 2321-3 code de la défense).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The agent's designation: a number, not a name.
    pub designation: String,
    /// Reference of the commission.
    pub commission: String,
    /// First instant at which it counts.
    pub from: Timestamp,
    /// First instant at which it no longer does.
    pub until: Timestamp,
}

/// Authorisation of a technique (L. 821-1 CSI).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorisation {
    /// Its number.
    pub number: String,
    /// The technique: `L851-1`.
    pub technique: String,
    /// First instant at which it counts.
    pub from: Timestamp,
    /// First instant at which it no longer does.
    pub until: Timestamp,
}

/// For whose security the authority asks (L. 2321-3 code de la défense).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beneficiary {
    /// A public authority.
    PublicAuthority,
    /// An operator of L. 1332-1 or L. 1332-2 code de la défense.
    #[serde(rename = "operator-l1332")]
    OperatorL1332,
    /// An operator of art. 5 of law 2018-133.
    #[serde(rename = "operator-art5")]
    OperatorArt5,
}

impl Beneficiary {
    /// The name in documents and journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PublicAuthority => "public-authority",
            Self::OperatorL1332 => "operator-l1332",
            Self::OperatorArt5 => "operator-art5",
        }
    }
}

/// What L. 851-1 ¶1 CSI names. The sensor keeps nothing of the first four: those are answered nil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Numbers of subscription or connection.
    Identification,
    /// All numbers of a designated person.
    Census,
    /// Where terminals are.
    Location,
    /// Numbers called and calling, date and duration.
    Communications,
    /// Other information processed or kept: the events that the request names.
    Kept,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Identification,
        Self::Census,
        Self::Location,
        Self::Communications,
        Self::Kept,
    ];

    /// Whether the sensor can hold anything of it at all.
    #[must_use]
    pub const fn is_ever_held(self) -> bool {
        matches!(self, Self::Kept)
    }
}

impl RequestTerms {
    /// Most events of one request.
    pub const MOST_EVENTS: usize = 100;

    /// Whether it may be answered at this time, all of its dates considered.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> bool {
        let within = |from, until| from <= now && now < until;
        within(self.valid_from, self.valid_until)
            && within(self.agent.from, self.agent.until)
            && self
                .authorisation
                .as_ref()
                .is_none_or(|one| within(one.from, one.until))
    }

    /// First instant at which it can never be answered any more.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let authorised = self.authorisation.as_ref().map(|one| one.until);
        self.valid_until
            .min(self.agent.until)
            .min(authorised.unwrap_or(Timestamp::MAX))
    }
}

//! Why an alternative of a pattern is not loaded: reason codes and their sentences.

use super::meaning::{MOST_TERMS, MOST_TESTS};
use crate::model::pattern::PatternError;

/// Why nothing was made of an alternative of a pattern. It repeats no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Files, processes, mails, accounts: nothing that a router sees.
    #[error("it looks at a host, where a sensor on the network sees nothing: {0}")]
    HostSide(&'static str),
    /// It would match a large part of all traffic (L. 33-14 ¶1: markers characterise an attack).
    #[error("it would match a large part of all traffic: {0}")]
    TooBroad(&'static str),
    /// Visible on the network, but no kind of pattern of this version.
    #[error("this version has no kind of marker for {0}")]
    Kind(&'static str),
    /// An object type that the standard does not define, or one without a pattern here.
    #[error("the object type is none that this version knows")]
    Object,
    /// A property that this version does not look at.
    #[error("the property is none that this version looks at: {0}")]
    Property(&'static str),
    /// A comparison operator.
    #[error("the operator {0} is not supported; =, IN and ISSUBSET of addresses are")]
    Operator(&'static str),
    /// A qualifier.
    #[error("the qualifier {0} is not supported: a packet is judged alone")]
    Qualifier(&'static str),
    /// `[…] AND […]`.
    #[error("AND between observations is not supported: a packet is judged alone")]
    ObservationAnd,
    /// `[…] FOLLOWEDBY […]`.
    #[error("FOLLOWEDBY is not supported: a packet is judged alone")]
    FollowedBy,
    /// `[… AND …]` that no kind of pattern expresses; either half alone would match more.
    #[error("no marker expresses this AND, and its halves would match more than is meant: {0}")]
    Conjunction(&'static str),
    /// It can never hold.
    #[error("it contradicts itself: {0}")]
    Contradiction(&'static str),
    /// `IN ()`.
    #[error("the set is empty, which nothing is in")]
    EmptySet,
    /// The alternatives of the parts of an AND, multiplied, are too many.
    #[error(
        "AND over OR gives more than {MOST_TERMS} alternatives, or AND joins more than {MOST_TESTS} tests"
    )]
    TooComplex,
    /// A constant of a type that the property never has.
    #[error("the constant is of a type that the property never has")]
    ValueType,
    /// The value is none of its kind.
    #[error(transparent)]
    Value(#[from] PatternError),
}

impl Cause {
    /// The reason code in answers (stable).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::HostSide(_) => "host_side",
            Self::TooBroad(_) => "too_broad",
            Self::Kind(_) => "unsupported_kind",
            Self::Object => "unsupported_object",
            Self::Property(_) => "unsupported_property",
            Self::Operator(_) => "unsupported_operator",
            Self::Qualifier(_) => "unsupported_qualifier",
            Self::ObservationAnd => "unsupported_observation_and",
            Self::FollowedBy => "unsupported_followed_by",
            Self::Conjunction(_) => "unsupported_conjunction",
            Self::Contradiction(_) => "contradiction",
            Self::EmptySet => "empty_set",
            Self::TooComplex => "too_complex",
            Self::ValueType => "bad_value",
            Self::Value(error) => error.code(),
        }
    }
}

//! Who is told of an event, and what a marking withholds.

use serde::{Deserialize, Serialize};

use super::{Pap, Tlp};

/// Whose a sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The authority (L. 33-14 ¶4): alerts, more only under a recorded policy.
    Authority,
    /// The operator itself: events.
    Operator,
}

/// How one marker of an event may be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerHandling {
    /// Who may know of it.
    pub tlp: Tlp,
    /// What may be done with it.
    pub pap: Pap,
    /// Whether the authority issued it, so that it may know of it whatever the marking.
    pub authority: bool,
}

impl MarkerHandling {
    /// Whether a recipient may be told the marker's id and value: TLP:RED is for its issuer alone,
    /// AMBER+STRICT for the operator and the issuer (FIRST, Traffic Light Protocol 2.0).
    #[must_use]
    pub fn may_be_told(self, recipient: Recipient) -> bool {
        match recipient {
            Recipient::Authority => self.authority || self.tlp < Tlp::AmberStrict,
            Recipient::Operator => self.tlp < Tlp::Red,
        }
    }
}

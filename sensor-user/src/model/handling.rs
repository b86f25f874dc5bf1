//! What each marker of an event allows to be told of it.

use serde::{Deserialize, Serialize};

use super::{Pap, Recipient, Tlp};

/// Handling of one marker of an event, as it was when the event was opened. It stands beside the
/// event, not in it: sinks blank by it what a recipient may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerHandling {
    /// Who may receive it.
    pub tlp: Tlp,
    /// What may be done with it.
    pub pap: Pap,
    /// Whether it is exploited for an order of the authority (L. 33-14 CPCE ¶2).
    pub authority: bool,
}

impl Default for MarkerHandling {
    /// Of a marker of which nothing is known: the most restrictive.
    fn default() -> Self {
        Self {
            tlp: Tlp::Red,
            pap: Pap::Red,
            authority: false,
        }
    }
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

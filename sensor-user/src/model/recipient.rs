//! Who is told of an event.

use serde::{Deserialize, Serialize};

/// Whose a sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The authority (L. 33-14 ¶4): alerts, more only under a recorded policy.
    Authority,
    /// The operator itself: events.
    Operator,
}

//! Where a packet was seen.

use serde::{Deserialize, Serialize};

/// Interface slot and VLAN stack in one word: the slot in the high byte, the outer VLAN id in the
/// next twelve bits, the second one in the last twelve. A third tag is read over, not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vantage(pub u32);

impl Vantage {
    /// The interface slot.
    #[must_use]
    pub const fn slot(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// The VLAN ids, outermost first; a priority tag (id 0) is no VLAN.
    #[must_use]
    pub fn vlans(self) -> Vec<u16> {
        [(self.0 >> 12 & 0xfff) as u16, (self.0 & 0xfff) as u16]
            .into_iter()
            .filter(|id| *id != 0)
            .collect()
    }
}

//! Where packets ended that the kernel lent.

use std::collections::BTreeMap;

/// `lent = taken + held + gone + lost_at_restart` and what is on its way, counted since the maps were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LentPackets {
    /// Taken by an agent, which has stored what it found in them.
    pub taken: u64,
    /// Taken, and waiting for the rest of their handshake.
    pub held: u64,
    /// Zeroed before an agent came for them: by the kernel's deadline, or by the agent
    /// where the kernel has no timer.
    pub gone: u64,
    /// Taken or held by an agent that died before it stored what it found.
    pub lost: u64,
}

/// What stored counts have before their names.
const PREFIX: &str = "lent_";

impl LentPackets {
    /// The terms with their names in metrics, API and CLI.
    #[must_use]
    pub const fn terms(&self) -> [(&'static str, u64); 4] {
        [
            ("taken", self.taken),
            ("held", self.held),
            ("gone", self.gone),
            ("lost_at_restart", self.lost),
        ]
    }

    /// Packets that were accounted for.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.taken + self.held + self.gone + self.lost
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self {
            taken: self.taken + other.taken,
            held: self.held + other.held,
            gone: self.gone + other.gone,
            lost: self.lost + other.lost,
        }
    }

    /// What an agent left that has ended: what it held is lost, and so is what went from the ring (`read`
    /// packets) and is in no term.
    #[must_use]
    pub const fn left(self, read: u64) -> Self {
        Self {
            held: 0,
            lost: self.lost + self.held + read.saturating_sub(self.sum()),
            ..self
        }
    }

    /// From stored counts.
    #[must_use]
    pub fn from_stored(stored: &BTreeMap<String, u64>) -> Self {
        let [taken, held, gone, lost] = Self::default().terms().map(|(name, _)| {
            let count = stored.get(&format!("{PREFIX}{name}")).copied();
            count.unwrap_or_default()
        });
        Self {
            taken,
            held,
            gone,
            lost,
        }
    }

    /// Counts to store.
    pub fn to_stored(&self) -> impl Iterator<Item = (String, u64)> {
        let terms = self.terms().into_iter();
        terms.map(|(name, count)| (format!("{PREFIX}{name}"), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_agent_had_not_stored_is_lost_and_nothing_else() {
        let stored = LentPackets {
            taken: 10,
            held: 3,
            gone: 2,
            lost: 1,
        };
        let left = stored.left(20);
        assert_eq!((left.taken, left.held, left.gone, left.lost), (10, 0, 2, 8));
        assert_eq!(left.sum(), 20);
        assert_eq!(stored.left(16).lost, 4, "only what it held");
        let round = LentPackets::from_stored(&left.to_stored().collect());
        assert_eq!(round, left);
    }
}

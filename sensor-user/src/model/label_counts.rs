//! Of how many labels the names of patterns are: what tells cheaply that most suffixes of a name are none.

use super::Pattern;

/// Numbers of labels, of patterns that look for a name alone and of those that look below it too: a bit
/// for each number, of which a name has 127 at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelCounts {
    exact: u128,
    below: u128,
}

impl LabelCounts {
    /// Every number.
    pub const ALL: Self = Self {
        exact: u128::MAX,
        below: u128::MAX,
    };

    /// Of one pattern; none unless it looks for a name.
    #[must_use]
    pub fn of(pattern: &Pattern) -> Self {
        let Pattern::Domain(name) = pattern else {
            return Self::default();
        };
        let below = name.strip_prefix("*.");
        let bit = bit(below.unwrap_or(name).split('.').count());
        match below {
            Some(_) => Self {
                exact: 0,
                below: bit,
            },
            None => Self {
                exact: bit,
                below: 0,
            },
        }
    }

    /// Those of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self {
            exact: self.exact | other.exact,
            below: self.below | other.below,
        }
    }

    /// Whether a pattern looks for a name of so many labels alone.
    #[must_use]
    pub fn has_exact(&self, labels: usize) -> bool {
        self.exact & bit(labels) != 0
    }

    /// Whether a pattern looks for a name of so many labels and what is below it.
    #[must_use]
    pub fn has_below(&self, labels: usize) -> bool {
        self.below & bit(labels) != 0
    }
}

fn bit(labels: usize) -> u128 {
    u32::try_from(labels)
        .ok()
        .and_then(|labels| 1_u128.checked_shl(labels))
        .unwrap_or(0)
}

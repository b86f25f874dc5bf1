//! Why events are destroyed.

use serde::{Deserialize, Serialize};

/// Why an event was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destroyed {
    /// Its time was over (L. 33-14 CPCE ¶3).
    Expired,
    /// Somebody said that it is not useful (L. 33-14 CPCE ¶4: destroyed at once).
    NotUseful,
    /// Its markers were false positives.
    FalsePositive,
    /// The store was at its cap, and it was the oldest that every sink had taken.
    Cap,
    /// Its key was lost.
    Unreadable,
}

impl Destroyed {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Expired,
        Self::NotUseful,
        Self::FalsePositive,
        Self::Cap,
        Self::Unreadable,
    ];

    /// The name in journal, metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotUseful => "not_useful",
            Self::FalsePositive => "false_positive",
            Self::Cap => "cap",
            Self::Unreadable => "unreadable",
        }
    }

    /// The number in the store.
    #[must_use]
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The reason of a number in the store.
    #[must_use]
    pub fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }
}

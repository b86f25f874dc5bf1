//! What of the journal somebody who oversees may read.

use serde::{Deserialize, Serialize};

/// A part of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// L. 33-14 CPCE and L. 2321-3 C. déf., which L. 36-14 CPCE has ARCEP watch over.
    Arcep,
    /// L. 851-1 CSI, of which the CNCTR keeps watch.
    Cnctr,
}

/// The parts that somebody may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes {
    arcep: bool,
    cnctr: bool,
    whole: bool,
}

impl Scopes {
    /// All of it, also what belongs to no part.
    pub const WHOLE: Self = Self {
        arcep: true,
        cnctr: true,
        whole: true,
    };

    /// These parts and no others.
    #[must_use]
    pub fn of(scopes: &[Scope]) -> Self {
        Self {
            arcep: scopes.contains(&Scope::Arcep),
            cnctr: scopes.contains(&Scope::Cnctr),
            whole: false,
        }
    }

    /// Whether nothing is hidden.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.whole
    }

    /// Whether an entry of these parts may be read.
    #[must_use]
    pub fn holds(self, parts: &[Scope]) -> bool {
        let holds = |part: &Scope| match part {
            Scope::Arcep => self.arcep,
            Scope::Cnctr => self.cnctr,
        };
        self.whole || parts.iter().any(holds)
    }
}

//! The compiled, deterministic content of one generation.

use jiff::Timestamp;

use super::{Pattern, PatternId};

/// What one generation of maps must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Patterns in the order of their canonical form, each once.
    pub patterns: Vec<ImagePattern>,
    /// SHA-256 over the canonical forms and deadlines, one a line.
    pub digest: [u8; 32],
}

/// One pattern of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagePattern {
    /// Its id.
    pub id: PatternId,
    /// What to look for.
    pub pattern: Pattern,
    /// Latest end of its markers; `None` when one has none.
    pub until: Option<Timestamp>,
}

impl Image {
    /// When the first of its patterns is over.
    #[must_use]
    pub fn next_end(&self) -> Option<Timestamp> {
        self.patterns
            .iter()
            .filter_map(|pattern| pattern.until)
            .min()
    }
}

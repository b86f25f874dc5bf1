//! Levels of TLP and PAP as tags, labels and names write them: one reading for every format.

use crate::model::{Pap, Tlp};

/// What a text says of handling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// A level of TLP; none when it is one that TLP has not.
    Tlp(Option<Tlp>),
    /// The same of PAP.
    Pap(Option<Pap>),
}

impl Level {
    /// `TLP:RED`, `pap: amber`, in any case, with white space anywhere around; none where the text is
    /// of neither scheme.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let (scheme, level) = text.split_once(':')?;
        Self::of_pair(scheme, level)
    }

    /// A scheme and a level that stand apart.
    pub(super) fn of_pair(scheme: &str, level: &str) -> Option<Self> {
        let (scheme, level) = (scheme.trim(), level.trim());
        if scheme.eq_ignore_ascii_case("tlp") {
            Some(Self::Tlp(Tlp::parse(level)))
        } else if scheme.eq_ignore_ascii_case("pap") {
            Some(Self::Pap(Pap::parse(level)))
        } else {
            None
        }
    }
}

//! What was seen in packets beside addresses, to hold patterns against.

use std::fmt;

use zeroize::Zeroizing;

use super::{Ja3, Ja4, LabelCounts, Name, Pattern, Wiped};

/// A value that packets bore. It prints its kind only.
#[derive(Clone, PartialEq, Eq)]
pub enum Observed {
    /// A name.
    Name(Name),
    /// A URL of cleartext HTTP, in canonical form.
    Url(Zeroizing<String>),
    /// A TLS client by its JA3.
    Ja3(Ja3),
    /// A TLS client by its JA4.
    Ja4(Ja4),
}

impl Observed {
    /// Whether a pattern covers it, exactly.
    #[must_use]
    pub fn is_covered_by(&self, pattern: &Pattern) -> bool {
        match (self, pattern) {
            (Self::Name(name), Pattern::Domain(wanted)) => name.is_covered_by(wanted),
            (Self::Url(url), Pattern::Url(wanted)) => ***url == **wanted,
            (Self::Ja3(ja3), Pattern::Ja3(wanted)) => ja3 == wanted,
            (Self::Ja4(ja4), Pattern::Ja4(wanted)) => ja4 == wanted,
            _ => false,
        }
    }

    /// Shows the canonical form of every pattern that may cover it; each covers it if it is there. Of a
    /// name, those whose number of labels is `among` them.
    pub fn each_pattern(&self, among: LabelCounts, mut show: impl FnMut(&str)) {
        match self {
            Self::Name(name) => name.each_pattern("domain ", among, show),
            Self::Url(url) => {
                let mut line = Wiped::with_room(4 + url.len());
                line.add_slice(b"url ");
                line.add_slice(url.as_bytes());
                show(str::from_utf8(&line).expect("two texts make one"));
            }
            Self::Ja3(ja3) => show(&format!("ja3 {ja3}")),
            Self::Ja4(ja4) => show(&format!("ja4 {ja4}")),
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(_) => "Name(..)",
            Self::Url(_) => "Url(..)",
            Self::Ja3(_) => "Ja3(..)",
            Self::Ja4(_) => "Ja4(..)",
        })
    }
}

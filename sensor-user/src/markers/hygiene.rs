//! What a person must look at before it is loaded: everything that holds a marker back.

use std::borrow::Cow;

use compact_str::CompactString;

use super::{Breadth, Concern, Warninglists};
use crate::model::Pattern;

/// Breadth and warninglists together.
#[derive(Clone, Debug)]
pub struct Hygiene {
    breadth: Breadth,
    warninglists: Warninglists,
}

impl Hygiene {
    /// Of both.
    #[must_use]
    pub const fn new(breadth: Breadth, warninglists: Warninglists) -> Self {
        Self {
            breadth,
            warninglists,
        }
    }

    /// Why a pattern is held back, as it is stored: a code, for a warninglist with its name behind a
    /// colon; none when it may be loaded.
    #[must_use]
    pub fn check(&self, pattern: &Pattern) -> Option<CompactString> {
        if let Some(concern) = self.breadth.check(pattern) {
            return Some(concern.code().into());
        }
        let list = self.warninglists.concern(pattern)?;
        let code = Concern::Warninglist.code();
        Some(compact_str::format_compact!("{code}:{list}"))
    }
}

/// The code of what was stored.
#[must_use]
pub fn code_of(stored: &str) -> &str {
    stored.split_once(':').map_or(stored, |(code, _)| code)
}

/// The sentence of what was stored, be it by another version.
#[must_use]
pub fn reason_of(stored: &str) -> Cow<'static, str> {
    match stored.split_once(':') {
        None => Concern::reason_of(stored).into(),
        Some((code, list)) => format!("{}: {list}", Concern::reason_of(code)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn breadth_comes_first_and_a_list_is_named() {
        let mut lists = Warninglists::default();
        let list = r#"{"name":"Known: hosts","type":"hostname","list":["popular.example","8.8.8.8","192.0.2.1"]}"#;
        lists
            .add(Path::new("a.json"), &mut list.as_bytes())
            .expect("a list");
        let config = Config::from_flags(&[], &[]).expect("no interfaces are fine");
        let hygiene = Hygiene::new(Breadth::of(&config), lists);
        let check = |pattern: &str| hygiene.check(&pattern.parse().expect(pattern));
        assert_eq!(check("ip 8.8.8.8").as_deref(), Some("public_resolver"));
        assert_eq!(check("ip 203.0.113.5"), None);
        for pattern in ["ip 192.0.2.1", "domain www.popular.example"] {
            let stored = check(pattern).expect(pattern);
            assert_eq!(stored, "warninglist:Known: hosts");
            assert_eq!(code_of(&stored), "warninglist");
            assert!(
                reason_of(&stored).ends_with(": Known: hosts"),
                "{}",
                reason_of(&stored)
            );
        }
        assert_eq!(code_of("too_broad"), "too_broad");
        assert_eq!(reason_of("too_broad"), Concern::TooBroad.reason());
    }
}

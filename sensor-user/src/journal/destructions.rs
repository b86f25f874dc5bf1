//! What the journal says of destructions since the last start: a start settles what it finds, so that
//! a crash leaves nothing untold and nothing told twice.

use std::collections::BTreeSet;

use serde::Deserialize;

/// Events that were destroyed without being asked for one by one, as an entry counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Erased {
    /// Their time was over.
    #[serde(default)]
    pub expired: u64,
    /// Somebody had said that they are not useful.
    #[serde(default)]
    pub not_useful: u64,
    /// The store was at its cap.
    #[serde(default)]
    pub cap: u64,
    /// Their keys were lost.
    #[serde(default)]
    pub unreadable: u64,
}

/// Destructions of the last run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destructions {
    /// Entries that announce one because somebody says that an event is not useful; those that failed
    /// left out.
    pub not_useful: Vec<u64>,
    /// The last entry that counts some, and what it counts.
    pub erased: Option<(u64, Erased)>,
    /// Entries that announce the destruction of what was a false positive, and of which the count was
    /// told.
    pub counted: BTreeSet<u64>,
}

impl Destructions {
    /// Takes the next entry: its index, the name of its action, the entry that it is about, and its
    /// line.
    pub(super) fn take(&mut self, index: u64, action: &str, of: Option<u64>, line: &str) {
        match (action, of) {
            ("started", _) => *self = Self::default(),
            ("events_not_useful", _) => self.not_useful.push(index),
            ("failed", Some(of)) => self.not_useful.retain(|one| *one != of),
            // What it is otherwise has been looked at; a count that is none counts nothing.
            ("events_erased", _) => {
                self.erased = serde_json::from_str(line)
                    .ok()
                    .map(|erased| (index, erased));
            }
            ("events_destroyed", Some(of)) => drop(self.counted.insert(of)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_last_run_left_is_told() {
        let mut past = Destructions::default();
        past.take(0, "events_not_useful", None, "{}");
        past.take(1, "events_destroyed", Some(7), "{}");
        past.take(2, "started", None, "{}");
        assert_eq!(past, Destructions::default());
        past.take(3, "events_not_useful", None, "{}");
        past.take(4, "events_not_useful", None, "{}");
        past.take(5, "failed", Some(3), "{}");
        past.take(6, "events_erased", None, r#"{"index":6,"expired":2}"#);
        past.take(7, "events_destroyed", Some(1), "{}");
        let erased = Erased {
            expired: 2,
            ..Erased::default()
        };
        assert_eq!(past.not_useful, [4]);
        assert_eq!(past.erased, Some((6, erased)));
        assert_eq!(past.counted, [1].into());
    }
}

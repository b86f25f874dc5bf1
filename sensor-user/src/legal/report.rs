//! What the regulator is told of requests and categories of data (R. 9-12-7 CPCE): counted from the
//! journal alone. Pure.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use crate::journal::{RequestEntry, RequestStep};

/// Counts by type of request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report(BTreeMap<String, Counts>);

/// Counts of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Accepted.
    pub submitted: u64,
    /// Refused as they came in.
    pub refused: u64,
    /// Refused by a person.
    pub declined: u64,
    /// Answered.
    pub answered: u64,
    /// Of these, nil.
    pub nil: u64,
    /// Of these, such that may have been answered before.
    pub repeated: u64,
    /// Answers of which nobody can tell whether they went out.
    pub unknown: u64,
    /// Events that were answered for.
    pub events: u64,
    /// Answers by category of data.
    pub categories: BTreeMap<String, u64>,
}

impl Report {
    /// Takes an entry of the journal.
    pub fn take(&mut self, entry: &RequestEntry) {
        let counted = matches!(
            entry.step,
            RequestStep::Submitted
                | RequestStep::Refused
                | RequestStep::Declined
                | RequestStep::Unknown
                | RequestStep::Disclosed
        );
        if !counted {
            return;
        }
        let name = entry.kind.map_or("unverified", |kind| kind.name());
        let counts = self.0.entry(name.to_owned()).or_default();
        match entry.step {
            RequestStep::Submitted => counts.submitted += 1,
            RequestStep::Refused => counts.refused += 1,
            RequestStep::Declined => counts.declined += 1,
            RequestStep::Unknown => counts.unknown += 1,
            RequestStep::Disclosed => {
                counts.answered += 1;
                counts.nil += u64::from(entry.records == Some(0));
                counts.repeated += u64::from(entry.repeat);
                // Those that were still held; of a former version, those that were named.
                counts.events += entry.cost.quantity.or(entry.events).unwrap_or_default();
                for category in &entry.categories {
                    *counts.categories.entry(category.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    /// Counts of a type by its name; `unverified` where no signature stood.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Counts> {
        self.0.get(name)
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, counts) in &self.0 {
            let written = write!(
                text,
                "{name}: {} submitted, {} refused, {} declined, {} answered ({} nil, {} repeated), \
                 {} unknown, {} events",
                counts.submitted,
                counts.refused,
                counts.declined,
                counts.answered,
                counts.nil,
                counts.repeated,
                counts.unknown,
                counts.events,
            );
            written.expect("a string takes everything");
            for (category, answers) in &counts.categories {
                text.push_str(&format!("\n  {category} in {answers}"));
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RequestType;

    #[test]
    fn entries_are_counted_by_type_and_category() {
        let entry = |step, kind| RequestEntry {
            kind,
            ..RequestEntry::of(step)
        };
        let mut report = Report::default();
        report.take(&entry(RequestStep::Lost, None));
        assert_eq!(report, Report::default());
        report.take(&entry(RequestStep::Refused, None));
        report.take(&entry(RequestStep::Submitted, Some(RequestType::B)));
        report.take(&RequestEntry {
            records: Some(0),
            events: Some(2),
            categories: vec!["1°".into()],
            ..entry(RequestStep::Disclosed, Some(RequestType::B))
        });
        assert_eq!(
            report.of("unverified").map(|counts| counts.refused),
            Some(1)
        );
        let counts = report.of("request-b").expect("there");
        assert_eq!((counts.submitted, counts.answered, counts.nil), (1, 1, 1));
        assert_eq!((counts.events, counts.categories["1°"]), (2, 1));
        assert!(report.text().contains("1 answered (1 nil"));
    }
}

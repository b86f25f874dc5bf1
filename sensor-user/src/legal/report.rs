//! What the regulator is told of requests and categories of data (R. 9-12-7 CPCE): counted from the
//! journal alone. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::Serialize;

use crate::journal::{RequestEntry, RequestStep};

/// Counts by type of request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Report {
    types: BTreeMap<String, Counts>,
    /// Indexes of the entries that say that a request was accepted.
    #[serde(skip)]
    submitted: BTreeSet<u64>,
}

/// Counts of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Accepted.
    pub submitted: u64,
    /// Of these, accepted and then not kept: to be submitted again.
    pub lost: u64,
    /// Refused as they came in.
    pub refused: u64,
    /// Not taken in or not judged, by a failure that is not of who asks.
    pub failed: u64,
    /// Approvals and refusals by somebody who may not.
    pub decisions_refused: u64,
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
    /// Takes an entry of the journal, at its index.
    pub fn take(&mut self, index: u64, entry: &RequestEntry) {
        let counted = match entry.step {
            RequestStep::Submitted
            | RequestStep::Refused
            | RequestStep::Failed
            | RequestStep::DecisionRefused
            | RequestStep::Declined
            | RequestStep::Unknown
            | RequestStep::Disclosed => true,
            // An approval may be lost as well.
            RequestStep::Lost => entry.of.is_some_and(|of| self.submitted.contains(&of)),
            _ => false,
        };
        if !counted {
            return;
        }
        if entry.step == RequestStep::Submitted {
            self.submitted.insert(index);
        }
        let name = entry.kind.map_or("unverified", |kind| kind.name());
        let counts = self.types.entry(name.to_owned()).or_default();
        let with_unsaid = 1 + entry.unsaid.unwrap_or_default();
        match entry.step {
            RequestStep::Submitted => counts.submitted += 1,
            RequestStep::Lost => counts.lost += 1,
            RequestStep::Refused => counts.refused += with_unsaid,
            RequestStep::Failed => counts.failed += with_unsaid,
            RequestStep::DecisionRefused => counts.decisions_refused += with_unsaid,
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
        self.types.get(name)
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, counts) in &self.types {
            let written = write!(
                text,
                "{name}: {} submitted, {} lost, {} refused, {} failed, {} decisions refused, \
                 {} declined, {} answered ({} nil, {} repeated), {} unknown, {} events",
                counts.submitted,
                counts.lost,
                counts.refused,
                counts.failed,
                counts.decisions_refused,
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
        let lost = |of| RequestEntry {
            of: Some(of),
            ..entry(RequestStep::Lost, Some(RequestType::B))
        };
        report.take(0, &lost(0));
        assert_eq!(report, Report::default());
        report.take(1, &entry(RequestStep::Refused, None));
        report.take(2, &entry(RequestStep::Submitted, Some(RequestType::B)));
        report.take(3, &entry(RequestStep::Approved, Some(RequestType::B)));
        report.take(4, &lost(3));
        report.take(
            5,
            &RequestEntry {
                records: Some(0),
                events: Some(2),
                categories: vec!["1°".into()],
                ..entry(RequestStep::Disclosed, Some(RequestType::B))
            },
        );
        report.take(6, &entry(RequestStep::Failed, None));
        report.take(
            7,
            &RequestEntry {
                unsaid: Some(4),
                ..entry(RequestStep::DecisionRefused, Some(RequestType::B))
            },
        );
        let unverified = report.of("unverified").expect("there");
        assert_eq!((unverified.refused, unverified.failed), (1, 1));
        let counts = report.of("request-b").expect("there");
        assert_eq!((counts.submitted, counts.answered, counts.nil), (1, 1, 1));
        assert_eq!((counts.lost, counts.decisions_refused), (0, 5));
        assert_eq!((counts.events, counts.categories["1°"]), (2, 1));
        assert!(report.text().contains("1 answered (1 nil"));
        report.take(8, &lost(2));
        assert!(report.text().contains("1 submitted, 1 lost"));
    }
}

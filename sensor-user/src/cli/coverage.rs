//! The coverage statement.

use super::{commands::Session, failure::Error, print::Out};
use crate::model::request::{ClassCoverage, Count, Coverage};

impl Session {
    /// Shows what the sensor could judge.
    pub(super) async fn coverage(&self) -> Result<(), Error> {
        let print = |coverage: &Coverage, _: &Out| text(coverage);
        self.show("/v1/coverage", print).await.map(drop)
    }
}

fn text(coverage: &Coverage) -> String {
    let mut text = format!(
        "packets       {} of {} judged ({})",
        coverage.packets_judged,
        coverage.packets,
        share(coverage.packets_judged, coverage.packets)
    );
    text.push_str(&reasons(&coverage.packets_not_judged));
    for class in &coverage.classes {
        text.push('\n');
        text.push_str(&line(class));
    }
    if !coverage.lost.is_empty() {
        text.push_str("\nlent");
        text.push_str(&reasons(&coverage.lost));
    }
    text.push_str("\nnot counted");
    for unseen in &coverage.unseen {
        text.push_str("\n  ");
        text.push_str(unseen);
    }
    text.push('\n');
    text
}

fn line(class: &ClassCoverage) -> String {
    if !class.looked_at && class.judged == 0 {
        return format!(
            "{:<13} {} seen, none judged: no pattern in force looks at them",
            class.class, class.seen
        );
    }
    let encrypted = match class.encrypted {
        0 => String::new(),
        count => {
            format!("; {count} with an encrypted ClientHello or GREASE, judged by the outer name")
        }
    };
    format!(
        "{:<13} {} of {} judged ({}){}{encrypted}",
        class.class,
        class.judged,
        class.seen,
        share(class.judged, class.seen),
        reasons(&class.not_judged)
    )
}

/// Reasons with their counts.
fn reasons(counts: &[Count]) -> String {
    let told: Vec<String> = counts
        .iter()
        .map(|count| format!("{}={}", count.term, count.count))
        .collect();
    match told.is_empty() {
        true => String::new(),
        false => format!("; not: {}", told.join(" ")),
    }
}

/// Hundredths; what is seen is counted before what is judged, so that one may run ahead.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "none seen".into();
    }
    format!("{:.1} %", part.min(whole) as f64 * 100.0 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_reasons_and_what_is_never_seen_are_told() {
        let class = |class: &str, looked_at, seen, judged| ClassCoverage {
            class: class.into(),
            looked_at,
            seen,
            judged,
            not_judged: Vec::new(),
            encrypted: 0,
        };
        let mut tls = class("tls_hello", true, 8, 7);
        tls.not_judged.push(Count {
            term: "timed_out".into(),
            count: 1,
        });
        tls.encrypted = 2;
        let coverage = Coverage {
            packets: 200,
            packets_judged: 199,
            packets_not_judged: vec![Count {
                term: "fragment".into(),
                count: 1,
            }],
            classes: vec![tls, class("dot", false, 3, 0), class("dns", true, 0, 0)],
            lost: vec![Count {
                term: "lost_at_restart".into(),
                count: 4,
            }],
            unseen: vec!["answers".into()],
        };
        assert_eq!(
            text(&coverage),
            "packets       199 of 200 judged (99.5 %); not: fragment=1\n\
             tls_hello     7 of 8 judged (87.5 %); not: timed_out=1; 2 with an encrypted ClientHello or GREASE, judged by the outer name\n\
             dot           3 seen, none judged: no pattern in force looks at them\n\
             dns           0 of 0 judged (none seen)\n\
             lent; not: lost_at_restart=4\n\
             not counted\n  answers\n"
        );
    }
}

//! A run of the self-test.

use super::{Out, clean, lines, table, verdict};
use crate::model::request::CanaryReport;

/// How far the packet of each interface came, and which sinks have its event.
#[must_use]
pub fn canary(report: &CanaryReport, out: &Out) -> String {
    let took = |time: Option<u64>| time.map_or_else(|| "-".into(), |time| format!("{time} ms"));
    let mut table = table(&["STEP", "WHERE", "RESULT", ">AFTER"], out.colour);
    for one in &report.interfaces {
        let name = clean(&one.interface);
        let passed = verdict(if one.passed { "passed" } else { "DROPPED" }, one.passed);
        table.add_row(["program".into(), name.clone().into(), passed, "-".into()]);
        let stored = verdict(
            if one.stored.is_some() {
                "stored"
            } else {
                "lost"
            },
            one.stored.is_some(),
        );
        table.add_row(["store".into(), name.into(), stored, took(one.stored).into()]);
    }
    for one in &report.sinks {
        let there = one.acknowledged.is_some();
        let result = verdict(if there { "acknowledged" } else { "not there" }, there);
        let after = took(one.acknowledged).into();
        table.add_row(["sink".into(), clean(&one.sink).into(), result, after]);
    }
    let end = if report.passed {
        "the self-test passed"
    } else {
        "the self-test FAILED"
    };
    format!(
        "{}\n{end}, journal entry {}",
        lines(&table, true),
        report.receipt
    )
}

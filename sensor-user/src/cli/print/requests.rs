//! The authority's requests as tables.

use super::{Out, clean, fields, lines, table, verdict};
use crate::model::request::{CaseRow, Manifests};

/// Requests, one a line.
#[must_use]
pub fn cases(rows: &[CaseRow], first: bool, out: &Out) -> String {
    let header = [
        "REFERENCE",
        "TYPE",
        "GROUND",
        "STAGE",
        ">EVENTS",
        ">APPROVALS",
        ">RECORDS",
        "VALID UNTIL",
    ];
    let mut table = table(&header, out.colour);
    for row in rows {
        let done = matches!(
            row.stage.as_str(),
            "disclosed" | "answered" | "handed_over" | "closed"
        );
        let records = row.records.filter(|_| done);
        table.add_row([
            clean(&row.reference).into(),
            row.kind.name().into(),
            clean(&row.terms.ground).into(),
            verdict(&clean(&row.stage), done),
            row.terms.events.len().into(),
            row.approvals.len().into(),
            records.map_or_else(|| "-".into(), |records| records.into()),
            row.terms.end().to_string().into(),
        ]);
    }
    lines(&table, first)
}

/// One request, one field a line; the notices of it below.
#[must_use]
pub fn case(row: &CaseRow) -> String {
    let approvals = row.approvals.iter().map(|one| {
        let capacity = one.capacity.name();
        format!("{capacity} (uid {}) at {}", one.uid, one.at)
    });
    let approvals: Vec<String> = approvals.collect();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let agent = &row.terms.agent;
    let beneficiary = row.terms.beneficiary.map(|one| one.name().to_owned());
    let mut text = fields(&[
        ("reference", clean(&row.reference)),
        ("type", row.kind.name().into()),
        ("ground", clean(&row.terms.ground)),
        ("purpose", clean(&row.terms.purpose)),
        ("stage", clean(&row.stage)),
        (
            "signed by",
            format!("{}, serial {}", clean(&row.issuer), row.serial),
        ),
        ("envelope", clean(&row.envelope)),
        (
            "agent",
            format!(
                "{}, commission {}",
                clean(&agent.designation),
                clean(&agent.commission)
            ),
        ),
        ("beneficiary", or_dash(beneficiary)),
        ("received", row.received.to_string()),
        ("valid until", row.terms.end().to_string()),
        ("events", row.terms.events.join(" ")),
        (
            "approvals",
            if approvals.is_empty() {
                "-".into()
            } else {
                approvals.join("; ")
            },
        ),
        ("handovers begun", row.handovers.to_string()),
        ("file", or_dash(row.file.as_deref().map(clean))),
        (
            "records",
            or_dash(row.records.map(|records| records.to_string())),
        ),
        ("code", or_dash(row.code.as_deref().map(clean))),
        ("journal entry", row.receipt.to_string()),
    ]);
    for task in &row.tasks {
        let told = match (&task.date, &task.proof, task.reason) {
            (Some(date), Some(proof), _) => format!(" on {date}, proof {}", clean(proof)),
            (_, _, Some(reason)) => format!(" ({})", reason.name()),
            _ => String::new(),
        };
        text.push_str(&format!(
            "\nnotice {}: {}{told}",
            clean(&task.event),
            clean(&task.state)
        ));
    }
    text
}

/// The signed notes, one after the other.
#[must_use]
pub fn manifests(all: &Manifests) -> String {
    let notes = all.manifests.iter().map(|one| {
        let lines: Vec<String> = one.note.lines().map(clean).collect();
        lines.join("\n")
    });
    let notes: Vec<String> = notes.collect();
    if notes.is_empty() {
        return format!("nothing went out for {}", clean(&all.reference));
    }
    notes.join("\n\n")
}

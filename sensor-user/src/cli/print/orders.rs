//! Orders as tables and sentences.

use super::{Out, changed, clean, fields, lines, moment, table, verdict};
use crate::model::{
    OrderState,
    request::{OrderChanged, OrderRow},
};

/// Orders, one a line.
#[must_use]
pub fn orders(rows: &[OrderRow], first: bool, out: &Out) -> String {
    let header = [
        "REFERENCE",
        "ISSUER",
        "STATE",
        "START",
        "END",
        ">MARKERS",
        ">NAMED",
    ];
    let mut table = table(&header, out.colour);
    for row in rows {
        table.add_row([
            clean(&row.reference).into(),
            clean(&row.issuer).into(),
            verdict(state(row), row.state == OrderState::InForce),
            row.start.to_string().into(),
            row.end.to_string().into(),
            row.markers.into(),
            row.named.into(),
        ]);
    }
    lines(&table, first)
}

const fn state(row: &OrderRow) -> &'static str {
    match row.state {
        OrderState::NotYet => "not yet",
        OrderState::InForce => "in force",
        OrderState::Over => "over",
        OrderState::Withdrawn => "withdrawn",
    }
}

/// One order, one field a line.
#[must_use]
pub fn order(row: &OrderRow) -> String {
    let threat = row.threat_reference.as_deref().unwrap_or("-");
    fields(&[
        ("reference", clean(&row.reference)),
        ("issuer", clean(&row.issuer)),
        ("threat", clean(threat)),
        ("state", state(row).into()),
        ("start", row.start.to_string()),
        ("end", row.end.to_string()),
        ("withdrawn", moment(row.withdrawn)),
        ("tlp", row.tlp.name().into()),
        ("pap", row.pap.name().into()),
        ("markers", row.markers.to_string()),
        ("named", row.named.to_string()),
        ("acknowledged", row.acknowledged.to_string()),
        ("journal entry", row.receipt.to_string()),
    ])
}

/// What accepting or withdrawing an order did.
#[must_use]
pub fn order_changed(done: &OrderChanged) -> String {
    format!("{}\n\n{}", order(&done.order), changed(&done.change))
}

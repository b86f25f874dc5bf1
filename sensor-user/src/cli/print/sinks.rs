//! Sinks as tables and sentences.

use super::{Out, clean, lines, table, verdict};
use crate::model::{
    Recipient,
    request::{DeadRow, Replayed, SinkRow},
};

/// Sinks, one a line; below them, why those that are down are.
#[must_use]
pub fn sinks(rows: &[SinkRow], out: &Out) -> String {
    if rows.is_empty() {
        return "no sink is configured: events are kept here only ([[sink]] in the configuration)"
            .into();
    }
    let header = [
        "SINK",
        "KIND",
        "RECIPIENT",
        "TOLD",
        "STATE",
        ">PENDING",
        ">DEAD",
        "OLDEST UNSENT",
        ">DELIVERED",
        ">RETRIED",
    ];
    let mut table = table(&header, out.colour);
    for row in rows {
        let recipient = match row.recipient {
            Recipient::Authority => "authority",
            Recipient::Operator => "operator",
        };
        let oldest = row.oldest_unsent;
        table.add_row([
            clean(&row.name).into(),
            clean(&row.kind).into(),
            recipient.into(),
            clean(&row.told).into(),
            verdict(if row.down { "down" } else { "up" }, !row.down),
            row.pending.into(),
            row.dead.into(),
            oldest.map_or_else(|| "-".into(), |oldest| oldest.to_string().into()),
            row.acknowledged.into(),
            row.retried.into(),
        ]);
    }
    let mut text = lines(&table, true);
    for row in rows.iter().filter(|row| row.down || row.dead > 0) {
        if let Some(reason) = &row.reason {
            text.push_str(&format!("\n{}: {}", clean(&row.name), clean(reason)));
        }
    }
    text
}

/// Dead letters, one a line.
#[must_use]
pub fn dead(rows: &[DeadRow], first: bool, out: &Out) -> String {
    let mut table = table(&["EVENT", ">REV", ">ATTEMPTS", "REFUSED AS"], out.colour);
    for row in rows {
        table.add_row([
            clean(&row.id),
            row.rev.to_string(),
            row.attempts.to_string(),
            clean(&row.code),
        ]);
    }
    lines(&table, first)
}

/// What a replay did.
#[must_use]
pub fn replayed(done: &Replayed) -> String {
    format!(
        "{} dead letters are tried again, journal entry {}",
        done.events, done.receipt
    )
}

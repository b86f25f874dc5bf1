//! Answers as tables: aligned columns without frames, the same on a terminal and in a pipe.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, IsTerminal},
};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use crate::model::{
    Moment,
    request::{Changed, Failure, JournalPage, JournalRow, MarkerRow, NotInForce, Refusal},
};

mod canary;
mod events;
mod orders;
mod requests;
mod sinks;

pub use canary::canary;
pub use events::{event, events, one_line};
pub use orders::{order, order_changed, orders};
pub use requests::{case, cases, manifests};
pub use sinks::{dead, replayed, sinks};

/// Where and how answers are printed.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    /// The sensor's own JSON instead of tables.
    pub json: bool,
    /// Whether to colour.
    pub colour: bool,
}

impl Out {
    /// Standard output.
    #[must_use]
    pub fn stdout(json: bool) -> Self {
        Self {
            json,
            colour: colour_for(io::stdout().is_terminal()),
        }
    }
}

/// Whether to colour: only on a terminal, and not when `NO_COLOR` is set to anything (no-color.org).
#[must_use]
pub fn colour_for(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A table; a header that begins with `>` is of a column of numbers.
#[must_use]
pub fn table(header: &[&str], colour: bool) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(header.iter().map(|name| {
        let cell = Cell::new(name.trim_start_matches('>'));
        if colour {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }));
    for (index, name) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if name.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table
}

/// The lines of a table, with or without its header.
#[must_use]
pub fn lines(table: &Table, header: bool) -> String {
    let skip = usize::from(!header);
    let lines: Vec<_> = table
        .lines()
        .skip(skip)
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// Text from the sensor without what could steer a terminal.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The head of a hash, as far as people compare it.
#[must_use]
pub fn short(hash: &str) -> String {
    clean(hash).chars().take(12).collect()
}

/// A cell that is good news or bad news.
#[must_use]
pub fn verdict(text: &str, good: bool) -> Cell {
    Cell::new(text).fg(if good { Color::Green } else { Color::Red })
}

/// The refused lines of a file.
#[must_use]
pub fn refusals(failure: &Failure, colour: bool) -> String {
    refusal_rows(
        &failure.refused,
        &failure.refused_codes,
        failure.refused_total,
        colour,
    )
}

fn refusal_rows(
    refused: &[Refusal],
    codes: &BTreeMap<String, u64>,
    total: u64,
    colour: bool,
) -> String {
    let mut rows = table(&["WHERE", "FIELD", "CODE", "REASON"], colour);
    for refusal in refused {
        rows.add_row([
            clean(&place(refusal)),
            clean(&refusal.field),
            clean(&refusal.code),
            clean(&refusal.reason),
        ]);
    }
    let more = total.saturating_sub(refused.len() as u64);
    let end = if more > 0 {
        let counts = codes
            .iter()
            .map(|(code, count)| format!("{count} {}", clean(code)));
        let counts: Vec<String> = counts.collect();
        format!("\nand {more} more; in all: {}", counts.join(", "))
    } else {
        String::new()
    };
    lines(&rows, true) + &end
}

/// Where in its file a refusal stands.
fn place(refusal: &Refusal) -> String {
    let line = refusal.line.map(|line| line.to_string());
    let item = refusal.item.map(|item| format!("[{item}]"));
    let parts = [line, item, refusal.object.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What a change of the marker set did.
#[must_use]
pub fn changed(changed: &Changed) -> String {
    let mut text = format!(
        "{} markers in the set, {} patterns in force\nadded {}, removed {}, repeated lines {}, over {}\ngeneration {}, digest {}, journal entry {}",
        changed.markers,
        changed.patterns,
        changed.added,
        changed.removed,
        changed.duplicates,
        changed.expired,
        changed.generation,
        short(&changed.digest),
        changed.receipt,
    );
    if changed.awaiting > 0 {
        let _ = write!(
            text,
            "\nrelease: 1 of 2 for {} markers; another person must release them, too",
            changed.awaiting
        );
    }
    if changed.destroyed > 0 {
        let _ = write!(text, "\n{} events destroyed", changed.destroyed);
    }
    if !changed.held_back.is_empty() {
        text.push_str(&held_back(changed));
    } else if changed.quarantined > 0 {
        let _ = write!(text, "\n{} markers are held back", changed.quarantined);
    }
    for (count, what) in [
        (
            changed.stale,
            "versions are older than what the file or the set has, and left out",
        ),
        (
            changed.ignored,
            "objects of other types in the file were passed over",
        ),
        (changed.not_yet, "markers wait for their time"),
        (changed.unmatched, "markers are not in force: kind"),
    ] {
        if count > 0 {
            let _ = write!(text, "\n{count} {what}");
        }
    }
    if changed.refused_total > 0 {
        let _ = write!(
            text,
            "\nrefused {}; the rest is loaded\n{}",
            changed.refused_total,
            refusal_rows(
                &changed.refused,
                &changed.refused_codes,
                changed.refused_total,
                false
            )
        );
    }
    if changed.patterns == 0 {
        text.push_str("\nnothing is in force: no packet will match");
    }
    text
}

/// The markers that are held back, and each reason once.
fn held_back(changed: &Changed) -> String {
    let mut rows = table(&["ID", "CODE"], false);
    let mut reasons = BTreeMap::new();
    for held in &changed.held_back {
        rows.add_row([clean(&held.id), clean(&held.code)]);
        reasons.insert(clean(&held.code), clean(&held.reason));
    }
    let mut text = format!(
        "\nheld back, not in force until released (`sensorctl markers release`):\n{}",
        lines(&rows, true)
    );
    let more = changed
        .quarantined
        .saturating_sub(changed.held_back.len() as u64);
    if more > 0 {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\nin all {} (`sensorctl markers list --quarantined`)",
            changed.quarantined
        );
    }
    for (code, reason) in reasons {
        let _ = write!(text, "\n{code}: {reason}");
    }
    text
}

/// Markers, one a line.
#[must_use]
pub fn markers(rows: &[MarkerRow], first: bool, out: &Out) -> String {
    let mut table = table(
        &["ID", "PATTERN", "IN FORCE", "UNTIL", "TLP", "PAP"],
        out.colour,
    );
    for row in rows {
        table.add_row([
            Cell::new(clean(&row.marker.id)),
            Cell::new(row.marker.pattern.to_string()),
            verdict(&in_force(row), row.in_force),
            Cell::new(moment(row.marker.until)),
            Cell::new(row.marker.tlp.name()),
            Cell::new(row.marker.pap.name()),
        ]);
    }
    lines(&table, first)
}

/// Whether a marker is in force, and why not.
fn in_force(row: &MarkerRow) -> String {
    match row.not_in_force {
        None if row.in_force => "yes".into(),
        None => "no".into(),
        Some(NotInForce::Quarantined) => {
            let code = row.standing.as_deref().unwrap_or("no reason is kept");
            let approvals = u8::from(row.approved_by.is_some());
            format!(
                "no: quarantined: {}, release: {approvals} of 2",
                clean(code)
            )
        }
        Some(why) => format!("no: {}", why.name().replace('_', " ")),
    }
}

fn moment(moment: Option<Moment>) -> String {
    moment.map_or_else(|| "-".into(), |moment| moment.to_string())
}

/// Whose a marker is, and what it is exploited for.
fn source(row: &MarkerRow) -> String {
    match &row.source {
        None => "operator's own".into(),
        Some(source) => {
            let issuer = clean(&source.issuer);
            match (&source.order, source.serial) {
                (Some(order), _) => format!("order {} of {issuer}", clean(order)),
                (None, Some(serial)) => format!("envelope {serial} of {issuer}"),
                (None, None) => issuer,
            }
        }
    }
}

/// One marker, one field a line.
#[must_use]
pub fn marker(row: &MarkerRow, _: &Out) -> String {
    let mut until = moment(row.marker.until);
    if row.capped {
        until.push_str(" (limits.longest-marker; none was given)");
    }
    fields(&[
        ("id", clean(&row.marker.id)),
        ("pattern", row.marker.pattern.to_string()),
        ("pattern id", clean(&row.pattern_id)),
        ("in force", in_force(row)),
        ("from", moment(row.marker.from)),
        ("until", until),
        ("direction", row.marker.direction.name().into()),
        ("source", source(row)),
        ("orders", clean(&row.orders.join(", "))),
        ("tlp", row.marker.tlp.name().into()),
        ("pap", row.marker.pap.name().into()),
    ])
}

/// Names and values, one a line.
#[must_use]
pub fn fields(fields: &[(&str, String)]) -> String {
    let lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name:<16}{value}"))
        .collect();
    lines.join("\n")
}

/// Journal entries, one a line, and the head.
#[must_use]
pub fn journal(page: &JournalPage, out: &Out) -> String {
    let mut table = table(&[">INDEX", "LEAF", "ENTRY"], out.colour);
    for row in &page.rows {
        table.add_row([row.index.to_string(), short(&row.leaf), entry(row)]);
    }
    format!(
        "{}\nsize {} root {}",
        lines(&table, true),
        page.size,
        clean(&page.root)
    )
}

/// One entry on one line.
#[must_use]
pub fn journal_row(row: &JournalRow) -> String {
    format!("{}  {}  {}", row.index, short(&row.leaf), entry(row))
}

fn entry(row: &JournalRow) -> String {
    let hidden = "(outside your scopes)";
    row.entry
        .as_ref()
        .map_or_else(|| hidden.into(), |entry| clean(entry.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_and_aligned() {
        let mut rows = table(&["NAME", ">COUNT"], false);
        rows.add_row(["a", "1"]);
        rows.add_row(["bcdefg", "1000"]);
        assert_eq!(
            lines(&rows, true),
            "NAME    COUNT\na           1\nbcdefg   1000"
        );
        assert_eq!(lines(&rows, false), "a           1\nbcdefg   1000");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert!(!colour_for(false));
    }
}

//! What the sensor does now, for people who run routers.

use std::{fmt::Write, time::Duration};

use comfy_table::Cell;
use jiff::Timestamp;

use super::print::{Out, clean, lines, short, table, verdict};
use crate::model::{
    declaration::Declared,
    request::{BreakerStatus, Count, EventStatus, InterfaceStatus, Status},
};

/// An earlier status, to measure rates against.
pub struct Since<'s> {
    /// The earlier status.
    pub before: &'s Status,
    /// Time between the two.
    pub elapsed: Duration,
}

/// The whole page.
#[must_use]
pub fn text(status: &Status, since: Option<&Since<'_>>, out: &Out) -> String {
    let mut text = head(status);
    text.push_str("\n\n");
    text.push_str(&interfaces(status, since, out));
    text.push_str("\n\n");
    text.push_str(&outcomes(status, out));
    text.push_str("\n\n");
    text.push_str(&identities(status, out));
    match status.declared {
        Declared::Current => {}
        Declared::Outdated => text.push_str("\n\nthe configuration is no longer what was declared: nothing is attached anew, no marker is in force; see `sensorctl declaration show`"),
        Declared::Missing => text.push_str("\n\nno declaration is recorded: nothing is attached anew, no marker is in force; see `sensorctl declaration show`"),
    }
    for breaker in &status.breakers {
        text.push_str("\n\n");
        text.push_str(&breaker_sentence(breaker));
    }
    text
}

/// A circuit breaker, in one sentence.
#[must_use]
pub fn breaker_sentence(breaker: &BreakerStatus) -> String {
    let marker = clean(&breaker.marker);
    match (breaker.open, breaker.since) {
        (true, Some(since)) => format!(
            "the circuit breaker of marker {marker} is open since {since:.0}{}; its hits are only counted",
            if breaker.automatic {
                ", by the agent"
            } else {
                ""
            }
        ),
        (false, None) => format!(
            "the pattern of marker {marker} floods; `sensorctl breaker open` stops its records"
        ),
        _ => format!("the circuit breaker of marker {marker} is closed"),
    }
}

fn head(status: &Status) -> String {
    let in_force: Vec<_> = status
        .markers
        .in_force
        .iter()
        .map(|kind| format!("{} {}", kind.count, kind.kind.name()))
        .collect();
    let in_force = match in_force.join(", ") {
        none if none.is_empty() => "none".into(),
        some => some,
    };
    let up = Timestamp::now().as_second() - status.started.as_second();
    let held_back = match status.markers.quarantined {
        0 => String::new(),
        count => format!(", {count} held back"),
    };
    let not_in_force: String = [
        (status.markers.unmatched, "not in force: kind"),
        (status.markers.barred, "not allowed"),
        (status.markers.not_yet, "not yet"),
        (status.markers.over, "over"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!(", {count} {what}"))
    .collect();
    let trusted = match (status.clock_trusted, status.clock_synchronised) {
        (false, _) => {
            " (the wall clock was set by more than an hour and is not believed: nothing is destroyed)"
        }
        (true, None) => " (the kernel does not tell whether the wall clock is synchronised)",
        (true, Some(_)) => "",
    };
    let change = status.change.map_or_else(String::new, |change| {
        format!(
            "\nchange   {} since {:.0}, {} of {} done",
            change.stage.name(),
            change.since,
            change.done,
            change.total
        )
    });
    let store = store(&status.events);
    format!(
        "sensor   {}, version {}, kernel {}, clock {}{trusted}, up {}\n\
         markers  {} in the set{held_back}{not_in_force}; patterns in force: {in_force}; generation {}, digest {}{change}\n\
         events   {} stored, {} open{store}\n\
         journal  {} entries, root {}",
        clean(&status.sensor),
        clean(&status.version),
        clean(&status.kernel),
        clean(&status.clock),
        span(u64::try_from(up).unwrap_or(0)),
        status.markers.total,
        status.markers.generation,
        short(&status.markers.digest),
        status.events.stored,
        status.events.open,
        status.journal.size,
        short(&status.journal.root),
    )
}

/// The size of the store, and what was destroyed.
fn store(events: &EventStatus) -> String {
    let mut text = format!(
        "; {} of {} MiB",
        events.bytes >> 20,
        events.most_bytes >> 20
    );
    if events.full {
        text.push_str(", FULL: new events are not stored");
    }
    let told = |counts: &[Count], what: &str| {
        let counts = counts.iter().filter(|count| count.count > 0);
        counts
            .map(|count| format!("; {what} {} {}", clean(&count.term), count.count))
            .collect::<String>()
    };
    text += &told(&events.destroyed, "destroyed");
    text + &told(&events.expired_undelivered, "undelivered")
}

/// Seconds in the two largest units.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// Packets and bytes of all outcomes.
fn totals(interface: &InterfaceStatus) -> (u64, u64) {
    interface.outcomes.iter().fold((0, 0), |sum, outcome| {
        (sum.0 + outcome.packets, sum.1 + outcome.bytes)
    })
}

fn packets(interface: &InterfaceStatus, outcome: &str) -> u64 {
    let found = interface.outcomes.iter().find(|o| o.outcome == outcome);
    found.map_or(0, |outcome| outcome.packets)
}

fn interfaces(status: &Status, since: Option<&Since<'_>>, out: &Out) -> String {
    if status.interfaces.is_empty() {
        return "no interface is configured: nothing is watched".into();
    }
    let mut header = vec![
        "INTERFACE",
        ">SLOT",
        "STATE",
        "MODE",
        "FRAGS",
        ">PACKETS",
        ">BYTES",
        ">HITS",
    ];
    if since.is_some() {
        header.extend([">PACKETS/S", ">BITS/S", ">HITS/S"]);
    }
    let mut rows = table(&header, out.colour);
    for interface in &status.interfaces {
        let (seen, bytes) = totals(interface);
        let state = if interface.attached {
            "attached"
        } else {
            "detached"
        };
        let mut cells = vec![
            Cell::new(clean(&interface.name)),
            Cell::new(interface.slot),
            verdict(state, interface.attached),
            Cell::new(clean(interface.mode.as_deref().unwrap_or("-"))),
            Cell::new(if interface.frags { "yes" } else { "no" }),
            Cell::new(seen),
            Cell::new(bytes),
            Cell::new(packets(interface, "hit")),
        ];
        if let Some(since) = since {
            cells.extend(rates(interface, since).map(Cell::new));
        }
        rows.add_row(cells);
    }
    let mut text = lines(&rows, true);
    for interface in &status.interfaces {
        for note in &interface.notes {
            // Writing to a string does not fail.
            let _ = write!(text, "\nnote: {}: {}", clean(&interface.name), clean(note));
        }
    }
    text
}

/// Packets, bits and hits a second; dashes for an interface that is new, or whose counters began anew.
fn rates(interface: &InterfaceStatus, since: &Since<'_>) -> [String; 3] {
    let before = since
        .before
        .interfaces
        .iter()
        .find(|before| before.name == interface.name && before.slot == interface.slot);
    let rate = |now: u64, before: u64, factor: u128| {
        let micros = since.elapsed.as_micros().max(1);
        let grown = u128::from(now.checked_sub(before)?);
        Some((grown * factor * 1_000_000 / micros).to_string())
    };
    let shown = |rate: Option<String>| rate.unwrap_or_else(|| "-".into());
    let Some(before) = before else {
        return std::array::from_fn(|_| shown(None));
    };
    let ((packets_now, bytes_now), (packets_before, bytes_before)) =
        (totals(interface), totals(before));
    [
        shown(rate(packets_now, packets_before, 1)),
        shown(rate(bytes_now, bytes_before, 8)),
        shown(rate(packets(interface, "hit"), packets(before, "hit"), 1)),
    ]
}

/// Outcomes that happened, with their share of the interface's packets.
fn outcomes(status: &Status, out: &Out) -> String {
    let mut rows = table(
        &["INTERFACE", "OUTCOME", ">PACKETS", ">SHARE", ">BYTES"],
        out.colour,
    );
    for interface in &status.interfaces {
        let (all, _) = totals(interface);
        for outcome in interface.outcomes.iter().filter(|o| o.packets > 0) {
            let permyriad = u128::from(outcome.packets) * 10_000 / u128::from(all.max(1));
            rows.add_row([
                clean(&interface.name),
                clean(&outcome.outcome),
                outcome.packets.to_string(),
                format!("{}.{:02}%", permyriad / 100, permyriad % 100),
                outcome.bytes.to_string(),
            ]);
        }
    }
    if rows.is_empty() {
        return "no packet was seen yet".into();
    }
    lines(&rows, true)
}

fn identities(status: &Status, out: &Out) -> String {
    let mut rows = table(&["IDENTITY", "", "WHERE EACH ENDED"], out.colour);
    for (name, total, terms) in [
        ("kernel", "hits", &status.kernel_hits),
        ("agent", "records", &status.agent_records),
        ("lane", "findings", &status.findings),
        ("lane", "lent", &status.lent),
    ] {
        let (ok, sentence) = identity(total, terms);
        let word = if ok { "OK" } else { "BROKEN" };
        rows.add_row([Cell::new(name), verdict(word, ok), Cell::new(sentence)]);
    }
    lines(&rows, true)
}

/// Whether the terms add up to the total, and how.
fn identity(total: &str, terms: &[Count]) -> (bool, String) {
    let Some(whole) = terms.iter().find(|count| count.term == total) else {
        return (false, format!("the sensor does not tell {total}"));
    };
    let parts = || terms.iter().filter(|count| count.term != total);
    let sum: u128 = parts().map(|count| u128::from(count.count)).sum();
    let written: Vec<_> = parts()
        .filter(|count| count.count > 0)
        .map(|count| format!("{} {}", clean(&count.term), count.count))
        .collect();
    let written = if written.is_empty() {
        "0".to_owned()
    } else {
        written.join(" + ")
    };
    let mut sentence = format!("{total} {} = {written}", whole.count);
    let ok = sum == u128::from(whole.count);
    if !ok {
        // Writing to a string does not fail.
        let _ = write!(sentence, " (these make {sum})");
    }
    (ok, sentence)
}

/// What attaching or detaching came to.
#[must_use]
pub fn interface_sentence(interface: &InterfaceStatus) -> String {
    let name = clean(&interface.name);
    let mut text = match (&interface.mode, interface.attached) {
        (Some(mode), true) => format!("{name} is attached in {} mode", clean(mode)),
        (None, true) => format!("{name} is attached"),
        (_, false) => format!("{name} is detached"),
    };
    for note in &interface.notes {
        // Writing to a string does not fail.
        let _ = write!(text, "\nnote: {}", clean(note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(term: &str, count: u64) -> Count {
        Count {
            term: term.into(),
            count,
        }
    }

    #[test]
    fn a_broken_identity_says_so() {
        let mut terms = vec![count("hits", 5), count("records", 2), count("limited", 3)];
        assert_eq!(
            identity("hits", &terms),
            (true, "hits 5 = records 2 + limited 3".into())
        );
        terms[2].count = 4;
        assert_eq!(
            identity("hits", &terms),
            (
                false,
                "hits 5 = records 2 + limited 4 (these make 6)".into()
            )
        );
        assert!(!identity("records_total", &terms).0);
    }

    #[test]
    fn spans_have_two_units() {
        assert_eq!(span(59), "59s");
        assert_eq!(span(61), "1m 1s");
        assert_eq!(span(3_700), "1h 1m");
        assert_eq!(span(90_000), "1d 1h");
    }
}

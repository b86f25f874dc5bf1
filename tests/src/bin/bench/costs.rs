//! Costs of a packet: the tables, and the figures against their limits.

use sensor_tests::bench::statistics::Median;
use serde_json::{Value, json};

use crate::{
    memory,
    report::{Figure, Limit, Report, number},
    rows::{Mode, Row},
    subjects::{Id, Subjects},
};

pub fn tell(subjects: &Subjects, rows: &[Row], report: &mut Report) {
    let memory = subjects.most.map(|most| {
        let more = memory::difference(subjects.many, most, report);
        (most, more)
    });
    for family in [4, 6] {
        for mode in Mode::ALL {
            table(subjects, &Costs { rows, family, mode }, report);
        }
        figures(subjects, rows, family, memory, report);
    }
    across_families(subjects, rows, report);
    let raw: Vec<Value> = rows.iter().map(|row| document(subjects, row)).collect();
    report.raw("packet", raw.into());
}

/// The rows of one family and mode.
struct Costs<'a> {
    rows: &'a [Row],
    family: u8,
    mode: Mode,
}

impl Costs<'_> {
    fn rows(&self) -> impl Iterator<Item = &Row> {
        let same = |row: &&Row| row.family == self.family && row.mode == self.mode;
        self.rows.iter().filter(same)
    }

    fn row(&self, id: Id) -> Option<&Row> {
        self.rows().find(|row| row.id == id)
    }

    /// What a program costs over another, within the rounds.
    fn over(&self, id: Id, base: Id) -> Option<Median> {
        let (row, base) = (self.row(id)?, self.row(base)?);
        Some(Median::of_differences(&row.samples, &base.samples))
    }

    fn added(&self, id: Id) -> Option<Median> {
        self.over(id, Id::ParseOnly)
    }
}

fn table(subjects: &Subjects, costs: &Costs<'_>, report: &mut Report) {
    report.line(format!(
        "\nIPv{}, {}\n  {:<44} {:>8} {:>8}   added to parse only (95 %)",
        costs.family,
        costs.mode.name(),
        "ns a packet",
        "median",
        "least",
    ));
    for row in costs.rows() {
        let least = row.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let added = match row.id {
            // Not to be compared with the variant that takes several buffers.
            Id::EmptyLinear | Id::OursLinear | Id::Filter => costs.over(row.id, Id::EmptyLinear),
            _ => costs.added(row.id),
        };
        let added = added.map_or(String::new(), |added| {
            format!(
                "{:+.1} ({:+.1} to {:+.1})",
                added.middle, added.low, added.high
            )
        });
        let base = if matches!(row.id, Id::OursLinear | Id::Filter) {
            ", to the empty pass, linear"
        } else {
            ""
        };
        report.line(format!(
            "  {:<44} {:>8.0} {least:>8.0}   {added}{base}",
            subjects.all[row.subject].name,
            Median::of(&row.samples).middle,
        ));
    }
}

/// `memory`: the largest number of markers, and what memory takes more for it, nanoseconds.
fn figures(
    subjects: &Subjects,
    rows: &[Row],
    family: u8,
    memory: Option<(usize, f64)>,
    report: &mut Report,
) {
    let costs = |mode| Costs { rows, family, mode };
    let random = costs(Mode::Random);
    let (many, prefixes) = (subjects.many, subjects.prefixes);
    let mut say = |what: String, median: Option<Median>, limit, unit| {
        if let Some(median) = median {
            report.figure(Figure::of(
                format!("IPv{family}: {what}"),
                median,
                limit,
                unit,
            ));
        }
    };
    let ns = " ns";
    say(
        "a miss over parse only, 100000 markers".into(),
        random.added(Id::Ours(100_000)),
        Limit::AtMost(20.0),
        ns,
    );
    say(
        format!("a miss over parse only, {many} markers and {prefixes} prefixes"),
        random.added(Id::Prefixes),
        Limit::AtMost(60.0),
        ns,
    );
    let single = random.added(Id::Single(family));
    for (id, name, limit) in [(Id::Hash, "hash", 4.0), (Id::Trie, "trie", 20.0)] {
        say(
            format!("added cost of two {name} lookups over ours, {many} markers"),
            ratio(random.added(id), single),
            Limit::AtLeast(limit),
            " times",
        );
    }
    say(
        format!("a packet at {many} markers over one of xdp-filter, both less the empty pass"),
        ratio(
            random.over(Id::OursLinear, Id::EmptyLinear),
            random.over(Id::Filter, Id::EmptyLinear),
        ),
        Limit::AtMost(0.999),
        " times",
    );
    if let Some((most, more)) = memory {
        let (large, usual) = (random.added(Id::Ours(most)), random.added(subjects.ours()));
        let name = format!("a miss at {most} markers over one at {many}, added cost");
        let name = match ratio(large, usual) {
            Some(all) => format!(
                "{name} ({} times), less what memory takes",
                number(all.middle)
            ),
            None => name,
        };
        let less = large.map(|large| Median {
            middle: large.middle - more,
            low: large.low - more,
            high: large.high - more,
            ..large
        });
        say(name, ratio(less, usual), Limit::AtMost(2.0), " times");
    }
    // Two readings of "times a miss": all that the program does for the packet, or what it does beyond
    // parsing, as a miss is measured above.
    for (reading, base) in [
        ("both whole", Id::Empty),
        ("both added to parse only", Id::ParseOnly),
    ] {
        let miss = random.over(subjects.ours(), base);
        say(
            format!("a hit over a miss, {many} markers, 1000 patterns and flows, {reading}"),
            ratio(costs(Mode::Every).over(subjects.ours(), base), miss),
            Limit::AtMost(3.0),
            " times",
        );
        say(
            format!("a hit over a miss, ring, table and buckets exhausted, {reading}"),
            ratio(costs(Mode::Flood).over(Id::Exhausted, base), miss),
            Limit::AtMost(5.0),
            " times",
        );
    }
}

fn across_families(subjects: &Subjects, rows: &[Row], report: &mut Report) {
    let of = |family| Costs {
        rows,
        family,
        mode: Mode::Random,
    };
    for (what, id) in [
        ("prefixes with them", Id::Prefixes),
        ("no prefixes", subjects.ours()),
    ] {
        for (name, base) in [("added to parse only", Id::ParseOnly), ("whole", Id::Empty)] {
            let Some(median) = ratio(of(6).over(id, base), of(4).over(id, base)) else {
                continue;
            };
            let what = format!(
                "IPv6 over IPv4, a miss at {} markers, {what}, cost {name}",
                subjects.many
            );
            report.figure(Figure::of(what, median, Limit::AtMost(1.3), " times"));
        }
    }
}

/// Ratio of two costs, and how far it may be off when both are at the worst ends of theirs.
fn ratio(one: Option<Median>, other: Option<Median>) -> Option<Median> {
    let (one, other) = (one?, other?);
    // A cost that cannot be told from nothing is taken as a tenth of a nanosecond.
    let least = |cost: f64| cost.max(0.1);
    Some(Median {
        middle: one.middle / least(other.middle),
        low: one.low / least(other.high),
        high: one.high / least(other.low),
        sure: one.sure && other.sure,
    })
}

fn document(subjects: &Subjects, row: &Row) -> Value {
    json!({
        "program": subjects.all[row.subject].name,
        "family": row.family,
        "packets": row.mode.name(),
        "samples_ns": row.samples,
    })
}

//! What a run found: text for eyes, raw samples for programs, and figures against their limits.

use std::{fs, path::PathBuf};

use sensor_tests::bench::statistics::Median;
use serde_json::{Map, Value, json};

use crate::{machine, options::Options};

/// A measured value and the limit that it must keep.
pub struct Figure {
    pub what: String,
    pub value: f64,
    /// Where the true value lies, when that is known.
    pub range: Option<(f64, f64)>,
    pub limit: Limit,
    pub unit: &'static str,
}

#[derive(Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub fn new(what: impl Into<String>, value: f64, limit: Limit, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            range: None,
            limit,
            unit,
        }
    }

    /// With its interval; the middle is what is held against the limit.
    pub fn of(what: impl Into<String>, median: Median, limit: Limit, unit: &'static str) -> Self {
        Self {
            range: Some((median.low, median.high)),
            ..Self::new(what, median.middle, limit, unit)
        }
    }

    fn passes(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.value <= limit,
            Limit::AtLeast(limit) => self.value >= limit,
        }
    }

    fn line(&self) -> String {
        let unit = self.unit;
        let range = self.range.map_or(String::new(), |(low, high)| {
            format!(" ({} to {})", number(low), number(high))
        });
        let (word, limit) = match self.limit {
            Limit::AtMost(limit) => ("at most", limit),
            Limit::AtLeast(limit) => ("at least", limit),
        };
        format!(
            "{}  {}: {}{range}{unit}; {word} {}{unit}",
            if self.passes() { "pass " } else { "short" },
            self.what,
            number(self.value),
            number(limit),
        )
    }
}

/// Three digits that mean something.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// The report while it grows.
pub struct Report {
    machine: Value,
    text: String,
    raw: Map<String, Value>,
    figures: Vec<Figure>,
    /// Nothing but the document goes to standard output.
    json: bool,
}

impl Report {
    pub fn new(options: &Options) -> Self {
        let machine = machine::machine();
        let mut report = Self {
            text: String::new(),
            raw: Map::new(),
            figures: Vec::new(),
            json: options.json,
            machine,
        };
        report.line(machine::line(&report.machine));
        let kind = if options.quick { ", quick" } else { "" };
        report.line(format!("{} rounds{kind}", options.rounds));
        report
    }

    /// A line for eyes, printed at once.
    pub fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if !self.json {
            println!("{line}");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Raw data of a part.
    pub fn raw(&mut self, part: &str, data: Value) {
        self.raw.insert(part.to_owned(), data);
    }

    pub fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Prints the figures, and the document when that is asked for; writes the run folder.
    pub fn end(mut self, save: bool) -> Result<(), String> {
        self.line("");
        let lines: Vec<String> = self.figures.iter().map(Figure::line).collect();
        for line in &lines {
            self.line(line);
        }
        let short = self.figures.iter().filter(|figure| !figure.passes());
        let (short, all) = (short.count(), self.figures.len());
        self.line(format!("{} of {all} figures pass", all - short));
        let document = self.document();
        if self.json {
            println!("{document}");
        }
        if save {
            let folder = folder()?;
            let write = |name: &str, text: &str| {
                let path = folder.join(name);
                fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
            };
            write("report.txt", &self.text)?;
            write("samples.json", &format!("{document}\n"))?;
            eprintln!("written to {}", folder.display());
        }
        Ok(())
    }

    fn document(&self) -> Value {
        let figure = |figure: &Figure| {
            let (rule, limit) = match figure.limit {
                Limit::AtMost(limit) => ("at_most", limit),
                Limit::AtLeast(limit) => ("at_least", limit),
            };
            json!({
                "what": figure.what,
                "value": figure.value,
                "interval_95": figure.range.map(|(low, high)| [low, high]),
                "unit": figure.unit.trim(),
                rule: limit,
                "pass": figure.passes(),
            })
        };
        json!({
            "machine": self.machine,
            "figures": self.figures.iter().map(figure).collect::<Vec<_>>(),
            "parts": self.raw,
        })
    }
}

/// A new folder of this run.
fn folder() -> Result<PathBuf, String> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H%M%SZ");
    let runs = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/runs");
    let folder = PathBuf::from(runs).join(now.to_string());
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

//! What is measured how: a program, a family, a way in which packets vary.

use crate::subjects::{Id, Subjects};

/// How packets vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Random addresses, none of which a marker covers.
    Random,
    /// Every packet the same, none of which a marker covers.
    Fixed,
    /// One packet in a hundred is of one of a thousand flows to a marker.
    Rare,
    /// Every packet is.
    Every,
    /// Every packet has a marker of a thousand and is a flow of its own.
    Flood,
}

impl Mode {
    pub const ALL: [Self; 5] = [
        Self::Random,
        Self::Fixed,
        Self::Rare,
        Self::Every,
        Self::Flood,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random addresses, no hit",
            Self::Fixed => "fixed addresses, no hit",
            Self::Rare => "1 % hits, 1,000 patterns and flows",
            Self::Every => "100 % hits, 1,000 patterns and flows",
            Self::Flood => "100 % hits, 1,000 patterns, each packet a new flow",
        }
    }
}

pub struct Row {
    /// Index of the subject.
    pub subject: usize,
    pub id: Id,
    /// 4 or 6.
    pub family: u8,
    pub mode: Mode,
    /// Takes a microsecond or more.
    pub slow: bool,
    /// Looks addresses up.
    pub judges: bool,
    /// Nanoseconds a packet, by round.
    pub samples: Vec<f64>,
}

/// All rows; those of one family and mode stand in the order in which they print.
pub fn rows(subjects: &Subjects) -> Vec<Row> {
    let mut rows = Vec::new();
    for family in [4, 6] {
        for mode in Mode::ALL {
            for (index, subject) in subjects.all.iter().enumerate() {
                if subject.id.has(family) && measured(subject.id, mode, subjects) {
                    rows.push(Row {
                        subject: index,
                        id: subject.id,
                        family,
                        mode,
                        slow: matches!(subject.id, Id::Trie | Id::TriePrefixes),
                        judges: subject.id != Id::ParseOnly,
                        samples: Vec::new(),
                    });
                }
            }
        }
    }
    rows
}

fn measured(id: Id, mode: Mode, subjects: &Subjects) -> bool {
    let base = matches!(id, Id::Empty | Id::ParseOnly) || id == subjects.ours();
    match mode {
        Mode::Random => id != Id::Exhausted,
        Mode::Fixed => base || matches!(id, Id::Prefixes | Id::Single(_) | Id::Hash | Id::Trie),
        Mode::Rare | Mode::Every => base,
        Mode::Flood => matches!(id, Id::Empty | Id::ParseOnly | Id::Exhausted),
    }
}

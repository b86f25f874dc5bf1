//! From bytes to images: readers, identity, the compiler. Pure.

mod breadth;
mod compile;
mod identity;
pub mod stix;
mod text;

use jiff::Timestamp;

pub use breadth::{Breadth, Concern};
pub use compile::{compile, digest, rows};
pub use identity::pattern_id;

use crate::model::{
    Marker,
    request::{Failure, Format, Refusal},
};

/// What a reader made of a file.
#[derive(Debug, Default)]
pub struct Intake {
    /// Markers, in the order of the file; unusable when anything was refused.
    pub markers: Vec<Marker>,
    /// Refused lines, the first [`Failure::MOST_REFUSALS`].
    pub refused: Vec<Refusal>,
    /// Refused lines in all.
    pub refused_total: u64,
    /// Lines that repeat another one word for word.
    pub duplicates: u64,
}

impl Intake {
    fn refuse(&mut self, line: u64, field: &str, code: &str, reason: String) {
        self.refused_total += 1;
        if self.refused.len() < Failure::MOST_REFUSALS {
            self.refused.push(Refusal {
                line,
                field: field.into(),
                code: code.into(),
                reason,
            });
        }
    }
}

/// Reads a marker file.
#[must_use]
pub fn read(format: Format, bytes: &[u8]) -> Intake {
    match format {
        Format::Text => text::read(bytes),
    }
}

/// The markers in force at `now`.
pub fn in_force(markers: &[Marker], now: Timestamp) -> impl Iterator<Item = &Marker> {
    markers.iter().filter(move |marker| marker.in_force(now))
}

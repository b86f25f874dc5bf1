//! From bytes to images: readers, identity, the compiler. Pure.

mod breadth;
mod compile;
mod csv;
#[cfg(test)]
mod docs;
mod guard;
mod host;
mod hygiene;
mod identity;
mod ids;
mod intake;
mod levels;
mod metered;
mod misp;
pub mod stix;
mod text;
mod uuid;
mod versions;
mod warninglist;

use std::io::BufRead;

use jiff::Timestamp;

pub use breadth::{Breadth, Concern};
pub use compile::{compile, digest, rows};
pub use hygiene::{Hygiene, code_of, reason_of};
pub use identity::{canonical_id, pattern_id};
pub use intake::{Intake, Limits, Place};
pub use versions::{Gone, first_id};
pub use warninglist::{WarninglistError, Warninglists};

use crate::model::{Marker, request::Format};

/// Reads a marker file; `progress` is told the bytes read so far, now and then.
#[must_use]
pub fn read(
    format: Format,
    input: &mut dyn BufRead,
    limits: &Limits,
    progress: &dyn Fn(u64),
) -> Intake {
    match format {
        Format::Text => text::read(input, limits, progress),
        Format::Csv => csv::read(input, limits, progress),
        Format::Stix => stix::read(input, limits, progress),
        Format::Misp => misp::read(input, limits, progress),
    }
}

/// Reads markers in text form, as tests and tools hold them.
#[must_use]
pub fn read_text(text: &str) -> Intake {
    let limits = Limits::default();
    read(Format::Text, &mut text.as_bytes(), &limits, &|_| {})
}

/// The markers in force at `now`.
pub fn in_force(markers: &[Marker], now: Timestamp) -> impl Iterator<Item = &Marker> {
    markers.iter().filter(move |marker| marker.in_force(now))
}

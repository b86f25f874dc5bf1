//! MISP JSON: an event, what a search of events or attributes found, one file of a feed.
//!
//! The document is never in memory: attributes become markers one by one. Those of an event wait
//! for its end, since its tags and whether it is published may stand behind them.

mod attribute;
mod document;
mod field;
mod marking;
mod scalar;
mod types;
mod value;

use std::io::{BufRead, BufReader};

use serde::de::DeserializeSeed;
use serde_json::error::Category;

use self::document::{Document, Sink};
use super::{
    Intake, Limits, Place,
    guard::{Bounds, Broke, Guard},
    metered::Metered,
    uuid::is_uuid,
};

pub(super) use attribute::{Attribute, time, unpublished};
pub(super) use scalar::{Scalar, flag};
pub(super) use value::LONGEST_VALUE;

/// An escape of this many bytes may stand for a single one (RFC 8259 §7).
const LONGEST_ESCAPE: usize = 6;
/// Bytes that are read at once.
const CHUNK: usize = 32 << 10;

/// Reads a document. Single attributes are refused, and the rest loads; a document that cannot be
/// read to its end is refused as a whole.
pub(super) fn read(input: &mut dyn BufRead, limits: &Limits, progress: &dyn Fn(u64)) -> Intake {
    let mut intake = Intake::new(limits);
    let mut input = Metered::new(input, limits, progress);
    if let Some((code, reason)) = not_json(&mut input) {
        intake.fail(Place::default(), "file", code, reason.into());
        return intake;
    }
    let bounds = Bounds {
        depth: limits.depth,
        string: limits.value,
    };
    let longest = LONGEST_VALUE.min(limits.value / LONGEST_ESCAPE);
    let mut guard = Guard::new(&mut input, bounds);
    let mut sink = Sink::new(&mut intake, longest, limits.markers);
    let outcome = {
        let reader = BufReader::with_capacity(CHUNK, &mut guard);
        let mut json = serde_json::Deserializer::from_reader(reader);
        let document = Document {
            sink: &mut sink,
            event: false,
        };
        document.deserialize(&mut json).and_then(|()| json.end())
    };
    let recognised = sink.recognised();
    match outcome {
        _ if intake.fatal => {}
        Err(error) => refuse(&mut intake, &error, guard.broke(), limits),
        Ok(()) => match recognised {
            Err(reason) => {
                intake.fail(Place::default(), "file", "not_an_event", reason.into());
            }
            Ok(mut items) => {
                let place = |item| Place::item(item, None);
                intake.end_gone(&mut items, place);
                intake.drop_repeated(&items, place, false);
            }
        },
    }
    // What was refused at the end of an event stands between what was refused before.
    intake
        .refused
        .sort_by_key(|refusal| refusal.item.unwrap_or(u64::MAX));
    intake
}

/// What is plainly something else, by its first bytes: those of a feed are easily mixed up.
fn not_json(input: &mut Metered<'_>) -> Option<(&'static str, &'static str)> {
    let ready = input.fill_buf().ok()?;
    let text = ready.strip_prefix(b"\xef\xbb\xbf").unwrap_or(ready);
    let text = text.trim_ascii_start();
    match text.first() {
        None | Some(b'{' | b'[') => None,
        Some(_) if is_hash_line(text) => Some((
            "feed_hashes",
            "this is the hash list of a feed, which has no values; read the files of its events",
        )),
        Some(_) => Some(("bad_json", "the file does not begin as JSON of MISP does")),
    }
}

/// Whether a text begins as the `hashes.csv` of a feed: MD5, comma, UUID.
pub(super) fn is_hash_line(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else {
        return false;
    };
    line.trim_ascii()
        .split_once(',')
        .is_some_and(|(md5, uuid)| {
            md5.len() == 32 && md5.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_uuid(uuid)
        })
}

/// What ended the document. The parser's own words are not told: they may hold a value.
fn refuse(intake: &mut Intake, error: &serde_json::Error, broke: Option<Broke>, limits: &Limits) {
    let place = Place::line(error.line() as u64);
    let (code, reason) = match (broke, error.classify()) {
        (Some(Broke::Input(error)), _) => return intake.fail_reading(place, &error),
        (Some(Broke::TooDeep), _) => {
            let reason = format!("more than {} brackets are open at once", limits.depth);
            ("too_deep", reason)
        }
        (None, Category::Eof) => (
            "truncated",
            "the file ends before its last bracket; send it whole".into(),
        ),
        (None, Category::Data) => (
            "not_an_event",
            "something other than an event or an attribute stands where MISP has one".into(),
        ),
        (None, Category::Io | Category::Syntax) => (
            "bad_json",
            format!(
                "not JSON at line {}, column {}",
                error.line(),
                error.column()
            ),
        ),
    };
    intake.fail(place, "file", code, reason);
}

#[cfg(test)]
mod tests;

//! CSV with named columns: our own (a pattern and the keys of the text format), or those of MISP's
//! export, read as MISP's JSON is.

mod header;
mod record;

use std::io::BufRead;

use self::{
    header::{Column, Dialect},
    record::{Records, Stop},
};
use super::{
    Gone, Intake, Limits, Place,
    intake::Fault,
    metered::Metered,
    misp::{Attribute, LONGEST_VALUE, flag, is_hash_line, time, unpublished},
    text,
};
use crate::model::{Marker, MarkerId, Moment, Pattern};

/// Most words of a pattern, and one more.
const MOST_WORDS: usize = 5;

/// Reads a file. With our own columns any refused line refuses the file; of MISP's export single
/// attributes are refused, and the rest loads.
pub(super) fn read(input: &mut dyn BufRead, limits: &Limits, progress: &dyn Fn(u64)) -> Intake {
    let mut intake = Intake::new(limits);
    let mut input = Metered::new(input, limits, progress);
    let mut records = Records::new(&mut input, limits.value);
    let Some((dialect, columns)) = read_header(&mut records, &mut intake) else {
        return intake;
    };
    let mut numbers: Vec<u32> = Vec::new();
    loop {
        let line = match records.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(stop) => {
                refuse(&mut intake, stop);
                return intake;
            }
        };
        let outcome = match dialect {
            _ if records.fields().count() != columns.len() => {
                let reason = format!("the header has {} columns, this line not", columns.len());
                intake.fail(Place::line(line), "line", "bad_fields", reason);
                continue;
            }
            Dialect::Own => own(&columns, records.fields()).map(|marker| (vec![marker], None)),
            Dialect::Misp => attribute(&columns, records.fields(), &mut intake.gone),
        };
        match outcome {
            Ok((markers, modified)) => {
                for marker in markers {
                    let accepted = match dialect {
                        Dialect::Own => intake.accept(marker),
                        Dialect::Misp => intake.accept_version(marker, modified),
                    };
                    if !accepted {
                        return intake;
                    }
                    numbers.push(u32::try_from(line).unwrap_or(u32::MAX));
                }
            }
            Err(Fault(field, code, reason)) if dialect == Dialect::Own => {
                intake.fail(Place::line(line), field, code, reason);
            }
            Err(Fault(field, code, reason)) => {
                intake.refuse(Place::line(line), field, code, reason);
            }
        }
    }
    let whole = dialect == Dialect::Own;
    if !whole {
        intake.end_gone(&mut numbers, Place::line);
    }
    intake.drop_repeated(&numbers, Place::line, whole);
    intake.refused.sort_by_key(|refusal| refusal.line);
    intake
}

fn read_header(
    records: &mut Records<'_, '_>,
    intake: &mut Intake,
) -> Option<(Dialect, Vec<Column>)> {
    let (line, bad) = match records.next() {
        Err(stop) => {
            refuse(intake, stop);
            return None;
        }
        Ok(None) => {
            let reason = "the first line must name the columns".into();
            (1, ("header".to_owned(), "missing_column", reason))
        }
        Ok(Some(line)) if is_hash_line(records.raw()) => {
            let reason = "this is the hash list of a feed, which has no values; read the files of its events";
            (line, ("file".to_owned(), "feed_hashes", reason.into()))
        }
        Ok(Some(line)) => match header::read(records.fields()) {
            Ok(read) => return Some(read),
            Err(bad) => (line, bad),
        },
    };
    let (column, code, reason) = bad;
    intake.fail(Place::line(line), &column, code, reason);
    None
}

fn refuse(intake: &mut Intake, stop: Stop) {
    match stop {
        Stop::Input(line, error) => intake.fail_reading(Place::line(line), &error),
        Stop::Record(line, code, reason) => intake.fail(Place::line(line), "line", code, reason),
    }
}

/// A marker of our own columns; a blank field is one that is not there.
fn own<'a>(columns: &[Column], fields: impl Iterator<Item = &'a str>) -> Result<Marker, Fault> {
    let (mut kind, mut value, mut tail) = ("", "", Vec::new());
    for (column, field) in columns.iter().zip(fields) {
        match column {
            Column::Type => kind = field,
            Column::Pattern | Column::Value => value = field,
            Column::Tail(key) if !field.is_empty() => tail.push((*key, field)),
            _ => {}
        }
    }
    if value.len() >= LONGEST_VALUE {
        let reason = format!("the value is not shorter than {LONGEST_VALUE} bytes");
        return Err(Fault("pattern", "too_long", reason));
    }
    let kind = kind.to_ascii_lowercase();
    let words: Vec<&str> = [kind.as_str()]
        .into_iter()
        .filter(|kind| !kind.is_empty())
        .chain(value.split_ascii_whitespace())
        .take(MOST_WORDS)
        .collect();
    let pattern = Pattern::from_words(&words)
        .map_err(|error| Fault("pattern", error.code(), error.to_string()))?;
    let mut marker = Marker::new(MarkerId::default(), pattern);
    for (key, field) in tail {
        text::set(&mut marker, key, field)?;
    }
    text::complete(&mut marker)?;
    Ok(marker)
}

/// The markers of a line of MISP's export, and when it was last changed; what is not loaded is noted
/// in `gone`.
fn attribute<'a>(
    columns: &[Column],
    fields: impl Iterator<Item = &'a str>,
    gone: &mut Vec<Gone>,
) -> Result<(Vec<Marker>, Option<Moment>), Fault> {
    let mut attribute = Attribute::default();
    for (column, field) in columns.iter().zip(fields) {
        match column {
            Column::Uuid => attribute.uuid = field.into(),
            Column::Type => attribute.kind = field.into(),
            Column::Value => field.clone_into(&mut attribute.value),
            Column::ToIds => attribute.to_ids = flag(field),
            Column::Deleted => attribute.deleted = flag(field),
            Column::Published => attribute.published = flag(field),
            Column::Timestamp => attribute.timestamp = time(field),
            Column::Relation => attribute.relation = field.into(),
            Column::Tags => field.split(',').for_each(|tag| attribute.marking.add(tag)),
            Column::Pattern | Column::Tail(_) | Column::Ignored => {}
        }
    }
    let mut markers = attribute
        .markers(LONGEST_VALUE)
        .inspect_err(|why| gone.extend(attribute.gone(why)))?;
    if attribute.published == Some(false) {
        return Err(unpublished());
    }
    for marker in &mut markers {
        (marker.tlp, marker.pap) = attribute.marking.settle();
    }
    Ok((markers, attribute.timestamp))
}

#[cfg(test)]
mod tests;

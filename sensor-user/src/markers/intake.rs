//! What every reader shares: what it made of a file, where a refusal stands, how much it takes.

use std::{
    io::{self, BufRead, Read},
    net::{IpAddr, SocketAddr},
};

use super::{host::host, pattern_id};
use crate::model::{
    Direction, Marker, MarkerId, Moment, Pattern,
    request::{Failure, Refusal},
};

/// Longest id, bytes.
const LONGEST_ID: usize = 128;
/// Bytes between two tellings of progress.
const STEP: u64 = 1 << 20;

/// What a file may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Markers.
    pub markers: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of one value: a line, a JSON string, a pattern, a field.
    pub value: usize,
    /// Levels of nested JSON.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            markers: 12_000_000,
            bytes: 2 << 30,
            value: 64 << 10,
            depth: 64,
        }
    }
}

/// What a reader made of a file.
#[derive(Debug, Default)]
pub struct Intake {
    /// Markers, in the order of the file; unusable when `fatal`.
    pub markers: Vec<Marker>,
    /// Refusals, the first [`Failure::MOST_REFUSALS`].
    pub refused: Vec<Refusal>,
    /// Refusals in all.
    pub refused_total: u64,
    /// Lines or objects that repeat another one.
    pub duplicates: u64,
    /// Objects that are no markers and nothing that bears on one: counted, not looked at.
    pub ignored: u64,
    /// The file as a whole is refused: nothing of it may be loaded. Text and CSV are refused as a
    /// whole by any refusal; of STIX and MISP single indicators are refused and the rest loads.
    pub fatal: bool,
    most: usize,
}

/// Where in a file a refusal stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: Option<u64>,
    /// Index in `objects[]`, or number of the attribute, from 0.
    pub item: Option<u64>,
    /// Id of the STIX object, or UUID of the MISP attribute.
    pub object: Option<String>,
}

impl Place {
    /// A line of a file of lines.
    #[must_use]
    pub fn line(line: u64) -> Self {
        Self {
            line: Some(line),
            ..Self::default()
        }
    }

    /// An object of a structured file, with its id where it has one.
    #[must_use]
    pub fn item(item: u64, object: Option<&str>) -> Self {
        Self {
            item: Some(item),
            object: object.map(str::to_owned),
            line: None,
        }
    }
}

/// A refused field: its name, the reason code and the reason, which repeats no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub &'static str, pub &'static str, pub String);

impl Intake {
    /// Of nothing yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.markers,
            ..Self::default()
        }
    }

    /// Takes a marker; false when it is one too many, which refuses the file.
    pub(super) fn accept(&mut self, marker: Marker) -> bool {
        if self.markers.len() >= self.most {
            let reason = format!("the file has more than {} markers", self.most);
            self.fail(Place::default(), "file", "too_many_markers", reason);
            return false;
        }
        self.markers.push(marker);
        true
    }

    /// Lists a refusal; what it means for the file is the format's.
    pub(super) fn refuse(&mut self, place: Place, field: &str, code: &str, reason: String) {
        self.refused_total += 1;
        if self.refused.len() < Failure::MOST_REFUSALS {
            self.refused.push(Refusal {
                line: place.line,
                item: place.item,
                object: place.object,
                field: field.into(),
                code: code.into(),
                reason,
            });
        }
    }

    /// Refuses the file as a whole.
    pub(super) fn fail(&mut self, place: Place, field: &str, code: &str, reason: String) {
        let first = !std::mem::replace(&mut self.fatal, true);
        if first && self.refused.len() >= Failure::MOST_REFUSALS {
            // What ends it all is listed, however many single refusals came before.
            self.refused.pop();
        }
        self.refuse(place, field, code, reason);
    }

    /// Leaves out markers that stand before; one whose id stands before for another marker is
    /// refused, and with it, if so wanted, the file. `numbers` has the line or item of each marker.
    pub(super) fn drop_repeated(&mut self, numbers: &[u32], place: fn(u64) -> Place, whole: bool) {
        let mut markers = std::mem::take(&mut self.markers);
        let mut keep = vec![true; markers.len()];
        for (first, at) in repeated(&markers) {
            keep[at] = false;
            if markers[first] == markers[at] {
                self.duplicates += 1;
                continue;
            }
            let place = place(numbers[at].into());
            let what = place.line.map_or("in item", |_| "on line");
            let first = numbers[first];
            let reason = format!("the id stands {what} {first} already, for another marker");
            self.fatal |= whole;
            self.refuse(place, "id", "duplicate_id", reason);
        }
        let mut keep = keep.into_iter();
        markers.retain(|_| keep.next().unwrap_or(true));
        self.markers = markers;
    }

    /// Refuses markers that were read well and may not be used: `why` tells code and reason. With
    /// them, if so wanted, goes the `whole` file.
    pub fn bar(
        &mut self,
        field: &str,
        whole: bool,
        why: impl Fn(&Marker) -> Option<(&'static str, String)>,
    ) {
        let mut markers = std::mem::take(&mut self.markers);
        markers.retain(|marker| {
            let Some((code, reason)) = why(marker) else {
                return true;
            };
            let place = Place {
                object: Some(marker.id.to_string()),
                ..Place::default()
            };
            self.fatal |= whole;
            self.refuse(place, field, code, reason);
            false
        });
        self.markers = markers;
    }

    /// Refuses the file because its bytes cannot be had.
    pub(super) fn fail_reading(&mut self, place: Place, error: &io::Error) {
        let (code, reason) = match error.kind() {
            io::ErrorKind::FileTooLarge => ("too_large", error.to_string()),
            _ => ("unreadable", format!("the file cannot be read: {error}")),
        };
        self.fail(place, "file", code, reason);
    }
}

/// Markers whose id stands before: where it stands first, and where again.
fn repeated(markers: &[Marker]) -> Vec<(usize, usize)> {
    let count = u32::try_from(markers.len()).expect("as many markers are refused before");
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_unstable_by_key(|at| (&markers[*at as usize].id, *at));
    let mut repeated: Vec<(usize, usize)> = order
        .chunk_by(|one, other| markers[*one as usize].id == markers[*other as usize].id)
        .flat_map(|same| same[1..].iter().map(|at| (same[0] as usize, *at as usize)))
        .collect();
    repeated.sort_unstable_by_key(|(_, at)| *at);
    repeated
}

/// An id as every format may give it.
pub(super) fn read_id(value: &str) -> Result<MarkerId, Fault> {
    let fits = (1..=LONGEST_ID).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    if !fits {
        let reason = format!("an id is 1 to {LONGEST_ID} letters, digits or any of - _ . :");
        return Err(Fault("id", "bad_id", reason));
    }
    if is_value(value) {
        let reason = "the id is an address; an id stands where no value may, name it otherwise";
        return Err(Fault("id", "id_is_value", reason.into()));
    }
    Ok(value.into())
}

/// Whether an id, or a part of it, is an address, with a port or without: events, answers and the
/// journal name markers by their ids.
fn is_value(id: &str) -> bool {
    let is = |part: &str| part.parse::<IpAddr>().is_ok() || part.parse::<SocketAddr>().is_ok();
    is(id) || id.split(['-', '_']).any(is)
}

/// That an id does not hold the value that its marker looks for.
pub(super) fn check_id(id: &str, pattern: &Pattern) -> Result<(), Fault> {
    let id = id.to_ascii_lowercase();
    let repeats = match pattern {
        Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
            holds(&id, &address.to_string())
        }
        Pattern::Cidr(net) => holds(&id, &net.addr().to_string()),
        Pattern::Domain(name) => holds(&id, name.strip_prefix("*.").unwrap_or(name)),
        Pattern::Url(url) => holds(&id, host(url)),
        Pattern::Ja3(ja3) => holds(&id, &ja3.to_string()),
        Pattern::Ja4(ja4) => holds(&id, &ja4.to_string()),
    };
    if repeats {
        let reason = "the id holds the value of its pattern; an id stands where no value may";
        return Err(Fault("id", "id_is_value", reason.into()));
    }
    Ok(())
}

/// A short value is in many an id by chance.
fn holds(id: &str, value: &str) -> bool {
    match value.len() {
        0..6 => id == value,
        _ => id.contains(value),
    }
}

/// The id of a marker for which none was given: the same for the same pattern on the same side.
pub(super) fn unnamed(pattern: &Pattern, direction: Direction) -> MarkerId {
    let id = pattern_id(pattern);
    match direction {
        Direction::Either => compact_str::format_compact!("p-{id}"),
        direction => compact_str::format_compact!("p-{id}.{}", direction.name()),
    }
}

/// That a marker ends later than it begins: otherwise it would be accepted and never match.
/// `field` is where the end stands.
pub(super) fn check_validity(
    field: &'static str,
    from: Option<Moment>,
    until: Option<Moment>,
) -> Result<(), Fault> {
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        let reason = "the end is not later than the beginning".into();
        return Err(Fault(field, "bad_validity", reason));
    }
    Ok(())
}

/// A file whose bytes are counted: told as progress, refused beyond [`Limits::bytes`].
pub(super) struct Metered<'a> {
    input: &'a mut dyn BufRead,
    progress: &'a dyn Fn(u64),
    read: u64,
    told: u64,
    most: u64,
}

impl<'a> Metered<'a> {
    pub(super) fn new(
        input: &'a mut dyn BufRead,
        limits: &Limits,
        progress: &'a dyn Fn(u64),
    ) -> Self {
        Self {
            input,
            progress,
            read: 0,
            told: 0,
            most: limits.bytes,
        }
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let ready = self.input.fill_buf()?;
        // Told at the end of the file too.
        if self.read - self.told >= STEP || (ready.is_empty() && self.read > self.told) {
            self.told = self.read;
            (self.progress)(self.read);
        }
        if self.read >= self.most && !ready.is_empty() {
            let reason = format!("the file is larger than {} bytes", self.most);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        let left = usize::try_from(self.most - self.read).unwrap_or(usize::MAX);
        Ok(&ready[..ready.len().min(left)])
    }

    fn consume(&mut self, count: usize) {
        self.read += count as u64;
        self.input.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_refused_beyond() {
        let bytes = vec![b'x'; 3 << 20];
        let (told, last) = (Cell::new(0), Cell::new(0));
        let progress = |read| {
            told.set(told.get() + 1);
            last.set(read);
        };
        let mut limits = Limits {
            bytes: bytes.len() as u64,
            ..Limits::default()
        };
        let mut all = Vec::new();
        let mut input = io::BufReader::new(bytes.as_slice());
        let read = Metered::new(&mut input, &limits, &progress).read_to_end(&mut all);
        assert_eq!(read.expect("it fits"), bytes.len());
        assert_eq!((told.get(), last.get()), (3, bytes.len() as u64));
        limits.bytes -= 1;
        let error = Metered::new(&mut bytes.as_slice(), &limits, &|_| {}).read_to_end(&mut all);
        let mut intake = Intake::new(&limits);
        intake.fail_reading(Place::default(), &error.expect_err("one byte too many"));
        assert_eq!(intake.refused[0].code, "too_large");
    }
}

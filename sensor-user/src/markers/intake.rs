//! What every reader shares: what it made of a file, where a refusal stands, how much it takes.

use std::{collections::BTreeMap, io};

use super::{Gone, first_id, uuid};
use crate::model::{
    Marker, Moment,
    request::{Failure, Refusal},
};

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
    /// Refusals by their code: those that are not listed, too.
    pub refused_codes: BTreeMap<String, u64>,
    /// Lines or objects that repeat another one.
    pub duplicates: u64,
    /// Versions that are older than another one of the same indicator or attribute.
    pub stale: u64,
    /// Indicators and attributes whose newest version brings no marker.
    pub gone: Vec<Gone>,
    /// Objects that are no markers and nothing that bears on one: counted, not looked at.
    pub ignored: u64,
    /// The file as a whole is refused: nothing of it may be loaded. Text and CSV are refused as a
    /// whole by any refusal; of STIX and MISP single indicators are refused and the rest loads.
    pub fatal: bool,
    most: usize,
    /// When each marker was made, by place; empty where the format does not know.
    pub(super) versions: Vec<Option<Moment>>,
    /// What stands before the UUID in an id.
    pub(super) prefix: &'static str,
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
    fn refusal(self, field: &str, code: &str, reason: String) -> Refusal {
        Refusal {
            line: self.line,
            item: self.item,
            object: self.object,
            field: field.into(),
            code: code.into(),
            reason,
        }
    }

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

    /// The same of a format that knows when a marker was made.
    pub(super) fn accept_version(&mut self, marker: Marker, modified: Option<Moment>) -> bool {
        let accepted = self.accept(marker);
        if accepted {
            self.versions.push(modified);
        }
        accepted
    }

    /// Keeps these markers only.
    pub fn retain(&mut self, mut keep: impl FnMut(&Marker) -> bool) {
        let keep: Vec<bool> = self.markers.iter().map(&mut keep).collect();
        let mut kept = keep.iter();
        self.markers
            .retain(|_| kept.next().copied().unwrap_or(true));
        let mut kept = keep.iter();
        self.versions
            .retain(|_| kept.next().copied().unwrap_or(true));
    }

    /// Lists a refusal; what it means for the file is the format's.
    pub(super) fn refuse(&mut self, place: Place, field: &str, code: &str, reason: String) {
        self.list(place.refusal(field, code, reason), false);
    }

    /// Counts a refusal, and lists it while there is room; a code that is not listed yet makes room.
    fn list(&mut self, refusal: Refusal, must: bool) {
        self.refused_total += 1;
        let first = match self.refused_codes.get_mut(&refusal.code) {
            Some(count) => {
                *count += 1;
                false
            }
            None => {
                self.refused_codes.insert(refusal.code.clone(), 1);
                true
            }
        };
        if self.refused.len() >= Failure::MOST_REFUSALS {
            if !first && !must {
                return;
            }
            self.make_room();
        }
        self.refused.push(refusal);
    }

    /// Takes the last refusal of the most frequent code off the list.
    fn make_room(&mut self) {
        let mut listed: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (at, refusal) in self.refused.iter().enumerate() {
            let (count, last) = listed.entry(&refusal.code).or_default();
            (*count, *last) = (*count + 1, at);
        }
        if let Some((_, at)) = listed.into_values().max() {
            self.refused.remove(at);
        }
    }

    /// Counts refusals of a code that are not listed.
    pub(super) fn count_refused(&mut self, code: &str, count: u64) {
        self.refused_total += count;
        *self.refused_codes.entry(code.into()).or_default() += count;
    }

    /// Refuses the file as a whole.
    pub(super) fn fail(&mut self, place: Place, field: &str, code: &str, reason: String) {
        // What ends it all is listed, however many single refusals came before.
        let first = !std::mem::replace(&mut self.fatal, true);
        self.list(place.refusal(field, code, reason), first);
    }

    /// Leaves out markers that stand twice: of one id, the newest counts, of versions of one time the
    /// first, with the stricter marking of them all. One that says something else is refused, and
    /// with it, if so wanted, the file. `numbers` has the line or item of each marker.
    pub(super) fn drop_repeated(&mut self, numbers: &[u32], place: fn(u64) -> Place, whole: bool) {
        let mut keep = vec![true; self.markers.len()];
        for (first, at) in self.repeated() {
            keep[at] = false;
            if self.version(first) > self.version(at) {
                self.stale += 1;
                continue;
            }
            let other = self.markers[at].clone();
            let marker = &mut self.markers[first];
            if *marker == other {
                self.duplicates += 1;
                continue;
            }
            if !whole {
                marker.tlp = marker.tlp.max(other.tlp);
                marker.pap = marker.pap.max(other.pap);
            }
            let place = place(numbers[at].into());
            let what = place.line.map_or("in item", |_| "on line");
            let first = numbers[first];
            let reason = format!("the id stands {what} {first} already, for another marker");
            self.fatal |= whole;
            self.refuse(place, "id", "duplicate_id", reason);
        }
        let mut keep = keep.into_iter();
        self.retain(|_| keep.next().unwrap_or(true));
    }

    /// Markers that are not the one of their id that counts: where that stands, and where they do.
    fn repeated(&self) -> Vec<(usize, usize)> {
        let markers = &self.markers;
        let count = u32::try_from(markers.len()).expect("as many markers are refused before");
        let mut order: Vec<u32> = (0..count).collect();
        let age = |at: &u32| std::cmp::Reverse(self.version(*at as usize));
        order.sort_unstable_by_key(|at| (&markers[*at as usize].id, age(at), *at));
        let mut repeated: Vec<(usize, usize)> = order
            .chunk_by(|one, other| markers[*one as usize].id == markers[*other as usize].id)
            .flat_map(|same| same[1..].iter().map(|at| (same[0] as usize, *at as usize)))
            .collect();
        repeated.sort_unstable_by_key(|(_, at)| *at);
        repeated
    }

    /// Refuses markers that were read well and may not be used: `why` tells code and reason. With
    /// them, if so wanted, goes the `whole` file.
    pub fn bar(
        &mut self,
        field: &str,
        whole: bool,
        why: impl Fn(&Marker) -> Option<(&'static str, String)>,
    ) {
        let (mut keep, mut barred) = (Vec::with_capacity(self.markers.len()), Vec::new());
        for (at, marker) in self.markers.iter().enumerate() {
            let Some((code, reason)) = why(marker) else {
                keep.push(true);
                continue;
            };
            keep.push(false);
            barred.push((marker.id.to_string(), code, reason));
            // A former version of it is not what its producer says any more.
            let uuid = first_id(&marker.id).strip_prefix(self.prefix);
            let uuid = uuid.and_then(uuid::parse);
            let gone = uuid.map(|uuid| Gone::new(uuid, self.version(at), false));
            self.gone.extend(gone);
        }
        let mut keep = keep.into_iter();
        self.retain(|_| keep.next().unwrap_or(true));
        self.fatal |= whole && !barred.is_empty();
        for (id, code, reason) in barred {
            let place = Place {
                object: Some(id),
                ..Place::default()
            };
            self.refuse(place, field, code, reason);
        }
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

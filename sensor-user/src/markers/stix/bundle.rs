//! Reads bundles and TAXII envelopes, object by object, in memory bounded by what is kept.

use std::{
    fmt,
    io::{BufRead, BufReader},
    ops::Range,
};

use jiff::Timestamp;
use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::error::Category;

use super::{
    field::Field,
    handling::{Handling, TooMany},
    identifier::{INDICATOR, uuid},
    indicator,
    object::Object,
    versions::{Version, newest, unknown},
};
use crate::{
    markers::{
        Gone, Intake, Limits, Place,
        guard::{Bounds, Broke, Guard},
        ids::check_id,
        intake::Fault,
        metered::Metered,
        uuid::text,
    },
    model::Moment,
};

/// Reads a bundle of STIX 2.1 (or 2.0), or a TAXII 2.1 envelope.
pub(in crate::markers) fn read(
    input: &mut dyn BufRead,
    limits: &Limits,
    progress: &dyn Fn(u64),
) -> Intake {
    let mut reader = Reader {
        intake: Intake::new(limits),
        handling: Handling::default(),
        versions: Vec::new(),
        item: 0,
        longest: limits.value,
        most: limits.markers,
    };
    let bounds = Bounds {
        depth: limits.depth,
        // An escape of six bytes may be one of the value.
        string: limits.value.saturating_add(1).saturating_mul(6),
    };
    let mut metered = Metered::new(input, limits, progress);
    let mut guard = Guard::new(&mut metered, bounds);
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(&mut guard));
    let read = json
        .deserialize_any(TopLevel(&mut reader))
        .and_then(|()| json.end());
    drop(json);
    match read {
        Err(error) => {
            reader.fail(&error, guard.broke(), limits);
            // Their handling was not decided.
            reader.intake.markers.clear();
        }
        Ok(()) => reader.finish(),
    }
    let mut intake = reader.intake;
    intake.refused.sort_by_key(|refusal| refusal.item);
    intake
}

struct Reader {
    intake: Intake,
    handling: Handling,
    versions: Vec<Version>,
    /// Index of the object that is read.
    item: u64,
    longest: usize,
    most: usize,
}

impl Reader {
    /// The file as a whole is refused. What the parser says may hold values and is not repeated.
    fn fail(&mut self, error: &serde_json::Error, broke: Option<Broke>, limits: &Limits) {
        if self.intake.fatal {
            return;
        }
        let line = u64::try_from(error.line()).ok().filter(|line| *line > 0);
        let item = Some(self.item);
        let place = Place {
            line,
            item,
            object: None,
        };
        let (code, reason) = match (broke, error.classify()) {
            (Some(Broke::Input(error)), _) => {
                self.intake.fail_reading(place, &error);
                return;
            }
            (Some(Broke::TooDeep), _) => {
                let reason = format!("JSON is nested deeper than {} levels", limits.depth);
                ("too_deep", reason)
            }
            (None, Category::Eof) => ("truncated", "the file ends before its JSON does".into()),
            (None, Category::Syntax | Category::Io) => {
                ("bad_json", "the file is not JSON in UTF-8".into())
            }
            (None, Category::Data) => {
                let reason = "the file is neither a bundle of STIX nor an envelope of TAXII".into();
                ("not_a_bundle", reason)
            }
        };
        self.intake.fail(place, "file", code, reason);
    }

    fn refuse(&mut self, id: Option<&str>, Fault(field, code, reason): Fault) {
        let place = Place::item(self.item, id);
        self.intake.refuse(place, field, code, reason);
    }

    /// Takes an object; false ends the reading.
    fn take(&mut self, object: &Field<Object>) -> bool {
        let Field::Of(object) = object else {
            let reason = "an object of the bundle is no JSON object".into();
            self.refuse(None, Fault("objects", "bad_object", reason));
            return true;
        };
        let taken = match object.kind.get().ok().flatten().map(String::as_str) {
            Some("indicator") => self.indicator(object),
            Some("marking-definition") => self.handling.define(object),
            Some("report" | "grouping") => self.handling.contain(object),
            Some(_) => {
                self.intake.ignored += 1;
                Ok(())
            }
            None => {
                let reason = "an object of the bundle does not say its type".into();
                self.refuse(None, Fault("type", "bad_object", reason));
                return true;
            }
        };
        if let Err(TooMany) = taken {
            let reason = "the bundle has more objects or markings than this version takes";
            let place = Place::item(self.item, None);
            self.intake
                .fail(place, "objects", "too_large", reason.into());
        }
        !self.intake.fatal
    }

    fn indicator(&mut self, object: &Object) -> Result<(), TooMany> {
        let id = object.id.get().ok().flatten().map(String::as_str);
        let Some((id, uuid)) = id.and_then(|id| Some((id, uuid(id, "indicator")?))) else {
            let reason = "the id is not `indicator--` and a UUID".into();
            self.refuse(None, Fault("id", "bad_id", reason));
            return Ok(());
        };
        let id = id.to_ascii_lowercase();
        if self.versions.len() >= self.most {
            return Err(TooMany);
        }
        let first = self.intake.markers.len();
        let (mut modified, mut revoked) = (Some(unknown()), false);
        let read = indicator::modified(object).and_then(|time| {
            modified = time;
            indicator::read(object, self.longest)
        });
        match read {
            Err(fault) => {
                revoked = object.revoked == Field::Of(true);
                self.refuse(Some(&id), fault);
            }
            Ok(indicator) => {
                let (faults, more) = indicator.faults();
                for fault in faults {
                    self.refuse(Some(&id), fault);
                }
                for (code, count) in more {
                    self.intake.count_refused(code, *count);
                }
                for marker in indicator.markers(&id) {
                    // A UUID carries no value, unless the value is a name that is one.
                    match check_id(&marker.id, &marker.pattern) {
                        Err(fault) => self.refuse(Some(&id), fault),
                        Ok(()) if self.intake.accept(marker) => {}
                        Ok(()) => return Ok(()),
                    }
                }
            }
        }
        let markers = first..self.intake.markers.len();
        let markings = self.handling.number(object)?;
        let version = Version::new(uuid, modified, markers, markings, self.item);
        let version = if revoked { version.revoked() } else { version };
        self.versions.push(version);
        Ok(())
    }

    /// Keeps the newest version of each indicator and gives it its handling.
    fn finish(&mut self) {
        let mut versions = std::mem::take(&mut self.versions);
        let levels = self.handling.decide();
        let mut keep = vec![false; self.intake.markers.len()];
        let mut times = vec![None; self.intake.markers.len()];
        let all = versions.len();
        let mut newest_ones = 0;
        for same in newest(&mut versions) {
            newest_ones += same.len();
            let [first, others @ ..] = same else {
                continue;
            };
            if let Some(revoked) = same.iter().find(|version| version.is_revoked()) {
                self.revoked(revoked, same);
                continue;
            }
            // Of copies of one time, the strictest marking counts.
            let (mut tlp, mut pap) = levels[first.markings as usize];
            for other in others {
                let level = levels[other.markings as usize];
                (tlp, pap) = (tlp.max(level.0), pap.max(level.1));
            }
            for marker in &mut self.intake.markers[first.markers()] {
                (marker.tlp, marker.pap) = (tlp, pap);
            }
            keep[first.markers()].fill(true);
            times[first.markers()].fill(Some(first.modified().unwrap_or_else(earliest)));
            if first.markers().is_empty() {
                let gone = Gone::new(first.uuid(), first.modified(), false);
                self.intake.gone.push(gone);
            }
            for other in others {
                self.repeated(first, other);
            }
        }
        self.intake.stale += (all - newest_ones) as u64;
        self.intake.versions = times;
        self.intake.prefix = INDICATOR;
        let mut keep = keep.into_iter();
        self.intake.retain(|_| keep.next().unwrap_or(true));
    }

    /// One of these versions of one time is revoked: so are the others.
    fn revoked(&mut self, revoked: &Version, same: &[Version]) {
        let gone = Gone::new(revoked.uuid(), revoked.modified(), true);
        self.intake.gone.push(gone);
        for other in same.iter().filter(|one| !one.markers().is_empty()) {
            let reason = format!(
                "object {} has the same id, is not older and says that its producer revoked it",
                revoked.item
            );
            self.refuse_version(other, "revoked", "revoked", reason);
        }
    }

    /// A version that says the same time as another: a copy, or a contradiction.
    fn repeated(&mut self, first: &Version, other: &Version) {
        let markers = &self.intake.markers;
        let what = |range: Range<usize>| {
            let markers = markers[range].iter();
            markers.map(|one| (&one.pattern, one.direction, one.from, one.until))
        };
        if first.markings == other.markings && what(first.markers()).eq(what(other.markers())) {
            self.intake.duplicates += 1;
            return;
        }
        let reason = format!(
            "object {} has the same id and time of modification and says something else; the \
             stricter marking of both counts",
            first.item
        );
        self.refuse_version(other, "id", "duplicate_id", reason);
    }

    fn refuse_version(&mut self, one: &Version, field: &str, code: &str, reason: String) {
        let id = format!("{INDICATOR}{}", text(one.uuid()));
        let place = Place::item(u64::from(one.item), Some(&id));
        self.intake.refuse(place, field, code, reason);
    }
}

/// The time of a version that says none: before all others.
fn earliest() -> Moment {
    Timestamp::MIN.into()
}

/// The outermost object.
struct TopLevel<'r>(&'r mut Reader);

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bundle or an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut kind, mut objects, mut others) = (Field::<String>::Absent, false, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => kind.set(map.next_value()?),
                "objects" if objects => return Err(A::Error::custom("twice")),
                "objects" => {
                    objects = true;
                    map.next_value_seed(Objects(self.0))?;
                }
                key => {
                    others |= !matches!(key, "more" | "next");
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // An envelope says no type, and nothing else where it is empty; a bundle may be empty too.
        let fits = match kind.get() {
            Ok(Some(kind)) => kind == "bundle",
            Ok(None) => objects || !others,
            Err(()) => false,
        };
        if fits {
            Ok(())
        } else {
            Err(A::Error::custom("neither"))
        }
    }
}

/// The list of objects.
struct Objects<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for Objects<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(object) = list.next_element::<Field<Object>>()? {
            if !self.0.take(&object) {
                return Err(A::Error::custom("refused"));
            }
            self.0.item += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! One indicator: from its properties to markers, or a refusal of it alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    field::Field,
    meaning::{Reading, Refused, understand},
    object::Object,
};
use crate::{
    markers::intake::{Fault, check_validity},
    model::{Marker, MarkerId, Moment},
};

/// What an indicator says.
#[derive(Debug)]
pub(super) struct Indicator {
    reading: Reading,
    from: Moment,
    until: Option<Moment>,
}

impl Indicator {
    /// Why parts of it are refused, and how many more of them there are, by code.
    pub(super) fn faults(&self) -> (impl Iterator<Item = Fault>, &BTreeMap<&'static str, u64>) {
        let reading = &self.reading;
        let faults = reading.refused.iter().map(|refused| {
            let Refused { alternative, cause } = refused;
            let reason = match reading.alternatives {
                1 => cause.to_string(),
                all => format!("alternative {alternative} of {all}: {cause}"),
            };
            Fault("pattern", cause.code(), reason)
        });
        (faults, &reading.unlisted)
    }

    /// Its markers, their handling not decided yet: its id for the first, `.2` and so on behind it
    /// for the others.
    pub(super) fn markers(self, id: &str) -> impl Iterator<Item = Marker> {
        let (from, until) = (Some(self.from), self.until);
        // What is left of the reading is dropped before the markers are made.
        let accepted = self.reading.accepted;
        (1_usize..)
            .zip(accepted)
            .map(move |(number, (pattern, direction))| {
                let id: MarkerId = match number {
                    1 => id.into(),
                    number => compact_str::format_compact!("{id}.{number}"),
                };
                Marker {
                    from,
                    until,
                    direction,
                    ..Marker::new(id, pattern)
                }
            })
    }
}

/// Reads an indicator of a good id.
///
/// # Errors
/// Why it is refused as a whole.
pub(super) fn read(object: &Object, longest: usize) -> Result<Indicator, Fault> {
    let version = text(&object.spec_version, "spec_version")?;
    if version.is_some_and(|version| !matches!(version, "2.0" | "2.1")) {
        let reason = "only versions 2.0 and 2.1 of STIX are read".into();
        return Err(Fault("spec_version", "unsupported_version", reason));
    }
    match object.revoked.get() {
        Ok(Some(true)) => {
            let reason = "its producer revoked the indicator".into();
            return Err(Fault("revoked", "revoked", reason));
        }
        Ok(_) => {}
        Err(()) => return Err(bad("revoked")),
    }
    match text(&object.pattern_type, "pattern_type")? {
        Some("stix") => {}
        Some(_) => {
            let reason = "only patterns of type stix are read".into();
            return Err(Fault("pattern_type", "unsupported_pattern_type", reason));
        }
        // STIX 2.0 has no other pattern language, and no property to say so.
        None if version != Some("2.1") => {}
        None => return Err(missing("pattern_type")),
    }
    let from = time(&object.valid_from, "valid_from")?.ok_or_else(|| missing("valid_from"))?;
    let until = until(object)?;
    check_validity("valid_until", Some(from), until)?;
    let pattern = text(&object.pattern, "pattern")?.ok_or_else(|| missing("pattern"))?;
    if pattern.len() > longest {
        let reason = format!("the pattern is longer than {longest} bytes");
        return Err(Fault("pattern", "pattern_too_long", reason));
    }
    let reading =
        understand(pattern).map_err(|error| Fault("pattern", error.code(), error.to_string()))?;
    Ok(Indicator {
        reading,
        from,
        until,
    })
}

/// When it ends. The last days of the calendar, which some producers write for "never", are no end:
/// nothing can tell the very last one, so it is read as of the year before.
fn until(object: &Object) -> Result<Option<Moment>, Fault> {
    if let Ok(Some(text)) = object.valid_until.get()
        && let Some(rest) = text.strip_prefix("9999-12-3")
        && format!("9998-12-3{rest}").parse::<Timestamp>().is_ok()
    {
        return Ok(None);
    }
    time(&object.valid_until, "valid_until")
}

/// When this version of an object was made; before all others where it does not say.
pub(super) fn modified(object: &Object) -> Result<Option<Moment>, Fault> {
    time(&object.modified, "modified")
}

fn time(field: &Field<String>, name: &'static str) -> Result<Option<Moment>, Fault> {
    let Some(text) = text(field, name)? else {
        return Ok(None);
    };
    let time: Timestamp = text.parse().map_err(|_| {
        let reason = "not a time of RFC 3339, such as 2027-01-31T12:00:00Z".into();
        Fault(name, "bad_time", reason)
    })?;
    Ok(Some(time.into()))
}

fn text<'o>(field: &'o Field<String>, name: &'static str) -> Result<Option<&'o str>, Fault> {
    match field.get() {
        Ok(text) => Ok(text.map(String::as_str)),
        Err(()) => Err(bad(name)),
    }
}

fn bad(name: &'static str) -> Fault {
    let reason = "the property stands twice or is of the wrong type".into();
    Fault(name, "bad_property", reason)
}

fn missing(name: &'static str) -> Fault {
    let reason = "the property is required and missing".into();
    Fault(name, "missing_property", reason)
}

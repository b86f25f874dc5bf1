//! One attribute, as it stands in the file.

use std::fmt;

use compact_str::CompactString;
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    field::Field,
    marking::{Marking, Tags},
    scalar::{Scalar, ignore_scalars},
    value::{Meaning, meaning},
};
use crate::{
    markers::{
        Gone,
        ids::{check_id, unnamed},
        intake::Fault,
        uuid::{is_uuid, parse},
    },
    model::{Marker, Moment},
};

/// The fields of an attribute that mean something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::markers) struct Attribute {
    /// Its UUID, blank where it has none.
    pub uuid: CompactString,
    /// Its type.
    pub kind: CompactString,
    /// Its role in an object.
    pub relation: CompactString,
    /// Its value.
    pub value: String,
    /// Whether it is an indicator.
    pub to_ids: Option<bool>,
    /// Whether it was deleted: MISP tells others so.
    pub deleted: Option<bool>,
    /// What its own tags say.
    pub marking: Marking,
    /// Whether its event is published, where the attribute says so.
    pub published: Option<bool>,
    /// When it was last changed.
    pub timestamp: Option<Moment>,
    /// UUIDs of the proposals inside it.
    pub proposals: Vec<CompactString>,
}

/// An attribute that is not loaded, by its state.
const STATES: [(&str, &str, &str); 3] = [
    (
        "to_ids",
        "not_to_ids",
        "it is not marked as an indicator (to_ids)",
    ),
    ("deleted", "deleted", "it was deleted"),
    (
        "published",
        "unpublished",
        "its event is not published, or does not say so",
    ),
];

fn state(code: &str) -> Fault {
    let (field, code, reason) = STATES
        .into_iter()
        .find(|state| state.1 == code)
        .expect("every state is listed");
    Fault(field, code, reason.into())
}

/// That an attribute is of an event that is not published.
pub(in crate::markers) fn unpublished() -> Fault {
    state("unpublished")
}

/// That an attribute, or the object around it, was deleted.
pub(super) fn deleted() -> Fault {
    state("deleted")
}

/// A time as MISP writes it: seconds since the epoch. Zero is none.
pub(in crate::markers) fn time(text: &str) -> Option<Moment> {
    let seconds: i64 = text.parse().ok().filter(|seconds| *seconds > 0)?;
    Moment::from_microsecond(seconds.checked_mul(1_000_000)?)
}

impl Attribute {
    /// Its markers, the second and later ones with their number behind the id; handling is not set
    /// yet.
    ///
    /// # Errors
    /// Why it is not loaded.
    pub(in crate::markers) fn markers(&self, longest: usize) -> Result<Vec<Marker>, Fault> {
        let meaning = self.read(longest)?;
        let uuid = self.uuid.to_ascii_lowercase();
        let markers = (1..).zip(meaning).map(|(number, (pattern, direction))| {
            let id = match (uuid.as_str(), number) {
                ("", _) => unnamed(&pattern, direction),
                (uuid, 1) => uuid.into(),
                (uuid, number) => compact_str::format_compact!("{uuid}.{number}"),
            };
            // A UUID carries no value, unless the value is a name that is one.
            check_id(&id, &pattern)?;
            let mut marker = Marker::new(id, pattern);
            marker.direction = direction;
            Ok(marker)
        });
        markers.collect()
    }

    /// What it is once it is not loaded for this reason; nothing where it has no UUID.
    pub(in crate::markers) fn gone(&self, why: &Fault) -> Option<Gone> {
        let withdrawn = why.1 == deleted().1;
        Some(Gone::new(parse(&self.uuid)?, self.timestamp, withdrawn))
    }

    /// What it stands for. Its state is looked at first, then its type, then its value: so the
    /// reason does not depend on the order of keys.
    fn read(&self, longest: usize) -> Result<Meaning, Fault> {
        if self.deleted == Some(true) {
            return Err(deleted());
        }
        if self.to_ids != Some(true) {
            return Err(state("not_to_ids"));
        }
        if !self.uuid.is_empty() && !is_uuid(&self.uuid) {
            return Err(Fault("uuid", "bad_id", "the uuid is none".into()));
        }
        meaning(&self.kind, &self.relation, &self.value, longest)
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Attribute;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Attribute, A::Error> {
        fields(map)
    }

    fn visit_str<E>(self, _: &str) -> Result<Attribute, E> {
        Ok(Attribute::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Attribute, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Attribute::default())
    }

    ignore_scalars!(Attribute);
}

/// Reads the fields of an attribute, in any order.
pub(super) fn fields<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Attribute, A::Error> {
    let mut attribute = Attribute::default();
    while let Some(field) = fields.next_key::<Field>()? {
        match field {
            Field::Uuid => attribute.uuid = fields.next_value::<Scalar>()?.text().into(),
            Field::Type => attribute.kind = fields.next_value::<Scalar>()?.text().into(),
            Field::Relation => {
                attribute.relation = fields.next_value::<Scalar>()?.text().into();
            }
            Field::Value => attribute.value = fields.next_value::<Scalar>()?.into_text(),
            Field::ToIds => attribute.to_ids = fields.next_value::<Scalar>()?.flag(),
            Field::Deleted => attribute.deleted = fields.next_value::<Scalar>()?.flag(),
            Field::Timestamp => {
                attribute.timestamp = time(fields.next_value::<Scalar>()?.text());
            }
            Field::Tags => fields.next_value_seed(Tags(&mut attribute.marking))?,
            Field::Proposal => {
                let proposals: Proposed = fields.next_value()?;
                attribute.proposals.extend(proposals.0);
            }
            Field::Event => {
                let event: EventOfIt = fields.next_value()?;
                attribute.published = event.published;
                attribute.marking = attribute.marking.and(event.marking);
            }
            _ => drop(fields.next_value::<IgnoredAny>()?),
        }
    }
    Ok(attribute)
}

/// The UUIDs of a list of proposals.
#[derive(Default)]
struct Proposed(Vec<CompactString>);

impl<'de> Deserialize<'de> for Proposed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Proposed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("proposals")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Proposed, A::Error> {
                let mut proposed = Vec::new();
                while let Some(one) = items.next_element::<Attribute>()? {
                    proposed.push(one.uuid);
                    proposed.extend(one.proposals);
                }
                Ok(Proposed(proposed))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Proposed, A::Error> {
                Ok(Proposed(vec![fields(map)?.uuid]))
            }

            fn visit_str<E>(self, _: &str) -> Result<Proposed, E> {
                Ok(Proposed(Vec::new()))
            }

            ignore_scalars!(Proposed);
        }
        deserializer.deserialize_any(List)
    }
}

/// The event as a found attribute names it: whether it is published and its tags, where the search
/// asked for them.
#[derive(Default)]
struct EventOfIt {
    published: Option<bool>,
    marking: Marking,
}

impl<'de> Deserialize<'de> for EventOfIt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = EventOfIt;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<EventOfIt, A::Error> {
                let mut event = EventOfIt::default();
                while let Some(field) = fields.next_key::<Field>()? {
                    match field {
                        Field::Published => event.published = fields.next_value::<Scalar>()?.flag(),
                        Field::Tags => fields.next_value_seed(Tags(&mut event.marking))?,
                        _ => drop(fields.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(event)
            }

            fn visit_str<E>(self, _: &str) -> Result<EventOfIt, E> {
                Ok(EventOfIt::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<EventOfIt, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(EventOfIt::default())
            }

            ignore_scalars!(EventOfIt);
        }
        deserializer.deserialize_any(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> &'static str {
        let attribute: Attribute = serde_json::from_str(json).expect(json);
        match attribute.read(super::super::value::LONGEST_VALUE) {
            Ok(_) => "loaded",
            Err(Fault(_, code, _)) => code,
        }
    }

    #[test]
    fn the_state_of_an_attribute_comes_before_its_type() {
        let with = |more: &str| format!(r#"{{"type":"ip-dst","value":"203.0.113.5"{more}}}"#);
        for (more, expected) in [
            ("", "not_to_ids"),
            (r#","to_ids":true"#, "loaded"),
            (r#","to_ids":"1","deleted":"0""#, "loaded"),
            (r#","to_ids":1,"deleted":false,"data":{"x":[]}"#, "loaded"),
            (r#","to_ids":"0""#, "not_to_ids"),
            (r#","to_ids":null"#, "not_to_ids"),
            (r#","to_ids":true,"deleted":1"#, "deleted"),
            (r#","to_ids":false,"deleted":true"#, "deleted"),
            (r#","to_ids":true,"uuid":"x""#, "bad_id"),
            (r#","to_ids":true,"type":"md5""#, "host_side"),
        ] {
            assert_eq!(told(&with(more)), expected, "{more}");
        }
        assert_eq!(told(r#"{"to_ids":true}"#), "unknown_type");
    }

    #[test]
    fn a_uuid_that_is_the_value_names_no_marker() {
        let uuid = "5f1e3c2a-0d4b-4c57-9d0e-0a0000000003";
        let json = format!(
            r#"{{"to_ids":true,"type":"domain","value":"{uuid}","uuid":"{}"}}"#,
            uuid.to_uppercase()
        );
        let attribute: Attribute = serde_json::from_str(&json).expect("an attribute");
        let told = attribute.markers(super::super::value::LONGEST_VALUE);
        assert_eq!(told.expect_err("its id is its value").1, "id_is_value");
    }
}

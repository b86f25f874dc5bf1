//! An object of a bundle: the properties that are looked at, the others skipped.

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::{
    field::{Field, Shape},
    identifier::uuid,
    marking::{Labels, Levels},
};

/// Most references to markings of one object; one more refuses the file.
const MOST_REFS: usize = 4096;

/// An object of any type.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub kind: Field<String>,
    pub id: Field<String>,
    pub spec_version: Field<String>,
    pub modified: Field<String>,
    pub revoked: Field<bool>,
    pub pattern: Field<String>,
    pub pattern_type: Field<String>,
    pub valid_from: Field<String>,
    pub valid_until: Field<String>,
    pub labels: Field<Labels>,
    pub marking_refs: Field<Refs>,
    pub granular_markings: Field<Granular>,
    pub name: Field<String>,
    pub definition_type: Field<String>,
    pub definition: Field<Levels>,
    pub definition_text: Field<String>,
    pub extensions: Field<Levels>,
    pub opencti_definition: Field<String>,
    pub opencti_definition_type: Field<String>,
}

impl Shape for Object {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut object = Self::default();
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Type => object.kind.set(map.next_value()?),
                Key::Id => object.id.set(map.next_value()?),
                Key::SpecVersion => object.spec_version.set(map.next_value()?),
                Key::Modified => object.modified.set(map.next_value()?),
                Key::Revoked => object.revoked.set(map.next_value()?),
                Key::Pattern => object.pattern.set(map.next_value()?),
                Key::PatternType => object.pattern_type.set(map.next_value()?),
                Key::ValidFrom => object.valid_from.set(map.next_value()?),
                Key::ValidUntil => object.valid_until.set(map.next_value()?),
                Key::Labels => object.labels.set(map.next_value()?),
                Key::ObjectMarkingRefs => object.marking_refs.set(map.next_value()?),
                Key::GranularMarkings => object.granular_markings.set(map.next_value()?),
                Key::Name => object.name.set(map.next_value()?),
                Key::DefinitionType => object.definition_type.set(map.next_value()?),
                Key::Definition => match map.next_value::<Field<Definition>>()? {
                    Field::Of(Definition::Text(text)) => {
                        object.definition_text.set(Field::Of(text))
                    }
                    Field::Of(Definition::Levels(levels)) => {
                        object.definition.set(Field::Of(levels))
                    }
                    Field::Absent => {}
                    Field::Bad => object.definition.set(Field::Bad),
                },
                Key::Extensions => object.extensions.set(map.next_value()?),
                Key::XOpenctiDefinition => object.opencti_definition.set(map.next_value()?),
                Key::XOpenctiDefinitionType => {
                    object.opencti_definition_type.set(map.next_value()?);
                }
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(object))
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Type,
    Id,
    SpecVersion,
    Modified,
    Revoked,
    Pattern,
    PatternType,
    ValidFrom,
    ValidUntil,
    Labels,
    ObjectMarkingRefs,
    GranularMarkings,
    Name,
    DefinitionType,
    Definition,
    Extensions,
    XOpenctiDefinition,
    XOpenctiDefinitionType,
    #[serde(other)]
    Other,
}

/// A definition: an object by the standard, a string in OpenCTI's way.
enum Definition {
    Text(String),
    Levels(Levels),
}

impl Shape for Definition {
    fn text(text: &str) -> Option<Self> {
        Some(Self::Text(text.to_owned()))
    }

    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        Ok(Levels::map(map)?.map(Self::Levels))
    }
}

/// References to markings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refs {
    /// UUIDs of the markings.
    pub ids: Vec<u128>,
    /// One of them is no reference.
    pub unclear: bool,
    /// There are more than anybody needs.
    pub excess: bool,
}

impl Refs {
    fn add(&mut self, reference: Option<&str>) {
        let id = reference.and_then(|text| uuid(text, "marking-definition"));
        match id {
            Some(_) if self.ids.len() >= MOST_REFS => self.excess = true,
            Some(id) => self.ids.push(id),
            None => self.unclear = true,
        }
    }
}

impl Shape for Refs {
    fn list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut refs = Self::default();
        while let Some(reference) = list.next_element::<Field<String>>()? {
            refs.add(reference.get().ok().flatten().map(String::as_str));
        }
        Ok(Some(refs))
    }
}

/// Markings of parts of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Granular(pub Refs);

impl Shape for Granular {
    fn list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut all = Refs::default();
        while let Some(one) = list.next_element::<Field<Part>>()? {
            match one {
                // A language, which is no restriction.
                Field::Of(Part {
                    marking_ref: Field::Absent,
                    lang: true,
                }) => {}
                Field::Of(part) => {
                    all.add(part.marking_ref.get().ok().flatten().map(String::as_str))
                }
                Field::Absent | Field::Bad => all.unclear = true,
            }
        }
        Ok(Some(Self(all)))
    }
}

#[derive(Default)]
struct Part {
    marking_ref: Field<String>,
    lang: bool,
}

impl Shape for Part {
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut part = Self::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "marking_ref" => part.marking_ref.set(map.next_value()?),
                key => {
                    part.lang |= key == "lang";
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(part))
    }
}

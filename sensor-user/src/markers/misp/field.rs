//! The keys of MISP's JSON that mean something here.

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, Visitor},
};

use crate::markers::uuid::is_uuid;

/// A key of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `Event`: an event, or that of an attribute.
    Event,
    /// `response`: what a search found.
    Response,
    /// `Attribute`.
    Attribute,
    /// `Object`.
    Object,
    /// `ShadowAttribute`: proposals of others, which are no attributes yet.
    Proposal,
    /// `Tag`, `EventTag`, `AttributeTag`.
    Tags,
    /// `published`.
    Published,
    /// A key that only events have.
    OfEvent,
    /// `uuid`.
    Uuid,
    /// `type`.
    Type,
    /// `value`.
    Value,
    /// `to_ids`.
    ToIds,
    /// `deleted`.
    Deleted,
    /// `object_relation`.
    Relation,
    /// `timestamp`.
    Timestamp,
    /// A UUID: of a feed's manifest.
    Manifest,
    /// Anything else.
    Other,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(Key)
    }
}

struct Key;

impl Visitor<'_> for Key {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Field, E> {
        Ok(match key {
            "Event" => Field::Event,
            "response" => Field::Response,
            "Attribute" => Field::Attribute,
            "Object" => Field::Object,
            "ShadowAttribute" => Field::Proposal,
            "Tag" | "EventTag" | "AttributeTag" => Field::Tags,
            "published" => Field::Published,
            "info" | "threat_level_id" | "analysis" | "Orgc" | "orgc_id" | "date" => Field::OfEvent,
            "uuid" => Field::Uuid,
            "type" => Field::Type,
            "value" => Field::Value,
            "to_ids" => Field::ToIds,
            "deleted" => Field::Deleted,
            "object_relation" => Field::Relation,
            "timestamp" => Field::Timestamp,
            _ if is_uuid(key) => Field::Manifest,
            _ => Field::Other,
        })
    }
}

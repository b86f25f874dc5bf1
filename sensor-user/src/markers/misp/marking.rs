//! Tags of the taxonomies `tlp` and `PAP`.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::scalar::{Scalar, ignore_scalars};
use crate::{
    markers::levels::Level,
    model::{Pap, Tlp},
};

/// What tags say of handling; the most restrictive one of each taxonomy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::markers) struct Marking {
    tlp: Option<Tlp>,
    pap: Option<Pap>,
}

impl Marking {
    /// Takes a tag in, whatever its case. A value that is not known counts as unmarked, which is
    /// more restrictive than most.
    pub(in crate::markers) fn add(&mut self, tag: &str) {
        match Level::of_text(tag) {
            Some(Level::Tlp(tlp)) => self.tlp = self.tlp.max(Some(tlp.unwrap_or_default())),
            Some(Level::Pap(pap)) => self.pap = self.pap.max(Some(pap.unwrap_or_default())),
            None => {}
        }
    }

    /// The most restrictive of both.
    #[must_use]
    pub(in crate::markers) fn and(self, other: Self) -> Self {
        Self {
            tlp: self.tlp.max(other.tlp),
            pap: self.pap.max(other.pap),
        }
    }

    /// What a marker carries; unmarked is AMBER+STRICT and AMBER.
    #[must_use]
    pub(in crate::markers) fn settle(self) -> (Tlp, Pap) {
        (self.tlp.unwrap_or_default(), self.pap.unwrap_or_default())
    }
}

/// Reads `[{"name": …}]`, `[{"Tag": {"name": …}}]` and names alone into a marking.
pub(super) struct Tags<'m>(pub &'m mut Marking);

impl<'de> DeserializeSeed<'de> for Tags<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tags<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tags")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tags: A) -> Result<(), A::Error> {
        while tags.next_element_seed(Tags(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<Scalar>()? {
            match key.text() {
                "name" => self.0.add(fields.next_value::<Scalar>()?.text()),
                "Tag" => fields.next_value_seed(Tags(&mut *self.0))?,
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_str<E>(self, tag: &str) -> Result<(), E> {
        self.0.add(tag);
        Ok(())
    }

    ignore_scalars!(());
}

impl<'de> Deserialize<'de> for Marking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut marking = Self::default();
        Tags(&mut marking).deserialize(deserializer)?;
        Ok(marking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(json: &str) -> (Tlp, Pap) {
        let marking: Marking = serde_json::from_str(json).expect(json);
        marking.settle()
    }

    #[test]
    fn the_most_restrictive_tag_of_each_taxonomy_wins() {
        let unmarked = (Tlp::AmberStrict, Pap::Amber);
        for (json, expected) in [
            ("[]", unmarked),
            ("null", unmarked),
            (r#"[{"name":"type:OSINT"},{"name":7},{}]"#, unmarked),
            (
                r#"[{"name":"tlp:clear","colour":"x"}]"#,
                (Tlp::Clear, Pap::Amber),
            ),
            (
                r#"[{"name":"TLP:WHITE"},{"name":"pap:white"}]"#,
                (Tlp::Clear, Pap::Clear),
            ),
            (
                r#"[{"name":"tlp:green"},{"name":"tlp:amber+strict"}]"#,
                unmarked,
            ),
            (
                r#"[{"name":"tlp:RED"},{"name":"tlp:green"},{"name":"PAP:RED"}]"#,
                (Tlp::Red, Pap::Red),
            ),
            (
                r#"[{"name":"tlp:unclear"},{"name":"PAP:GREEN"}]"#,
                (Tlp::AmberStrict, Pap::Green),
            ),
            (
                r#"[{"Tag":{"name":"tlp:amber"}}]"#,
                (Tlp::Amber, Pap::Amber),
            ),
            (
                r#"[{"name":"TLP: RED"},{"name":" PAP : RED "}]"#,
                (Tlp::Red, Pap::Red),
            ),
            (r#"["tlp:amber", [1]]"#, (Tlp::Amber, Pap::Amber)),
        ] {
            assert_eq!(settled(json), expected, "{json}");
        }
    }

    #[test]
    fn tags_of_the_event_add_to_those_of_the_attribute() {
        let (mut event, mut attribute) = (Marking::default(), Marking::default());
        event.add("tlp:green");
        attribute.add("PAP:CLEAR");
        assert_eq!(event.and(attribute).settle(), (Tlp::Green, Pap::Clear));
        attribute.add("tlp:red");
        assert_eq!(event.and(attribute).settle(), (Tlp::Red, Pap::Clear));
    }
}

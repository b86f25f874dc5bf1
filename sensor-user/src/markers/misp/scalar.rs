//! A value that MISP writes now as a string, now as a number or a boolean.

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The methods of a visitor that takes any scalar for nothing.
macro_rules! ignore_scalars {
    ($value:ty) => {
        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok(Default::default())
        }

        fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
            Ok(Default::default())
        }

        fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
            Ok(Default::default())
        }

        fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
            Ok(Default::default())
        }

        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok(Default::default())
        }
    };
}
pub(super) use ignore_scalars;

/// A value, as text. Numbers stand in decimal; arrays, objects and null are blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::markers) struct Scalar(String);

impl Scalar {
    /// The text, without white space around it.
    pub(in crate::markers) fn text(&self) -> &str {
        self.0.trim_ascii()
    }

    /// The text itself.
    pub(super) fn into_text(mut self) -> String {
        if self.text().len() != self.0.len() {
            self.0 = self.text().to_owned();
        }
        self.0
    }

    /// As a boolean, which may be written as a number or a string; `None` for anything else.
    pub(super) fn flag(&self) -> Option<bool> {
        flag(self.text())
    }
}

/// A boolean as MISP writes it: `true`, `1`, `"1"`.
pub(in crate::markers) fn flag(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar(value))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Scalar, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_booleans_numbers_or_strings() {
        for (json, expected) in [
            ("true", Some(true)),
            ("1", Some(true)),
            ("\"1\"", Some(true)),
            ("\"True\"", Some(true)),
            ("false", Some(false)),
            ("0", Some(false)),
            ("\"0\"", Some(false)),
            ("\"\"", None),
            ("null", None),
            ("2", None),
            ("[true]", None),
            ("{\"a\":[1]}", None),
        ] {
            let scalar: Scalar = serde_json::from_str(json).expect(json);
            assert_eq!(scalar.flag(), expected, "{json}");
        }
        let scalar: Scalar = serde_json::from_str("\" 203.0.113.5\\n\"").expect("a string");
        assert_eq!(scalar.into_text(), "203.0.113.5");
    }
}

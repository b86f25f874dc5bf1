//! Fields that may be of any type: one of the wrong type refuses its object, not the file.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// A property of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Field<T> {
    /// It is not there.
    #[default]
    Absent,
    /// It is there, of its type.
    Of(T),
    /// It is there, of another type, or twice.
    Bad,
}

impl<T> Field<T> {
    /// Its value, where it is there at all.
    pub(super) fn get(&self) -> Result<Option<&T>, ()> {
        match self {
            Self::Absent => Ok(None),
            Self::Of(value) => Ok(Some(value)),
            Self::Bad => Err(()),
        }
    }

    /// Takes a value; a second one makes both bad.
    pub(super) fn set(&mut self, value: Self) {
        *self = match self {
            Self::Absent => value,
            Self::Of(_) | Self::Bad => Self::Bad,
        };
    }
}

/// What a [`Field`] can be of: a scalar, a list or a map.
pub(super) trait Shape: Sized {
    fn text(_text: &str) -> Option<Self> {
        None
    }

    fn boolean(_value: bool) -> Option<Self> {
        None
    }

    fn list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Shape for String {
    fn text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Shape for bool {
    fn boolean(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl<'de, T: Shape> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

struct Any<T>(PhantomData<T>);

fn field<T>(value: Option<T>) -> Field<T> {
    value.map_or(Field::Bad, Field::Of)
}

impl<'de, T: Shape> Visitor<'de> for Any<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field<T>, E> {
        Ok(field(T::text(text)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field<T>, E> {
        Ok(field(T::boolean(value)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field<T>, E> {
        Ok(Field::Bad)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Field<T>, E> {
        Ok(Field::Bad)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field<T>, E> {
        Ok(Field::Bad)
    }

    /// `null` says nothing.
    fn visit_unit<E>(self) -> Result<Field<T>, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Field<T>, A::Error> {
        T::list(list).map(field)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field<T>, A::Error> {
        T::map(map).map(field)
    }
}

//! The closed list of R. 10-15 CPCE: a struct each of whose fields says under which item of the
//! decree it may be kept.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{MatchedIn, Pap, PatternKind, State, SubscriberSide, Tlp, Vantage};

/// The categories of technical data of R. 10-15 CPCE, by their number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// 1°.
    Origin,
    /// 2°.
    Routing,
    /// 3°.
    Terminal,
    /// 4°.
    Communication,
    /// 5°.
    Access,
    /// 6°.
    Alert,
}

impl Item {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::Origin,
        Self::Routing,
        Self::Terminal,
        Self::Communication,
        Self::Access,
        Self::Alert,
    ];

    /// Its number in the decree.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::Origin => "1°",
            Self::Routing => "2°",
            Self::Terminal => "3°",
            Self::Communication => "4°",
            Self::Access => "5°",
            Self::Alert => "6°",
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Origin => {
                "origin of the communication, user or holder of the information system concerned"
            }
            Self::Routing => "routing and protocol",
            Self::Terminal => "terminal equipment concerned",
            Self::Communication => {
                "characteristics, date, time, volume and duration of each communication"
            }
            Self::Access => "access of the terminal to networks or services",
            Self::Alert => "characteristics, date and time of the alert",
        }
    }
}

/// A field of a closed list.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// Under which item it is kept.
    pub item: Item,
    /// What it is, one line of documentation each.
    pub lines: &'static [&'static str],
    /// Its type, as JSON Schema has it.
    pub shape: fn() -> Value,
}

impl Field {
    /// What it is.
    #[must_use]
    pub fn description(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    }
}

/// Declares a struct and its list of fields, each with its [`Item`].
///
/// ```
/// sensor_user::closed_list! {
///     /// Two fields.
///     pub struct Kept {
///         /// When.
///         [Communication] pub first_seen: jiff::Timestamp,
///         /// How much.
///         [Communication] pub bytes: u64,
///     }
/// }
/// assert_eq!(Kept::FIELDS[1].name, "bytes");
/// ```
///
/// A field without an item does not compile:
///
/// ```compile_fail
/// sensor_user::closed_list! {
///     /// Two fields.
///     pub struct Kept {
///         /// When.
///         [Communication] pub first_seen: jiff::Timestamp,
///         /// How much.
///         pub bytes: u64,
///     }
/// }
/// ```
///
/// Nor does one whose item the decree does not have:
///
/// ```compile_fail
/// sensor_user::closed_list! {
///     /// One field.
///     pub struct Kept {
///         /// How much.
///         [Content] pub bytes: u64,
///     }
/// }
/// ```
#[macro_export]
macro_rules! closed_list {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $(
                $(#[doc = $line:literal])+
                $(#[serde($($serde:tt)*)])?
                [$item:ident] pub $field:ident: $type:ty,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $line])+
                $(#[serde($($serde)*)])?
                pub $field: $type,
            )+
        }

        impl $name {
            /// Every field, with its item of R. 10-15 CPCE.
            pub const FIELDS: &'static [$crate::model::Field] = &[
                $($crate::model::Field {
                    name: stringify!($field),
                    item: $crate::model::Item::$item,
                    lines: &[$($line),+],
                    shape: <$type as $crate::model::closed_list::Shape>::shape,
                },)+
            ];
        }
    };
}

/// What JSON Schema says of a type.
pub trait Shape {
    /// The schema.
    fn shape() -> Value;
}

macro_rules! shapes {
    ($($type:ty => $shape:expr;)+) => {
        $(impl Shape for $type {
            fn shape() -> Value {
                $shape
            }
        })+
    };
}

shapes! {
    bool => json!({"type": "boolean"});
    u16 => json!({"type": "integer", "minimum": 0, "maximum": u16::MAX});
    u32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
    u64 => json!({"type": "integer", "minimum": 0});
    String => json!({"type": "string"});
    IpAddr => json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]});
    Timestamp => json!({"type": "string", "format": "date-time"});
    Vantage => u32::shape();
    State => one_of(&[State::Open, State::Closed]);
    MatchedIn => one_of(&MatchedIn::ALL);
    SubscriberSide => one_of(&[
        SubscriberSide::Src,
        SubscriberSide::Dst,
        SubscriberSide::Both,
        SubscriberSide::Unknown,
    ]);
    PatternKind => one_of(&PatternKind::ALL);
    Tlp => one_of(&[Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::AmberStrict, Tlp::Red]);
    Pap => one_of(&[Pap::Clear, Pap::Green, Pap::Amber, Pap::Red]);
}

impl<T: Shape> Shape for Vec<T> {
    fn shape() -> Value {
        json!({"type": "array", "items": T::shape()})
    }
}

impl<T: Shape> Shape for Option<T> {
    fn shape() -> Value {
        json!({"anyOf": [T::shape(), {"type": "null"}]})
    }
}

fn one_of<T: serde::Serialize>(values: &[T]) -> Value {
    json!({"enum": values})
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;
    use crate::model::Event;

    /// Set it to rewrite the schema instead.
    const REWRITE: &str = "SENSOR_REWRITE_DOCS";

    fn schema() -> Value {
        let property = |field: &Field| {
            let mut shape = (field.shape)();
            shape["description"] = field.description().into();
            shape["x-r-10-15"] = format!("{} {}", field.item.number(), field.item.title()).into();
            (field.name.to_owned(), shape)
        };
        let required: Vec<&str> = Event::FIELDS
            .iter()
            .map(|field| field.name)
            .filter(|name| *name != "test")
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Event of marker-sensor",
            "description": "The only thing stored or reported. Each field names the item of R. 10-15 CPCE \
                            under which it is kept (x-r-10-15); a field that is not here does not exist.",
            "type": "object",
            "additionalProperties": false,
            "required": required,
            "properties": Event::FIELDS.iter().map(property).collect::<serde_json::Map<_, _>>(),
        })
    }

    #[test]
    fn the_schema_of_the_docs_is_that_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/event.schema.json");
        let mut text = serde_json::to_string_pretty(&schema()).expect("JSON");
        text.push('\n');
        if env::var_os(REWRITE).is_some() {
            fs::write(&path, &text).expect("the schema can be written");
        }
        let held = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            held == text,
            "docs/event.schema.json is not what the code does; run this test again with {REWRITE}=1"
        );
    }

    #[test]
    fn the_list_has_the_fields_that_are_serialised_and_no_other() {
        let event = crate::model::event::tests::event();
        let event = serde_json::to_value(Event {
            test: true,
            ..event
        })
        .expect("JSON");
        let event = event.as_object().expect("an object");
        let listed: Vec<&str> = Event::FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(listed.len(), event.len());
        assert!(listed.iter().all(|name| event.contains_key(*name)));
        // What is of the state alone must be told: nobody takes a canary for a communication.
        let plain = crate::model::event::tests::event();
        let plain = serde_json::to_value(plain).expect("JSON");
        assert_eq!(plain.get("test"), None);
    }
}

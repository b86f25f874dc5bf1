//! A warninglist as its file holds it.

use std::{fmt, io::BufRead};

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, SeqAccess, Visitor},
};

use crate::markers::{
    Limits,
    guard::{Bounds, Broke, Guard},
    metered::Metered,
    misp::Scalar,
};

/// What a file may cost; the largest lists have a million names.
const LIMITS: Limits = Limits {
    markers: 5_000_000,
    bytes: 256 << 20,
    value: 16 << 10,
    depth: 8,
};
/// Longest entry, bytes.
const LONGEST_ENTRY: usize = LIMITS.value / 6;
/// Longest name, bytes: it stands in answers and in the catalogue.
const LONGEST_NAME: usize = 200;

/// How the entries of a list are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Whole values.
    #[default]
    String,
    /// Parts of values.
    Substring,
    /// Names, with those below them.
    Hostname,
    /// Prefixes.
    Cidr,
    /// Regular expressions.
    Regex,
}

/// The fields of a file that mean something here.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    /// What the list calls itself.
    pub name: String,
    /// How its entries are compared.
    #[serde(default, rename = "type")]
    pub kind: Kind,
    /// Types of attributes that it is about; all when there are none.
    #[serde(default)]
    pub matching_attributes: Vec<String>,
    /// The entries.
    pub list: Entries,
}

/// Most characters that are told of what the parser says: it may repeat a long value.
const LONGEST_ERROR: usize = 200;

/// Entries, as text.
#[derive(Debug)]
pub(super) struct Entries(pub Vec<compact_str::CompactString>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List)
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = items.next_element::<Scalar>()? {
            if entries.len() >= LIMITS.markers {
                return Err(A::Error::custom("too many entries"));
            }
            if entry.text().is_empty() || entry.text().len() >= LONGEST_ENTRY {
                return Err(A::Error::custom("an entry is blank or too long"));
            }
            entries.push(entry.text().into());
        }
        Ok(Entries(entries))
    }
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(input: &mut dyn BufRead) -> Result<File, String> {
    let mut input = Metered::new(input, &LIMITS, &|_| {});
    let bounds = Bounds {
        depth: LIMITS.depth,
        string: LIMITS.value,
    };
    let mut guard = Guard::new(&mut input, bounds);
    let outcome = serde_json::from_reader(std::io::BufReader::new(&mut guard));
    let file: File = outcome.map_err(|error: serde_json::Error| match guard.broke() {
        Some(Broke::Input(error)) => error.to_string(),
        Some(Broke::TooDeep) => "it is nested too deep for a warninglist".into(),
        None => {
            let error: String = error.to_string().chars().take(LONGEST_ERROR).collect();
            format!("{error}: not the JSON of a MISP warninglist")
        }
    })?;
    let plain =
        (1..=LONGEST_NAME).contains(&file.name.len()) && !file.name.chars().any(char::is_control);
    if !plain {
        return Err(format!("its name is not 1 to {LONGEST_NAME} bytes of text"));
    }
    Ok(file)
}

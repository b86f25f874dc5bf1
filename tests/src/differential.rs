//! Names and fingerprints of any capture, as tshark reads them and as a replay finds them with every one
//! of them loaded as a marker: both ways, connection by connection.
//!
//! What one of them has and the other has not is a [`Difference`], and each is of a [`Class`]; those of
//! no class are faults of the sensor.

mod class;
mod found;
mod read;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

pub use class::Class;
pub use read::{Kind, Reading, readings};

use sensor_user::model::Pattern;

use crate::{offline::Replayed, offline::replay};

/// Both ends of a connection, the lower one first, and the IP protocol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ends {
    protocol: u8,
    ends: [(String, u16); 2],
}

impl Ends {
    pub(crate) fn new(protocol: u8, one: (String, u16), other: (String, u16)) -> Self {
        let mut ends = [one, other];
        ends.sort_unstable();
        Self { protocol, ends }
    }
}

/// What was read or found: a value of a kind in a connection.
pub type Key = (Kind, String, Ends);

/// What one has that the other has not.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What it is.
    pub key: Key,
    /// Frames in which tshark reads it; of what only the replay has, the first frame of its event.
    pub frames: Vec<u64>,
    /// The replay has it.
    pub found: bool,
    /// Why they differ; none: they should not.
    pub class: Option<Class>,
}

/// What a comparison came to.
#[derive(Debug)]
pub struct Comparison {
    /// Values in connections that both have.
    pub equal: usize,
    /// All that the replay has.
    pub found: BTreeSet<Key>,
    /// The rest.
    pub differences: Vec<Difference>,
    /// What the replay said.
    pub replayed: Replayed,
}

impl Comparison {
    /// Differences of no class.
    pub fn unexplained(&self) -> impl Iterator<Item = &Difference> {
        let all = self.differences.iter();
        all.filter(|difference| difference.class.is_none())
    }
}

/// Which markers are loaded: what is not looked for changes how the rest is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Names: what the kernel can decide, it decides.
    Names,
    /// Names, URLs and JA3: every hello and every head is inspected.
    All,
}

impl Load {
    const fn has(self, kind: Kind) -> bool {
        match self {
            Self::Names => kind.is_name(),
            Self::All => true,
        }
    }
}

/// The names among what was read for which a marker can be written.
#[must_use]
pub fn names(readings: &[Reading]) -> BTreeSet<String> {
    let names = readings.iter().filter(|reading| reading.kind.is_name());
    names
        .filter(|reading| Pattern::domain(&reading.value).is_ok())
        .map(|reading| reading.value.clone())
        .collect()
}

/// What a judge says that a replay does not, with its class: the one that is known of it, or that of what
/// tshark reads.
#[must_use]
pub fn beside(
    told: &BTreeMap<Key, Option<Class>>,
    comparison: &Comparison,
    readings: &[Reading],
) -> Vec<(Key, Option<Class>)> {
    let missed = told
        .iter()
        .filter(|(key, _)| !comparison.found.contains(*key));
    let class = |key: &Key| {
        let of = readings.iter().filter(|reading| reading.is(key));
        let of: Vec<&Reading> = of.collect();
        if !of.is_empty() {
            return Class::of(&of);
        }
        // Of a packet within another it tells the inner addresses.
        let same = readings
            .iter()
            .filter(|reading| (reading.kind, &reading.value) == (key.0, &key.1));
        let same: Vec<&Reading> = same.collect();
        Class::of(&same).filter(|class| *class == Class::Encapsulated)
    };
    missed
        .map(|(key, known)| (key.clone(), known.or_else(|| class(key))))
        .collect()
}

/// Compares what tshark read in a capture with what a replay finds there.
///
/// # Panics
/// When the replay cannot be started, or what it prints is no event.
#[must_use]
pub fn compare(capture: &Path, readings: &[Reading], load: Load) -> Comparison {
    let mut read: BTreeMap<Key, Vec<&Reading>> = BTreeMap::new();
    let mut ids: BTreeMap<(bool, String), Kind> = BTreeMap::new();
    for reading in readings {
        if !load.has(reading.kind) {
            continue;
        }
        ids.insert(
            (reading.kind.is_name(), reading.value.clone()),
            reading.kind,
        );
        let key = (reading.kind, reading.value.clone(), reading.ends.clone());
        read.entry(key).or_default().push(reading);
    }
    let mut markers = String::new();
    let mut values = Vec::new();
    for ((_, value), kind) in ids {
        if Pattern::from_words(&[kind.pattern(), &value]).is_ok() {
            markers.push_str(&format!(
                "{} {value} id=m{}\n",
                kind.pattern(),
                values.len()
            ));
            values.push(value);
        }
    }
    // Something is looked for, also where tshark reads nothing.
    markers.push_str("domain nothing-reads-this.invalid id=none\n");
    let replayed = replay(&markers, &[], &[capture]);
    let mut found = found::found(&replayed, &values);
    let all: BTreeSet<Key> = found.keys().cloned().collect();
    let mut differences = Vec::new();
    let mut equal = 0;
    for (key, readings) in read {
        let writable = Pattern::from_words(&[key.0.pattern(), &key.1]).is_ok();
        if found.remove(&key).is_some() {
            equal += 1;
        } else {
            differences.push(Difference {
                frames: readings.iter().map(|reading| reading.frame).collect(),
                found: false,
                class: match writable {
                    true => Class::of(&readings),
                    false => Some(Class::NoMarker),
                },
                key,
            });
        }
    }
    for (key, time) in found {
        let class = if covers_another(&key, readings) {
            Some(Class::Wildcard)
        } else {
            read::is_read_when_told(capture, &key).then_some(Class::OtherProtocol)
        };
        differences.push(Difference {
            class,
            frames: read::frame_at(capture, time).into_iter().collect(),
            found: true,
            key,
        });
    }
    Comparison {
        equal,
        found: all,
        differences,
        replayed,
    }
}

/// Whether a name begins with an asterisk, which a marker takes for every name below the rest, and one of
/// those stands in the same connection.
fn covers_another((kind, value, ends): &Key, readings: &[Reading]) -> bool {
    let Some(below) = value.strip_prefix('*') else {
        return false;
    };
    let mut same = readings
        .iter()
        .filter(|reading| reading.kind == *kind && reading.ends == *ends);
    same.any(|reading| reading.value.ends_with(below) || reading.value == below[1..])
}

impl std::fmt::Display for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [(one, at), (other, to)] = &self.ends;
        write!(f, "proto {} {one} {at} {other} {to}", self.protocol)
    }
}

//! What is measured: programs with their marker sets.

use std::time::Duration;

use sensor_tests::{bench::sets::Set, random::Random};
use sensor_user::{
    dataplane::{
        Limit, Offline, Sizes, Variant,
        bench::{Foreign, Peer, Target},
    },
    model::Image,
};

use crate::{filter::Filter, machine, options::Options};

/// Memory that ten million markers are measured with.
const PLENTY: u64 = 8 << 30;
/// Of the row in which flow table and ring are full after a moment.
const EXHAUSTED: Sizes = Sizes {
    flow_entries: 1024,
    ring_bytes: 4096,
    cpu_slots: 64,
};

/// Of the same row: a token in a thousand seconds.
const SPENT: Limit = Limit {
    interval: Duration::from_secs(1_000),
    burst: Duration::ZERO,
};

/// As configured by default.
fn limit() -> Limit {
    Limit::per_second(1_000, 4_000)
}

pub struct Subject {
    /// In tables and raw data.
    pub name: String,
    pub id: Id,
    pub program: Program,
}

pub enum Program {
    Empty,
    Sensor(Box<Offline>),
    Peer(Box<Peer>),
    Foreign(Foreign),
}

/// What figures ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    Empty,
    ParseOnly,
    /// So many address markers, half of each family.
    Ours(usize),
    /// Address markers and prefixes, half of each family.
    Prefixes,
    /// Every length, dense and nested.
    Dense,
    /// Address markers of this family only (4 or 6).
    Single(u8),
    /// As `Ours` of the usual size, with a flow table and a ring that are full.
    Exhausted,
    /// Two lookups with the addresses of `Single`, both families.
    Hash,
    Trie,
    /// Two trie lookups with the set of `Prefixes`.
    TriePrefixes,
    /// The linear variants, for programs without frags.
    EmptyLinear,
    OursLinear,
    Filter,
}

impl Id {
    /// Of one family and the other.
    pub fn has(self, family: u8) -> bool {
        !matches!(self, Self::Single(other) if other != family)
    }

    pub fn variant(self) -> Variant {
        match self {
            Self::EmptyLinear | Self::OursLinear | Self::Filter => Variant::Linear,
            _ => Variant::Frags,
        }
    }
}

impl Program {
    pub fn target(&mut self) -> Target<'_> {
        match self {
            Self::Empty => Target::Empty,
            Self::Sensor(sensor) => Target::Sensor(sensor),
            Self::Peer(peer) => Target::Peer(peer),
            Self::Foreign(program) => Target::Foreign(program),
        }
    }
}

pub struct Subjects {
    pub all: Vec<Subject>,
    /// The usual number of markers: a million, less in a quick run.
    pub many: usize,
    /// Ten times as many, when they were measured.
    pub most: Option<usize>,
    pub prefixes: usize,
    /// The set of the usual number.
    pub set: Set,
    /// Keeps the wire of xdp-filter; its program lives as long.
    _filter: Option<Filter>,
}

impl Subjects {
    pub fn build(options: &Options, random: &mut Random) -> Result<Self, String> {
        let (many, prefixes) = if options.quick {
            (100_000, 10_000)
        } else {
            (1_000_000, 100_000)
        };
        let room = options.full || machine::meminfo("MemAvailable") > PLENTY;
        let most = (!options.quick && !options.own && room).then_some(many * 10);
        let mut all = vec![
            subject("empty pass", Id::Empty, Program::Empty),
            subject("empty pass, linear", Id::EmptyLinear, Program::Empty),
        ];
        let empty = Set::default().image();
        let parse_only = Offline::parse_only(&empty, Variant::Frags).map_err(said)?;
        all.push(subject(
            "parse only",
            Id::ParseOnly,
            Program::Sensor(Box::new(parse_only)),
        ));
        for size in [0, 1_000, 100_000] {
            if size != many && (size == 100_000 || !options.hits) {
                all.push(ours(random, size)?);
            }
        }
        let set = Set::addresses(random, many / 2, many / 2);
        say(&format!("{many} markers"));
        let image = set.image();
        all.push(sensor(
            &format!("{many} address markers"),
            Id::Ours(many),
            &image,
        )?);
        let small = Offline::as_live(&image, EXHAUSTED, Variant::Frags, SPENT).map_err(said)?;
        all.push(subject(
            "the same, buckets, table and ring spent",
            Id::Exhausted,
            boxed(small),
        ));
        let linear =
            Offline::as_live(&image, Sizes::default(), Variant::Linear, limit()).map_err(said)?;
        all.push(subject("the same, linear", Id::OursLinear, boxed(linear)));

        if let Some(most) = most {
            all.push(ours(random, most)?);
        }

        if options.hits {
            eprintln!();
            return Ok(Self {
                all,
                many,
                most,
                prefixes,
                set,
                _filter: None,
            });
        }
        say("prefixes");
        let with = set
            .clone()
            .with_prefixes(random, prefixes / 2, prefixes / 2);
        let name = format!("{many} addresses, {prefixes} prefixes");
        all.push(sensor(&name, Id::Prefixes, &with.image())?);
        if options.own {
            eprintln!();
            return Ok(Self {
                all,
                many,
                most,
                prefixes,
                set,
                _filter: None,
            });
        }
        let trie = Peer::trie(&with.keys4(), &with.keys6()).map_err(said)?;
        let name = "two trie lookups, the same set";
        all.push(subject(
            name,
            Id::TriePrefixes,
            Program::Peer(Box::new(trie)),
        ));
        let dense = Set::dense(random, many / 4);
        let name = format!("{} dense prefixes", dense.len());
        all.push(sensor(&name, Id::Dense, &dense.image())?);

        say("one family, hashes and tries");
        let v4 = Set::addresses(random, many, 0);
        let v6 = Set::addresses(random, 0, many);
        for (family, set) in [(4, &v4), (6, &v6)] {
            let name = format!("{many} addresses, IPv{family} only");
            all.push(sensor(&name, Id::Single(family), &set.image())?);
        }
        let (v4, v6) = (v4.keys4(), v6.keys6());
        let trie = Peer::trie(&v4, &v6).map_err(said)?;
        let (v4, v6): (Vec<_>, Vec<_>) = (
            v4.iter().map(|key| key.0).collect(),
            v6.iter().map(|key| key.0).collect(),
        );
        let hash = Peer::hash(&v4, &v6).map_err(said)?;
        let name = format!("two hash lookups, {many} addresses");
        all.push(subject(&name, Id::Hash, Program::Peer(Box::new(hash))));
        let name = format!("two trie lookups, {many} addresses");
        all.push(subject(&name, Id::Trie, Program::Peer(Box::new(trie))));

        let filter = Filter::load()?;
        if let Some(filter) = &filter {
            let name = format!("xdp-filter, {} address rules", filter.rules());
            let program = Program::Foreign(filter.program()?);
            all.push(subject(&name, Id::Filter, program));
        }
        eprintln!();
        Ok(Self {
            all,
            many,
            most,
            prefixes,
            set,
            _filter: filter,
        })
    }

    /// The sensor with the usual number of markers.
    pub fn ours(&self) -> Id {
        Id::Ours(self.many)
    }
}

fn subject(name: &str, id: Id, program: Program) -> Subject {
    Subject {
        name: name.to_owned(),
        id,
        program,
    }
}

/// The sensor as an interface has it.
pub fn as_live(image: &Image) -> Result<Offline, String> {
    Offline::as_live(image, Sizes::default(), Variant::Frags, limit()).map_err(said)
}

fn sensor(name: &str, id: Id, image: &Image) -> Result<Subject, String> {
    Ok(subject(name, id, boxed(as_live(image)?)))
}

/// The sensor with so many address markers, half of each family.
fn ours(random: &mut Random, size: usize) -> Result<Subject, String> {
    say(&format!("{size} markers"));
    let image = Set::addresses(random, size / 2, size / 2).image();
    sensor(&format!("{size} address markers"), Id::Ours(size), &image)
}

fn boxed(offline: Offline) -> Program {
    Program::Sensor(Box::new(offline))
}

pub fn said(error: impl std::error::Error) -> String {
    error.to_string()
}

fn say(what: &str) {
    eprint!("\r\x1b[Kbuilding: {what} ");
}

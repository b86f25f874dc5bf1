//! The handling of every object, decided at the end: definitions may stand behind what they mark.

use std::collections::{BTreeSet, HashMap};

use super::{
    field::Field,
    identifier::uuid,
    marking::{Labels, Marks, defined, known},
    object::{Object, Refs},
};
use crate::model::{Pap, Tlp};

/// Most definitions of markings in a bundle.
const MOST_DEFINITIONS: usize = 65_536;
/// Most references in all the different sets of markings together.
const MOST_REFERENCES: usize = 1 << 20;

/// A bundle has more markings than any needs.
#[derive(Debug)]
pub(super) struct TooMany;

/// The markings of an object; most objects share one of a few.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Set {
    own: Vec<u128>,
    parts: Vec<u128>,
    /// By label, and whether something was not understood.
    said: Marks,
}

/// All markings of a bundle.
#[derive(Debug, Default)]
pub(super) struct Handling {
    definitions: HashMap<u128, Marks>,
    numbers: HashMap<Set, u32>,
    references: usize,
    /// Reports and groupings, by number of their sets.
    containers: BTreeSet<u32>,
}

impl Handling {
    /// Takes a `marking-definition`. Two of one id say what both say.
    pub(super) fn define(&mut self, object: &Object) -> Result<(), TooMany> {
        let id = object.id.get().ok().flatten();
        let Some(id) = id.and_then(|id| uuid(id, "marking-definition")) else {
            // Nothing can refer to it.
            return Ok(());
        };
        let marks = self.definitions.entry(id).or_default();
        *marks = marks.and(defined(object));
        if self.definitions.len() > MOST_DEFINITIONS {
            return Err(TooMany);
        }
        Ok(())
    }

    /// Takes a report or a grouping: what it is marked with is the least for objects that are not.
    pub(super) fn contain(&mut self, object: &Object) -> Result<(), TooMany> {
        let number = self.number(object)?;
        self.containers.insert(number);
        Ok(())
    }

    /// The number of an object's set of markings.
    pub(super) fn number(&mut self, object: &Object) -> Result<u32, TooMany> {
        let (own, unclear) = refs(&object.marking_refs, |refs| refs)?;
        let (parts, also) = refs(&object.granular_markings, |granular| &granular.0)?;
        let labels = match object.labels {
            Field::Of(Labels(marks)) => marks,
            Field::Absent => Marks::default(),
            Field::Bad => Marks::UNCLEAR,
        };
        let unclear = unclear || also || labels.unclear;
        let said = Marks { unclear, ..labels };
        let set = Set { own, parts, said };
        if let Some(number) = self.numbers.get(&set) {
            return Ok(*number);
        }
        self.references += set.own.len() + set.parts.len() + 1;
        let number = u32::try_from(self.numbers.len()).map_err(|_| TooMany)?;
        if self.references > MOST_REFERENCES {
            return Err(TooMany);
        }
        self.numbers.insert(set, number);
        Ok(number)
    }

    /// The handling of each set, by number.
    pub(super) fn decide(&self) -> Vec<(Tlp, Pap)> {
        let mut sets = vec![&EMPTY; self.numbers.len()];
        for (set, number) in &self.numbers {
            sets[*number as usize] = set;
        }
        let containers = self.containers.iter();
        let floor = containers.fold(Marks::default(), |marks, number| {
            let set = sets[*number as usize];
            marks.and(self.own(set)).and(self.of(&set.parts))
        });
        sets.into_iter().map(|set| self.level(set, floor)).collect()
    }

    fn own(&self, set: &Set) -> Marks {
        self.of(&set.own).and(set.said)
    }

    /// What all of these markings say; one that is nowhere defined is not understood.
    fn of(&self, ids: &[u128]) -> Marks {
        let unclear = Marks {
            unclear: true,
            ..Marks::default()
        };
        ids.iter().fold(Marks::default(), |marks, id| {
            let said = match (known(*id), self.definitions.get(id)) {
                (None, None) => unclear,
                (None, Some(defined)) => *defined,
                (Some(known), None) => known,
                // A definition may add to what a well-known id says, but not blur it.
                (Some(known), Some(defined)) => Marks {
                    unclear: false,
                    ..known.and(*defined)
                },
            };
            marks.and(said)
        })
    }

    /// The most restrictive of all; nothing that is unmarked or unclear is below the defaults.
    fn level(&self, set: &Set, floor: Marks) -> (Tlp, Pap) {
        let (own, parts) = (self.own(set), self.of(&set.parts));
        let unmarked = (
            Tlp::default().max(floor.tlp.unwrap_or_default()),
            Pap::default().max(floor.pap.unwrap_or_default()),
        );
        let mut tlp = own
            .tlp
            .unwrap_or(unmarked.0)
            .max(parts.tlp.unwrap_or(Tlp::Clear));
        let mut pap = own
            .pap
            .unwrap_or(unmarked.1)
            .max(parts.pap.unwrap_or(Pap::Clear));
        if own.unclear || parts.unclear {
            (tlp, pap) = (tlp.max(Tlp::default()), pap.max(Pap::default()));
        }
        (tlp, pap)
    }
}

static EMPTY: Set = Set {
    own: Vec::new(),
    parts: Vec::new(),
    said: Marks {
        tlp: None,
        pap: None,
        unclear: false,
    },
};

/// References in order, each once, and whether they are not understood.
fn refs<T>(field: &Field<T>, refs: impl Fn(&T) -> &Refs) -> Result<(Vec<u128>, bool), TooMany> {
    Ok(match field {
        Field::Absent => (Vec::new(), false),
        Field::Bad => (Vec::new(), true),
        Field::Of(value) => {
            let refs = refs(value);
            if refs.excess {
                return Err(TooMany);
            }
            let mut ids = refs.ids.clone();
            ids.sort_unstable();
            ids.dedup();
            (ids, refs.unclear)
        }
    })
}

//! Changing single patterns of the live generation in place.
//!
//! One key's word is one aligned write: a packet sees the pattern or does not. The value is
//! written before the word that leads to it; a value that is read while another takes its place
//! has another key, or an id that the agent refutes on the exact value. The filter only gains
//! bits: what a removed pattern leaves in it costs look-ups, until the next whole generation.

use std::collections::HashMap;

use aya::maps::{Array, MapData};
use sensor_common::{
    BUCKET_WORDS, BUCKETS_PER_PAGE, Chunk, NameKeys, PATTERNS_PER_PAGE, Pattern as Value,
    PatternKey, PatternPage, map,
};

use super::{Error, encode::Shape, error::InMap as _, filter, load::Instance, table};
use crate::model::Pattern;

/// Marks per word of the filter up to which it takes more: twice what it is sized for.
const MOST_MARKS_PER_WORD: usize = 8;

/// The maps of the live generation and what its program was specialised for.
pub(super) struct Editor {
    anchor: Instance,
    shape: Shape,
    keys: NameKeys,
    /// Patterns ever numbered; below it, numbers in `free` are unused.
    numbered: u32,
    free: Vec<u32>,
    /// Hashed marks that the filter was given.
    marks: filter::Marks,
}

/// What a pattern is to become.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    /// The pattern, one that the kernel looks for.
    pub pattern: Pattern,
    /// Its key.
    pub key: PatternKey,
    /// Its value, `None` to remove it.
    pub value: Option<Value>,
}

impl Editor {
    pub(super) fn new(anchor: Instance, shape: Shape, keys: NameKeys) -> Self {
        Self {
            anchor,
            shape,
            keys,
            numbered: shape.patterns,
            free: Vec::new(),
            marks: shape.marks,
        }
    }

    /// Whether the program and the maps take these patterns as they are.
    pub(super) fn fits(&mut self, added: &[Edit]) -> Result<bool, Error> {
        let room = (self.shape.room - self.numbered) as usize + self.free.len();
        let mut marks = self.marks;
        for edit in added {
            let (family, count) = filter::mark_count(&edit.pattern);
            marks[family] += count;
        }
        let mut parts = marks.iter().zip(self.shape.hashed.parts());
        let holds = parts.all(|(marks, words)| *marks <= words as usize * MOST_MARKS_PER_WORD);
        let fits = added.len() <= room
            && holds
            && added.iter().all(|edit| self.specialised_for(&edit.pattern));
        Ok(fits && self.has_places(added)?)
    }

    /// Whether the buckets have free words for all of them.
    fn has_places(&mut self, added: &[Edit]) -> Result<bool, Error> {
        let mut taken: HashMap<u32, usize> = HashMap::new();
        for edit in added {
            let key = edit.key;
            if let Some((_, _, held)) = self.find(key)? {
                // Another name of the same hash: a whole generation says so.
                if edit.value.is_some_and(|value| value.id != held.id) {
                    return Ok(false);
                }
                continue;
            }
            let mut best = (0, 0);
            for bucket in key.place().buckets(self.shape.buckets) {
                let words = self.bucket(bucket)?;
                let free = words.iter().filter(|word| **word == 0).count();
                let free = free.saturating_sub(taken.get(&bucket).copied().unwrap_or_default());
                best = best.max((free, bucket));
            }
            let (free, bucket) = best;
            // One to spare: of two buckets alike, the other may be taken in the end.
            if free < 2 {
                return Ok(false);
            }
            *taken.entry(bucket).or_default() += 1;
        }
        Ok(true)
    }

    fn specialised_for(&self, pattern: &Pattern) -> bool {
        match pattern {
            Pattern::Endpoint { .. } if !self.shape.special.endpoints => false,
            Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
                if address.is_ipv4() {
                    self.shape.special.exact4
                } else {
                    self.shape.special.exact6
                }
            }
            // A length that is listed has set what the program asks for with it.
            Pattern::Cidr(net) if net.addr().is_ipv4() => {
                self.shape.special.lengths4.contains(&net.prefix_len())
            }
            Pattern::Cidr(net) => self.shape.special.lengths6.contains(&net.prefix_len()),
            Pattern::Domain(_) => self.shape.special.domains,
            Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => false,
        }
    }

    /// Makes the edits, one by one, and tells how to take them back. When a map refuses or a bucket
    /// is full ([`Editor::fits`] tells that before), what was done is taken back.
    pub(super) fn apply(&mut self, edits: &[Edit]) -> Result<Vec<Edit>, Error> {
        if edits.is_empty() {
            return Ok(Vec::new());
        }
        self.admit(edits)?;
        let undo = self.make(edits)?;
        if let Err(error) = self.anchor.set_edited() {
            self.undo(&undo)?;
            return Err(error);
        }
        Ok(undo)
    }

    fn make(&mut self, edits: &[Edit]) -> Result<Vec<Edit>, Error> {
        let mut undo: Vec<Edit> = Vec::new();
        for edit in edits {
            let outcome = match edit.value {
                Some(value) => self.put(&edit.pattern, value),
                None => self.remove(edit.key).map(Some),
            };
            match outcome {
                Ok(Some(value)) => {
                    let before = Edit {
                        value,
                        ..edit.clone()
                    };
                    undo.insert(0, before);
                }
                Ok(None) => {
                    self.undo(&undo)?;
                    return Err(Error::Unverified { map: map::INDEX });
                }
                Err(error) => {
                    self.undo(&undo)?;
                    return Err(error);
                }
            }
        }
        Ok(undo)
    }

    /// Takes edits back: their places are free.
    pub(super) fn undo(&mut self, undo: &[Edit]) -> Result<(), Error> {
        for edit in undo {
            match edit.value {
                Some(value) => drop(self.put(&edit.pattern, value)?),
                None => drop(self.remove(edit.key)?),
            }
        }
        self.anchor.set_edited()
    }

    /// Makes the generation that was built as `number` the one that judges.
    pub(super) fn set_live(&mut self, number: u32) -> Result<(), Error> {
        self.anchor.set_live(number)
    }

    /// Writes the number of the generation, which hits carry.
    pub(super) fn set_generation(&mut self, generation: u32) -> Result<(), Error> {
        self.anchor.set_generation(generation)
    }

    /// Puts a pattern that the filter lets through; the value it had, or `None` when there is no room in its buckets.
    fn put(&mut self, pattern: &Pattern, value: Value) -> Result<Option<Option<Value>>, Error> {
        if let Some((_, number, before)) = self.find(value.key)? {
            self.write_value(number, value)?;
            return Ok(Some(Some(before)));
        }
        let Some((bucket, at)) = self.free_word(value.key)? else {
            return Ok(None);
        };
        let number = match self.free.pop() {
            Some(number) => number,
            None if self.numbered < self.shape.room => {
                self.numbered += 1;
                self.numbered - 1
            }
            None => return Ok(None),
        };
        self.write_value(number, value)?;
        self.write_word(bucket, at, value.key.place().word(number))?;
        let (family, count) = filter::mark_count(pattern);
        self.marks[family] += count;
        Ok(Some(None))
    }

    /// Removes a pattern; the value it had.
    fn remove(&mut self, key: PatternKey) -> Result<Option<Value>, Error> {
        let Some(((bucket, at), number, value)) = self.find(key)? else {
            return Ok(None);
        };
        self.write_word(bucket, at, 0)?;
        self.free.push(number);
        Ok(Some(value))
    }

    /// Lets patterns that come through the filter, in one step: it is written as a whole.
    fn admit(&mut self, edits: &[Edit]) -> Result<(), Error> {
        let coming = edits.iter().filter(|edit| edit.value.is_some());
        self.anchor.edit_filter(|words| {
            for edit in coming {
                filter::marks(&edit.pattern, self.shape.hashed, self.keys, |word, bits| {
                    words[word as usize] |= bits;
                });
            }
        })
    }

    /// Where a key stands, its number and its value.
    #[expect(clippy::type_complexity, reason = "a private answer of three parts")]
    fn find(&mut self, key: PatternKey) -> Result<Option<((u32, usize), u32, Value)>, Error> {
        for bucket in key.place().buckets(self.shape.buckets) {
            let words = self.bucket(bucket)?;
            let found = table::find(key, &words, |number| self.read_value(number))?;
            if let Some((at, number)) = found {
                let value = self.read_value(number)?;
                return Ok(Some(((bucket, at), number, value)));
            }
        }
        Ok(None)
    }

    /// The place for a new key: in the emptier of its buckets.
    fn free_word(&mut self, key: PatternKey) -> Result<Option<(u32, usize)>, Error> {
        let mut best: Option<(usize, u32, usize)> = None;
        for bucket in key.place().buckets(self.shape.buckets) {
            let words = self.bucket(bucket)?;
            let free = words.iter().filter(|word| **word == 0).count();
            if let Some(at) = words.iter().position(|word| *word == 0)
                && best.is_none_or(|(most, _, _)| free > most)
            {
                best = Some((free, bucket, at));
            }
        }
        Ok(best.map(|(_, bucket, at)| (bucket, at)))
    }

    fn bucket(&mut self, bucket: u32) -> Result<[u64; BUCKET_WORDS], Error> {
        let (page, first) = bucket_at(bucket);
        let chunk = self.words(map::INDEX)?.get(&page, 0).in_map(map::INDEX)?;
        Ok(std::array::from_fn(|at| chunk[first + at]))
    }

    fn write_word(&mut self, bucket: u32, at: usize, word: u64) -> Result<(), Error> {
        let (page, first) = bucket_at(bucket);
        let mut index = self.words(map::INDEX)?;
        let mut chunk = index.get(&page, 0).in_map(map::INDEX)?;
        chunk[first + at] = word;
        index.set(page, chunk, 0).in_map(map::INDEX)
    }

    fn read_value(&mut self, number: u32) -> Result<Value, Error> {
        let (page, at) = value_at(number);
        let pages = self.anchor.array::<PatternPage>(map::PATTERNS)?;
        Ok(pages.get(&page, 0).in_map(map::PATTERNS)?[at])
    }

    fn write_value(&mut self, number: u32, value: Value) -> Result<(), Error> {
        let (page, at) = value_at(number);
        let mut pages = self.anchor.array::<PatternPage>(map::PATTERNS)?;
        let mut values = pages.get(&page, 0).in_map(map::PATTERNS)?;
        values[at] = value;
        pages.set(page, values, 0).in_map(map::PATTERNS)
    }

    fn words(&mut self, name: &'static str) -> Result<Array<&mut MapData, Chunk>, Error> {
        self.anchor.array(name)
    }
}

const fn bucket_at(bucket: u32) -> (u32, usize) {
    let pages = BUCKETS_PER_PAGE as u32;
    (bucket / pages, (bucket % pages) as usize * BUCKET_WORDS)
}

const fn value_at(number: u32) -> (u32, usize) {
    let pages = PATTERNS_PER_PAGE as u32;
    (number / pages, (number % pages) as usize)
}

//! The table of patterns in memory: where each key stands. Pure.

use sensor_common::{
    BUCKET_WORDS, BUCKETS_PER_PAGE, MOST_PATTERNS, PATTERNS_PER_PAGE, Pattern, PatternKey,
};

/// Words of the index per pattern: buckets of eight that hold four on average overflow about never.
const WORDS_PER_PATTERN: usize = 2;
/// Room for patterns that come one by one: an eighth, and this many.
const FEWEST_SPARE: usize = 512;
/// How often the index grows by a quarter when a bucket overflows all the same.
const MOST_TRIES: usize = 8;

/// Index and patterns of one generation.
#[derive(Debug)]
pub struct Table {
    /// Whole pages of buckets.
    pub index: Vec<u64>,
    /// Patterns by number.
    pub patterns: Vec<Pattern>,
    /// How many patterns the map has room for: whole pages.
    pub room: u32,
}

/// A set that the table cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DoesNotFit {
    /// More than the index can number.
    #[error(
        "the set has {patterns} patterns, a generation holds at most {}; load a smaller set",
        MOST_PATTERNS
    )]
    TooMany {
        /// Patterns of the set.
        patterns: usize,
    },
    /// Two names have one hash under the keys of this run.
    #[error("two names of the set have one 64-bit hash; a start of the agent makes other keys")]
    Collision,
    /// Buckets overflow however large the index.
    #[error("{patterns} patterns do not fit an index of {words} words; report this set's size")]
    Overflow {
        /// Patterns of the set.
        patterns: usize,
        /// Words of the largest index tried.
        words: usize,
    },
}

impl Table {
    /// Places patterns of distinct keys.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, DoesNotFit> {
        let count = patterns.len();
        if count > MOST_PATTERNS as usize {
            return Err(DoesNotFit::TooMany { patterns: count });
        }
        let spare = count / 8 + FEWEST_SPARE;
        let room = (count + spare).next_multiple_of(PATTERNS_PER_PAGE);
        let room = room.min(MOST_PATTERNS as usize) as u32;
        let mut words = (count + spare) * WORDS_PER_PATTERN;
        for _ in 0..MOST_TRIES {
            words = words.next_multiple_of(BUCKETS_PER_PAGE * BUCKET_WORDS);
            if let Some(index) = index_of(&patterns, words) {
                return Ok(Self {
                    index,
                    patterns,
                    room,
                });
            }
            words += words / 4;
        }
        Err(DoesNotFit::Overflow {
            patterns: count,
            words,
        })
    }
}

fn buckets(index: &[u64]) -> u32 {
    u32::try_from(index.len() / BUCKET_WORDS).expect("an index of 2^24 patterns has fewer")
}

fn index_of(patterns: &[Pattern], words: usize) -> Option<Vec<u64>> {
    let mut index = vec![0; words];
    let buckets = buckets(&index);
    for (number, pattern) in (0u32..).zip(patterns) {
        let place = pattern.key.place();
        let [one, other] = place.buckets(buckets).map(|bucket| bucket as usize);
        let free = |bucket: usize| {
            let words = &index[bucket * BUCKET_WORDS..][..BUCKET_WORDS];
            words.iter().filter(|word| **word == 0).count()
        };
        // The emptier of the two; of equals the first, so that the result is determined.
        let bucket = if free(other) > free(one) { other } else { one };
        let words = &mut index[bucket * BUCKET_WORDS..][..BUCKET_WORDS];
        *words.iter_mut().find(|word| **word == 0)? = place.word(number);
    }
    Some(index)
}

/// The word of a bucket that holds `key`, and the number it stands for. `pattern` reads a pattern.
pub fn find<E>(
    key: PatternKey,
    words: &[u64],
    mut pattern: impl FnMut(u32) -> Result<Pattern, E>,
) -> Result<Option<(usize, u32)>, E> {
    let place = key.place();
    for (at, word) in words.iter().enumerate() {
        if *word == 0 {
            continue;
        }
        if let Some(number) = place.number(*word)
            && pattern(number)?.key == key
        {
            return Ok(Some((at, number)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key(number: u32) -> PatternKey {
        PatternKey::v4(number.wrapping_mul(2_654_435_761), 0, 0, 32)
    }

    fn table(count: u32) -> Table {
        let patterns = (0..count).map(|number| Pattern {
            key: key(number),
            id: u64::from(number),
            ..Pattern::default()
        });
        Table::new(patterns.collect()).expect("it fits")
    }

    fn lookup(table: &Table, key: PatternKey) -> Option<u64> {
        key.place()
            .buckets(buckets(&table.index))
            .into_iter()
            .find_map(|bucket| {
                let words = &table.index[bucket as usize * BUCKET_WORDS..][..BUCKET_WORDS];
                let read = |number| Ok::<_, ()>(table.patterns[number as usize]);
                find(key, words, read).expect("no error")
            })
            .map(|(_, number)| table.patterns[number as usize].id)
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        for count in [0, 1, 7, 1_000, 100_000] {
            let table = table(count);
            assert!((0..count).all(|number| lookup(&table, key(number)) == Some(number.into())));
            assert!((count..count + 1_000).all(|number| lookup(&table, key(number)).is_none()));
            let words: HashSet<u64> = table
                .index
                .iter()
                .copied()
                .filter(|word| *word != 0)
                .collect();
            assert_eq!(words.len(), count as usize);
        }
    }

    #[test]
    fn the_same_patterns_give_the_same_table() {
        assert_eq!(table(10_000).index, table(10_000).index);
    }

    #[test]
    fn a_set_that_is_too_large_is_refused_with_its_numbers() {
        let patterns = vec![Pattern::default(); MOST_PATTERNS as usize + 1];
        let refused = Table::new(patterns).expect_err("too many").to_string();
        assert!(
            refused.contains("16777215") && refused.contains("16777214"),
            "{refused}"
        );
    }
}

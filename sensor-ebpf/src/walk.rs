//! Names label by label: from a DNS message, from text, and back through their parents.
//!
//! Global functions in the verifier's sense: only scalars cross, each is verified once.

use sensor_common::{LONGEST_NAME, LabelHash, MOST_LABELS, NameHash, NameKeys, PatternKey};

use crate::{
    confirm::probe_name, emit::probed, flows::next, lookup::has, maps, name_keys::name_keys,
    scratch,
};

/// Longest label (RFC 1035 §2.3.4).
const LONGEST_LABEL: u64 = 63;

/// Steps over the longest names: eight bytes each, and one for each label.
const TURNS: usize = 160;

/// Not a name.
pub const BAD: u32 = u32::MAX;
/// A name that goes on elsewhere in its message.
pub const POINTER: u32 = u32::MAX - 1;

/// Hashes the labels of the name at `start` of the DNS message that was copied, `length` bytes of which
/// are there (RFC 1035 §4.1.2); how many there are.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn walk_dns(start: u32, length: u32) -> u32 {
    let Some(message) = scratch::copied() else {
        return BAD;
    };
    let keys = name_keys();
    let length = u64::from(length);
    let first_byte = u64::from(start);
    let mut at = first_byte;
    let (mut left, mut size, mut labels) = (0u64, 0u64, 0u64);
    let mut hash = LabelHash::new(keys);
    let mut turn = 0;
    while turn < TURNS {
        turn = next(turn);
        at = message.unknown::<0>(at);
        labels = message.unknown::<1>(labels);
        left = message.unknown::<2>(left);
        if left == 0 {
            if at >= length || at - first_byte >= LONGEST_NAME as u64 {
                return BAD;
            }
            left = message.byte(at);
            if left == 0 {
                return labels as u32;
            }
            at += 1;
            if left > 63 {
                return if left >= 0xc0 { POINTER } else { BAD };
            }
            size = left;
            hash = LabelHash::new(keys);
        }
        let count = if left < 8 { left } else { 8 };
        hash = hash.with(first(message.eight(at), count), keys);
        at += count;
        left -= count;
        if left == 0 {
            message.set_label(labels, hash.finish(size as u32));
            labels += 1;
        }
    }
    BAD
}

/// The same of text between two places, labels separated by dots; a dot at the end is not looked at.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn walk_text(start: u32, end: u32) -> u32 {
    let Some(text) = scratch::copied() else {
        return BAD;
    };
    let keys = name_keys();
    let (mut at, mut end) = (u64::from(start), u64::from(end));
    if at < end && text.byte(end - 1) == u64::from(b'.') {
        end -= 1;
    }
    // As text, without the length of the first label and the root.
    if at >= end || end - at > LONGEST_NAME as u64 - 2 {
        return BAD;
    }
    let (mut size, mut labels) = (0u64, 0u64);
    let mut hash = LabelHash::new(keys);
    let mut turn = 0;
    while turn < TURNS {
        turn = next(turn);
        at = text.unknown::<0>(at);
        labels = text.unknown::<1>(labels);
        size = text.unknown::<2>(size);
        let left = end.wrapping_sub(at);
        if left > LONGEST_NAME as u64 {
            return BAD;
        }
        let count = if left < 8 { left } else { 8 };
        let word = text.eight(at);
        let dots = first_of(first_mask(find(word, b'.'), count));
        if dots == NONE {
            hash = hash.with_some(word, count, keys);
            size += count;
            at += count;
            if at < end {
                continue;
            }
        } else {
            hash = hash.with_some(word, dots, keys);
            size += dots;
            at += dots + 1;
        }
        if labels >= MOST_LABELS as u64 || size == 0 || size > LONGEST_LABEL {
            return BAD;
        }
        text.set_label(labels, hash.finish(size as u32));
        labels += 1;
        if dots == NONE {
            return labels as u32;
        }
        hash = LabelHash::new(keys);
        size = 0;
    }
    BAD
}

trait WithSome {
    /// With the first `count` of eight bytes; none change nothing.
    fn with_some(self, word: u64, count: u64, keys: NameKeys) -> Self;
}

impl WithSome for LabelHash {
    #[inline(always)]
    fn with_some(self, word: u64, count: u64, keys: NameKeys) -> Self {
        if count == 0 {
            return self;
        }
        self.with(first(word, count), keys)
    }
}

/// The first `count` of eight bytes, at least one.
#[inline(always)]
const fn first(word: u64, count: u64) -> u64 {
    let beyond = ((8 - count) * 8) & 63;
    word << beyond >> beyond
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each byte that is `byte`; above the first of them also of others.
#[inline(always)]
pub const fn find(word: u64, byte: u8) -> u64 {
    let word = word ^ (byte as u64 * ONES);
    word.wrapping_sub(ONES) & !word & (0x80 * ONES)
}

/// The highest bit of each byte that is below `byte`, at most 128; above the first of them also of
/// others.
#[inline(always)]
pub const fn find_below(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(byte as u64 * ONES) & !word & (0x80 * ONES)
}

/// Of marks of bytes those of the first `count`, at least one.
#[inline(always)]
pub const fn first_mask(marks: u64, count: u64) -> u64 {
    first(marks, count)
}

/// No byte.
pub const NONE: u64 = 8;

/// Which byte is the first that is marked.
#[inline(always)]
pub const fn first_of(marks: u64) -> u64 {
    if marks == 0 {
        return NONE;
    }
    // The lowest bit alone, less one: all bits of the bytes before it, which are counted.
    let below = (marks & marks.wrapping_neg()).wrapping_sub(1);
    ((below >> 7) & ONES).wrapping_mul(ONES) >> 56
}

/// Compares the name whose labels were hashed, and each of its parents, with the patterns; how many
/// in force match.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn match_name(labels: u32, bytes: u32, matched_in: u32) -> u32 {
    let (Some(name), Some(filter)) = (scratch::copied(), maps::filter()) else {
        return 0;
    };
    let keys = name_keys();
    let mut hash = NameHash::root(keys);
    let mut label = u64::from(labels);
    let mut matched = 0;
    let mut turn = 0;
    while turn < MOST_LABELS {
        turn = next(turn);
        if label == 0 {
            break;
        }
        label -= 1;
        hash = hash.child(name.label(label), keys);
        let word = filter.word_of_name(hash);
        if has(word, hash.mark(true)) {
            matched += probe(hash, true, bytes, matched_in);
        }
        if label == 0 && has(word, hash.mark(false)) {
            matched += probe(hash, false, bytes, matched_in);
        }
    }
    matched
}

#[inline(always)]
fn probe(hash: NameHash, subdomains: bool, bytes: u32, matched_in: u32) -> u32 {
    let key = PatternKey::name(hash, subdomains);
    probed::matched(probe_name(key.high, key.low, key.rest, bytes, matched_in))
}

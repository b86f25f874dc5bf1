//! The exact table: which pattern has a key.

use core::arch::asm;

use sensor_common::{BUCKET_WORDS, NUMBER_BITS, Pattern, PatternKey, Place};

use crate::{flows::next, maps};

/// The pattern that has this key.
#[inline(always)]
pub fn find(key: PatternKey) -> Option<&'static Pattern> {
    let place = key.place();
    let buckets = place.buckets(maps::BUCKETS.load());
    let words = (maps::bucket(buckets[0])?, maps::bucket(buckets[1])?);
    let (one, other) = (pick(words.0, place.tag()), pick(words.1, place.tag()));
    let mut picked = one.0 | other.0;
    if one.1 + other.1 > 1 {
        // Once in some 10^10 look-ups.
        picked = u64::from(find_alike(key.high, key.low, key.rest));
    }
    of(key, Place::number_of(picked))
}

/// What of a bucket has this tag, and how often. Without branches, whose outcome nobody could
/// foretell; the compiler would make eight of it.
#[inline(always)]
fn pick(words: &[u64; BUCKET_WORDS], tag: u64) -> (u64, u64) {
    let (mut picked, mut count) = (0u64, 0u64);
    macro_rules! word {
        ($at:literal) => {
            // SAFETY: reads a word of the bucket. Only where the tags are equal the subtraction wraps,
            // and the mask is all ones.
            unsafe {
                asm!(
                    "{word} = *(u64 *)({words} + {at})",
                    "{mask} = {word}",
                    "{mask} >>= {bits}",
                    "{mask} ^= {tag}",
                    "{mask} += -1",
                    "{mask} s>>= 63",
                    "{word} &= {mask}",
                    "{picked} |= {word}",
                    "{count} -= {mask}",
                    words = in(reg) words.as_ptr(),
                    tag = in(reg) tag,
                    picked = inout(reg) picked,
                    count = inout(reg) count,
                    word = out(reg) _,
                    mask = out(reg) _,
                    at = const $at * size_of::<u64>(),
                    bits = const NUMBER_BITS,
                    options(pure, readonly, nostack),
                );
            }
        };
    }
    word!(0);
    word!(1);
    word!(2);
    word!(3);
    word!(4);
    word!(5);
    word!(6);
    word!(7);
    (picked, count)
}

/// A word for the number of a key that has the same tag as another one in its buckets; 0 when it is
/// not there.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn find_alike(high: u64, low: u64, rest: u64) -> u32 {
    let key = PatternKey { high, low, rest };
    let place = key.place();
    let mut at = 0;
    while at < 2 * BUCKET_WORDS {
        // Anew each time: what is kept meanwhile takes stack.
        let [one, other] = place.buckets(maps::BUCKETS.load());
        let Some(words) = maps::bucket(if at < BUCKET_WORDS { one } else { other }) else {
            return 0;
        };
        if let Some(number) = place.number(words[at % BUCKET_WORDS])
            && of(key, number).is_some()
        {
            return number + 1;
        }
        // A loop written out needs more stack than there is.
        at = next(at);
    }
    0
}

/// The pattern of this number, if it has the key.
#[inline(always)]
fn of(key: PatternKey, number: u32) -> Option<&'static Pattern> {
    maps::pattern(number).filter(|pattern| pattern.key == key)
}

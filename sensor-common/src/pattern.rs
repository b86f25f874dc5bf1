//! The table of patterns: keys, values, and the arithmetic of where a key stands.
//!
//! A generation holds one table of all kinds of patterns. Its values lie densely in pages; its
//! index is an array of buckets of eight words, a cache line each. A key may stand in either of two
//! buckets; the word holds 40 bits of the key's hash and the number of its value, where the whole
//! key is compared. Both are plain arrays: filled a page a call, freed at once, one look-up without
//! pointers to follow.

/// Words in a bucket: one cache line.
pub const BUCKET_WORDS: usize = 8;
/// Buckets in one value of the index map.
pub const BUCKETS_PER_PAGE: usize = crate::CHUNK_WORDS / BUCKET_WORDS;
/// Patterns in one value of the patterns map: a page.
pub const PATTERNS_PER_PAGE: usize = 64;
/// Most patterns of a generation: what the 24 bits of a word can number.
pub const MOST_PATTERNS: u32 = (1 << NUMBER_BITS) - 2;

/// One value of the patterns map.
pub type PatternPage = [Pattern; PATTERNS_PER_PAGE];

/// Bits of a word that number its value; its key's tag is above them.
pub const NUMBER_BITS: u32 = 24;

/// Key of a pattern: an address (`prefix` of full length, `port` and `proto` 0), a prefix (masked
/// address, its length), an endpoint (address, port, protocol, full length) or a name (its keyed hash,
/// and whether its subdomains are meant).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PatternKey {
    /// First half of an IPv6 address, its words as they stand in the packet; 0 for IPv4; a name's hash.
    pub high: u64,
    /// Second half, or the IPv4 address in the upper word; 0 for a name.
    pub low: u64,
    /// Port (host byte order), protocol, prefix length and IP version, or one of the two kinds of names.
    pub rest: u64,
}

/// What a key leads to: which pattern, and when it may match.
///
/// The deadline is the latest of the pattern's markers, in kernel time ([`crate::clock`]); the
/// agent applies each marker's own. So a pattern ends on time with the agent dead.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// The whole key.
    pub key: PatternKey,
    /// Pattern id: 64-bit hash of the canonical form, stable across generations.
    pub id: u64,
    /// First nanosecond at which the pattern matches.
    pub not_before: u64,
    /// First nanosecond at which it no longer does; `u64::MAX` for none.
    pub not_after: u64,
    /// [`Pattern::BREAKER`], [`Pattern::ONLY_SRC`], [`Pattern::ONLY_DST`] or none of them.
    pub flags: u64,
    /// Zero.
    pub reserved: u64,
}

impl Pattern {
    /// The circuit breaker is open: hits are counted and go no further.
    pub const BREAKER: u64 = 1;
    /// Every marker of the pattern looks for it as source only: a destination is no hit.
    pub const ONLY_SRC: u64 = 1 << 1;
    /// The same the other way round.
    pub const ONLY_DST: u64 = 1 << 2;

    /// Whether a match on this side of the packet ([`MATCHED_SRC_IP`](crate::MATCHED_SRC_IP),
    /// [`MATCHED_DST_IP`](crate::MATCHED_DST_IP)) is a hit; names have no side.
    #[inline(always)]
    #[must_use]
    pub const fn takes(&self, matched_in: u32) -> bool {
        let wrong = if matched_in == crate::MATCHED_SRC_IP as u32 {
            Self::ONLY_DST
        } else if matched_in == crate::MATCHED_DST_IP as u32 {
            Self::ONLY_SRC
        } else {
            0
        };
        self.flags & wrong == 0
    }
}

impl PatternKey {
    /// Of an IPv4 address as it stands in the packet.
    #[inline(always)]
    #[must_use]
    pub const fn v4(address: u32, port: u16, proto: u8, prefix: u8) -> Self {
        Self {
            high: 0,
            low: (address as u64) << 32,
            rest: rest(port, proto, prefix, 4),
        }
    }

    /// Of an IPv6 address, its words as they stand in the packet.
    #[inline(always)]
    #[must_use]
    pub const fn v6(address: [u32; 4], port: u16, proto: u8, prefix: u8) -> Self {
        Self {
            high: (address[0] as u64) | ((address[1] as u64) << 32),
            low: (address[2] as u64) | ((address[3] as u64) << 32),
            rest: rest(port, proto, prefix, 6),
        }
    }

    /// Of a name, given its hash: the name alone, or with its subdomains.
    #[inline(always)]
    #[must_use]
    pub const fn name(hash: crate::NameHash, subdomains: bool) -> Self {
        Self {
            high: hash.value(),
            low: 0,
            rest: rest(0, 0, 0, if subdomains { WITH_SUBDOMAINS } else { NAME }),
        }
    }

    /// Whether it is a name's.
    #[inline(always)]
    #[must_use]
    pub const fn is_name(self) -> bool {
        matches!((self.rest >> 32) as u8, NAME | WITH_SUBDOMAINS)
    }

    /// Where the key stands.
    #[inline(always)]
    #[must_use]
    pub const fn place(self) -> Place {
        let word = self.high.wrapping_mul(crate::filter::MIX_1) ^ self.low.rotate_left(23);
        let hash = crate::filter::mix(word ^ self.rest.wrapping_mul(crate::filter::MIX_2));
        Place::of_hash(hash)
    }
}

/// In the place of an IP version: a name.
const NAME: u8 = 1;
/// In the place of an IP version: a name with its subdomains.
const WITH_SUBDOMAINS: u8 = 2;

#[inline(always)]
const fn rest(port: u16, proto: u8, prefix: u8, family: u8) -> u64 {
    (port as u64) | ((proto as u64) << 16) | ((prefix as u64) << 24) | ((family as u64) << 32)
}

/// Where a key stands in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    hash: u64,
}

impl Place {
    /// Of a hash whose upper bits are mixed well.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn of_hash(hash: u64) -> Self {
        Self {
            hash: hash ^ (hash >> 29),
        }
    }

    /// The only bucket it may stand in, of `buckets`, where there is one.
    #[inline(always)]
    #[must_use]
    pub const fn bucket(self, buckets: u32) -> u32 {
        within(self.hash >> 32, buckets)
    }

    /// What a word of this key has above its number's [`NUMBER_BITS`].
    #[inline(always)]
    #[must_use]
    pub const fn tag(self) -> u64 {
        (self.hash << NUMBER_BITS) >> NUMBER_BITS
    }

    /// The number that a word stands for.
    #[inline(always)]
    #[must_use]
    pub const fn number_of(word: u64) -> u32 {
        ((word & ((1 << NUMBER_BITS) - 1)) as u32).wrapping_sub(1)
    }

    /// The two buckets it may stand in, of `buckets`, which are whole pages: both of one page, so
    /// that a look-up takes one entry of the processor's address caches.
    #[inline(always)]
    #[must_use]
    pub const fn buckets(self, buckets: u32) -> [u32; 2] {
        let one = within(self.hash >> 32, buckets);
        let apart = ((self.hash >> 8) as u32 % BUCKETS_PER_PAGE as u32) | 1;
        [one, one ^ apart]
    }

    /// The word for it, given the number of its value (below [`MOST_PATTERNS`]); never zero.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, number: u32) -> u64 {
        (self.hash << NUMBER_BITS) | (number as u64 + 1)
    }

    /// The number of the value when `word` may be this key's; `u32::MAX` for an empty word.
    #[inline(always)]
    #[must_use]
    pub const fn number(self, word: u64) -> Option<u32> {
        if word >> NUMBER_BITS == self.tag() {
            Some(Self::number_of(word))
        } else {
            None
        }
    }
}

/// Scales 32 bits to a range: no division, no power of two needed.
#[inline(always)]
const fn within(bits: u64, count: u32) -> u32 {
    ((bits * count as u64) >> 32) as u32
}

const _: () = assert!(size_of::<PatternKey>() == 24 && align_of::<PatternKey>() == 8);
const _: () = assert!(size_of::<Pattern>() == 64 && align_of::<Pattern>() == 8);
const _: () = assert!(size_of::<PatternPage>() == size_of::<crate::Chunk>());

// SAFETY: `repr(C)`, integers only, no padding (the sizes are asserted above).
#[cfg(feature = "user")]
unsafe impl aya::Pod for Pattern {}

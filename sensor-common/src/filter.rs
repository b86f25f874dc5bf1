//! The prefilter: a register-blocked Bloom filter, one 64-bit word for each block of addresses.
//!
//! Both sides must hash alike, so the arithmetic stands here. The word of an address is chosen by
//! its block (a /24 of IPv4, a /48 of IPv6), and what is marked about the block is marked in that
//! one word, three bits a mark: addresses and endpoints by the address, prefixes by what is left of
//! them within the block and their length, and that there is a prefix at all. So one load a side
//! decides, and asking for every prefix length loads nothing more. The families have words of their
//! own, so that packets of one do not push those of the other out of the caches.
//!
//! Prefixes shorter than a block would take a mark in each of their blocks. Those of IPv4 stand in
//! two tables without hashing behind the words: one bit for each /20 that one touches, and for each
//! /16 the lengths that occur. Those of IPv6 are marked in the word of their /32, in
//! a part of their own: there are few, so that it stays in the nearest caches.

/// 64-bit words in one value of the index map: a page, so that filling a large index takes few
/// system calls.
pub const CHUNK_WORDS: usize = 512;

/// One value of the index map.
pub type Chunk = [u64; CHUNK_WORDS];

/// Prefix length of an IPv4 block.
pub const BLOCK4: u8 = 24;
/// Prefix length of an IPv6 block.
pub const BLOCK6: u8 = 48;
/// Prefix length of the IPv6 block of prefixes that are shorter than [`BLOCK6`].
pub const SHORT6: u8 = 32;

/// A block: which word is its own, and the marks in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    hash: u64,
}

/// 2^64 over the golden ratio.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Odd constants of the 64-bit finaliser of MurmurHash3.
pub(crate) const MIX_1: u64 = 0xff51_afd7_ed55_8ccd;
pub(crate) const MIX_2: u64 = 0xc4ce_b9fe_1a85_ec53;

#[inline(always)]
pub(crate) const fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(MIX_1);
    let word = word ^ (word >> 32);
    word.wrapping_mul(MIX_2)
}

impl Block {
    /// Of an IPv4 address as it stands in the packet.
    #[inline(always)]
    #[must_use]
    pub const fn of4(address: u32) -> Self {
        Self::of((address & u32::from_ne_bytes([255, 255, 255, 0])) as u64)
    }

    /// Of an IPv6 address, given its first half as it stands in the packet.
    #[inline(always)]
    #[must_use]
    pub const fn of6(first: u64) -> Self {
        Self::of(first & u64::from_ne_bytes([255, 255, 255, 255, 255, 255, 0, 0]))
    }

    /// The same, for prefixes that are shorter than [`BLOCK6`].
    #[inline(always)]
    #[must_use]
    pub const fn short6(first: u64) -> Self {
        Self {
            hash: (first & FIRST_32).wrapping_mul(MIX_2),
        }
    }

    /// One multiplication (Fibonacci hashing): its latency stands before every load of a word.
    #[inline(always)]
    const fn of(bits: u64) -> Self {
        Self {
            hash: bits.wrapping_mul(GOLDEN),
        }
    }

    /// Index of the block's word among `words`.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, words: u32) -> u32 {
        (((self.hash >> 32) * words as u64) >> 32) as u32
    }

    /// The mark of a block that a prefix touches.
    #[inline(always)]
    #[must_use]
    pub const fn occupied(self) -> u64 {
        self.mark(0, 0)
    }

    /// The numbers of the bits of that mark, see [`Self::bits`].
    #[inline(always)]
    #[must_use]
    pub const fn occupied_bits(self) -> u64 {
        self.bits(0, 0)
    }

    /// The mark of an address (`length` in full) or of a prefix; `rest` is what [`rest4`], [`rest6`]
    /// or [`rest_short6`] leave of it within the block.
    #[inline(always)]
    #[must_use]
    pub const fn mark(self, rest: u64, length: u8) -> u64 {
        let hash = self.bits(rest, length);
        (1 << (hash >> 58)) | (1 << ((hash >> 52) & 63)) | (1 << ((hash >> 46) & 63))
    }

    /// The numbers of the bits of that mark: the highest six bits, and twice the six below.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self, rest: u64, length: u8) -> u64 {
        (self.hash ^ rest ^ ((length as u64) << 8)).wrapping_mul(MIX_1)
    }
}

/// What an IPv4 address, masked to a prefix, has beyond its block.
#[inline(always)]
#[must_use]
pub const fn rest4(address: u32) -> u64 {
    (address & u32::from_ne_bytes([0, 0, 0, 255])) as u64
}

/// What an IPv6 address, masked to a prefix, has beyond its block; its halves as they stand in the
/// packet.
#[inline(always)]
#[must_use]
pub const fn rest6(first: u64, second: u64) -> u64 {
    second.wrapping_mul(MIX_2) ^ (first & u64::from_ne_bytes([0, 0, 0, 0, 0, 0, 255, 255]))
}

/// What an IPv6 prefix shorter than [`BLOCK6`] has beyond its /32.
#[inline(always)]
#[must_use]
pub const fn rest_short6(first: u64) -> u64 {
    first & !FIRST_32
}

/// The first four bytes of eight.
const FIRST_32: u64 = u64::from_ne_bytes([255, 255, 255, 255, 0, 0, 0, 0]);

/// Words behind the hashed ones, when an IPv4 prefix is shorter than [`BLOCK4`]: the table of /20s,
/// then that of lengths.
pub const SHORT4_WORDS: u32 = 2 * SHORT4_TABLE;
/// Words of one of the two.
const SHORT4_TABLE: u32 = 1 << 14;

/// Where the two tables tell of an IPv4 address: word behind the hashed ones, and bit in it.
#[inline(always)]
#[must_use]
pub const fn short4(address: u32) -> (u32, u32) {
    let address = u32::from_be(address);
    (address >> 18, address >> 12 & 63)
}

/// Where the lengths stand that occur in an address's /16: word behind the hashed ones, and the bit
/// of the shortest, [`WIDEST4`](crate::WIDEST4).
#[inline(always)]
#[must_use]
pub const fn short_lengths4(address: u32) -> (u32, u32) {
    let address = u32::from_be(address);
    (SHORT4_TABLE + (address >> 18), (address >> 16 & 3) * 16)
}

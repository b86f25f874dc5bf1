//! The prefilter: a register-blocked Bloom filter, one 64-bit word for each block of addresses.
//!
//! Both sides must hash alike, so the arithmetic stands here. The word of an address is chosen by
//! its block (a /24 of IPv4, a /48 of IPv6), and everything about the block is marked in that one
//! word, three bits a mark: addresses and endpoints by the address, prefixes by what is left of
//! them within the block and their length, and that there is a prefix at all. So one load a side
//! decides, and asking for every prefix length loads nothing more. IPv6 prefixes shorter than a
//! block are marked in a word of their own, that of the /32.

/// 64-bit words in one value of the filter and index maps: a page, so that filling a large filter
/// takes few system calls.
pub const CHUNK_WORDS: usize = 512;

/// One value of the filter and index maps.
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

/// Odd constants of the 64-bit finaliser of MurmurHash3.
pub(crate) const MIX_1: u64 = 0xff51_afd7_ed55_8ccd;
pub(crate) const MIX_2: u64 = 0xc4ce_b9fe_1a85_ec53;

/// What keeps the families and the two IPv6 blocks apart.
const SALT4: u64 = 1 << 40;
const SALT6: u64 = 1 << 50;
const SALT_SHORT6: u64 = 1 << 51;

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
        Self {
            hash: mix((u32::from_be(address) >> 8) as u64 | SALT4),
        }
    }

    /// Of an IPv6 address, its words as they stand in the packet.
    #[inline(always)]
    #[must_use]
    pub const fn of6(address: [u32; 4]) -> Self {
        let third = (u32::from_be(address[1]) >> 16) as u64;
        Self {
            hash: mix(address[0] as u64 | third << 32 | SALT6),
        }
    }

    /// Of an IPv6 address, for prefixes that are shorter than [`BLOCK6`].
    #[inline(always)]
    #[must_use]
    pub const fn short6(address: [u32; 4]) -> Self {
        Self {
            hash: mix(address[0] as u64 | SALT_SHORT6),
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
        three_bits(self.hash)
    }

    /// The mark of an address (`length` in full) or of a prefix; `rest` is what [`rest4`], [`rest6`]
    /// or [`rest_short6`] leave of it within the block.
    #[inline(always)]
    #[must_use]
    pub const fn mark(self, rest: u64, length: u8) -> u64 {
        let hash = (self.hash ^ rest ^ ((length as u64) << 24)).wrapping_mul(MIX_1);
        three_bits(hash >> 32)
    }
}

/// What an IPv4 address, masked to a prefix, has beyond its block.
#[inline(always)]
#[must_use]
pub const fn rest4(address: u32) -> u64 {
    (u32::from_be(address) & 0xff) as u64
}

/// What an IPv6 address, masked to a prefix, has beyond its block.
#[inline(always)]
#[must_use]
pub const fn rest6(address: [u32; 4]) -> u64 {
    let low = address[2] as u64 | (address[3] as u64) << 32;
    low.wrapping_mul(MIX_2) ^ (u32::from_be(address[1]) & 0xffff) as u64
}

/// What an IPv6 prefix shorter than [`BLOCK6`] has beyond its /32.
#[inline(always)]
#[must_use]
pub const fn rest_short6(address: [u32; 4]) -> u64 {
    address[1] as u64
}

/// Three bits of a word, chosen by bits 14 to 31 of a hash.
#[inline(always)]
const fn three_bits(hash: u64) -> u64 {
    (1 << ((hash >> 26) & 63)) | (1 << ((hash >> 20) & 63)) | (1 << ((hash >> 14) & 63))
}

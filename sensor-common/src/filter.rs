//! The prefilter: a register-blocked Bloom filter and an occupancy bitmap.
//!
//! Both sides must hash alike, so the arithmetic stands here. The filter holds one 64-bit word per
//! key with three bits set in it: one load decides. Keys are whole addresses (exact patterns and
//! endpoints share one) and masked prefixes salted with their length.

/// 64-bit words in one value of the filter and occupancy maps: a page, so that filling a large
/// filter takes few system calls.
pub const CHUNK_WORDS: usize = 512;

/// One value of the filter and occupancy maps.
pub type Chunk = [u64; CHUNK_WORDS];

/// Where a key stands in the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Hash whose high half, masked, is the word.
    hash: u64,
}

/// Odd constants of the 64-bit finaliser of MurmurHash3.
pub(crate) const MIX_1: u64 = 0xff51_afd7_ed55_8ccd;
pub(crate) const MIX_2: u64 = 0xc4ce_b9fe_1a85_ec53;

#[inline(always)]
pub(crate) const fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(MIX_1);
    let word = word ^ (word >> 32);
    word.wrapping_mul(MIX_2)
}

#[inline(always)]
const fn fold(address: [u32; 4]) -> u64 {
    let high = (address[0] as u64) | ((address[1] as u64) << 32);
    let low = (address[2] as u64) | ((address[3] as u64) << 32);
    high.wrapping_mul(MIX_2) ^ low.rotate_left(29)
}

impl Filter {
    /// Of an IPv4 address (`prefix` 32) or a masked IPv4 prefix.
    #[inline(always)]
    #[must_use]
    pub const fn of4(address: u32, prefix: u8) -> Self {
        Self {
            hash: mix(address as u64 | ((prefix as u64) << 32)),
        }
    }

    /// Of an IPv6 address (`prefix` 128) or a masked IPv6 prefix.
    #[inline(always)]
    #[must_use]
    pub const fn of6(address: [u32; 4], prefix: u8) -> Self {
        Self {
            hash: mix(fold(address) ^ prefix as u64),
        }
    }

    /// Index of the word, given the number of words less one.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, mask: u32) -> u32 {
        ((self.hash >> 32) as u32) & mask
    }

    /// The three bits within the word.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> u64 {
        // The low half of the product is hashed once more by the shift in `mix`; three 6-bit
        // positions are taken from bits the word index does not use.
        (1 << ((self.hash >> 26) & 63))
            | (1 << ((self.hash >> 20) & 63))
            | (1 << ((self.hash >> 14) & 63))
    }
}

/// Prefix length of an IPv4 block of the occupancy bitmap.
pub const BLOCK4: u8 = 24;
/// Prefix length of an IPv6 block.
pub const BLOCK6: u8 = 32;
/// Most bits of the occupancy bitmap: one for each IPv4 block.
pub const MOST_OCCUPANCY_BITS: usize = 1 << BLOCK4;

/// Bit of the occupancy bitmap for the block of an IPv4 address in host byte order. A permutation
/// of the blocks: a bitmap of [`MOST_OCCUPANCY_BITS`] has no false positives.
#[inline(always)]
#[must_use]
pub const fn occupancy4(address: u32, mask: u32) -> u32 {
    const BITS: u32 = MOST_OCCUPANCY_BITS as u32 - 1;
    let block = address >> 8;
    let block = (block ^ (block >> 13)).wrapping_mul(0x9e_5f35) & BITS;
    (block ^ (block >> 11)) & mask
}

/// Bit of the occupancy bitmap for the /32 block of an IPv6 address (its first word as it stands
/// in the packet).
#[inline(always)]
#[must_use]
pub const fn occupancy6(first_word: u32, mask: u32) -> u32 {
    (mix(first_word as u64 | (1 << 41)) >> 32) as u32 & mask
}

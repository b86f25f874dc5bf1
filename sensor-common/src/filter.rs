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
const MIX_1: u64 = 0xff51_afd7_ed55_8ccd;
const MIX_2: u64 = 0xc4ce_b9fe_1a85_ec53;

#[inline(always)]
const fn mix(word: u64) -> u64 {
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

/// Bit of the occupancy bitmap for the /20 block of an IPv4 address in host byte order.
#[inline(always)]
#[must_use]
pub const fn occupancy4(address: u32, mask: u32) -> u32 {
    (mix((address >> 12) as u64 | (1 << 40)) >> 32) as u32 & mask
}

/// Bit of the occupancy bitmap for the /32 block of an IPv6 address (its first word as it stands
/// in the packet).
#[inline(always)]
#[must_use]
pub const fn occupancy6(first_word: u32, mask: u32) -> u32 {
    (mix(first_word as u64 | (1 << 41)) >> 32) as u32 & mask
}

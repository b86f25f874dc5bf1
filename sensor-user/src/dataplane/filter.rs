//! What patterns set in the filter: which word, which bits. Pure; the arithmetic that the program
//! shares is in `sensor-common`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use sensor_common::{
    BLOCK4, BLOCK6, Block, NameHash, NameKeys, SHORT6, WIDEST4, WIDEST6, name_hash, rest_short6,
    rest4, rest6, short_lengths4, short4,
};

use crate::model::Pattern;

/// Marks a word of the filter, sixteen bits for each: fewer than one address in a hundred is a
/// false positive.
const MARKS_PER_WORD: usize = 4;
/// Most marks that the filter is sized for. A set of very short IPv6 prefixes that has more makes
/// the filter say yes too often, not the verdict wrong.
const MOST_MARKS: usize = 1 << 25;
/// Words of the smallest filter: single additions find room in it.
const LEAST_WORDS: usize = 512;

/// Hashed marks of IPv4, of IPv6, of names and of short IPv6 prefixes.
pub type Marks = [usize; 4];

/// Hashed words of the filter: for blocks of IPv4, behind them for blocks of IPv6, then for names,
/// then for short IPv6 prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// For IPv4.
    pub v4: u32,
    /// For IPv6.
    pub v6: u32,
    /// For names; none without a name.
    pub names: u32,
    /// For IPv6 prefixes shorter than a block; none without one. They are few, so that their words
    /// stay in the nearest caches, where those of a million addresses do not.
    pub short6: u32,
}

impl Hashed {
    /// Sized for so many marks.
    #[must_use]
    pub fn for_marks(marks: Marks) -> Self {
        let words = |marks: usize| {
            let words = marks.min(MOST_MARKS).div_ceil(MARKS_PER_WORD);
            u32::try_from(words.max(LEAST_WORDS)).expect("there is a limit to marks")
        };
        Self {
            v4: words(marks[0]),
            v6: words(marks[1]),
            names: if marks[2] == 0 { 0 } else { words(marks[2]) },
            short6: if marks[3] == 0 { 0 } else { words(marks[3]) },
        }
    }

    /// All of them.
    #[must_use]
    pub const fn all(self) -> u32 {
        self.v4 + self.v6 + self.names + self.short6
    }

    /// The same in the order of [`Marks`].
    #[must_use]
    pub const fn parts(self) -> [u32; 4] {
        [self.v4, self.v6, self.names, self.short6]
    }

    /// The word of a block of IPv4.
    const fn word4(self, block: Block) -> u32 {
        block.word(self.v4)
    }

    /// The word of a block of IPv6.
    const fn word6(self, block: Block) -> u32 {
        self.v4 + block.word(self.v6)
    }

    /// The word of a /32 of IPv6.
    const fn short_word6(self, block: Block) -> u32 {
        self.v4 + self.v6 + self.names + block.word(self.short6)
    }

    /// The word of a name.
    const fn word_of_name(self, hash: NameHash) -> u32 {
        self.v4 + self.v6 + hash.word(self.names)
    }
}

/// The hash of a domain pattern, and whether its subdomains are meant.
pub fn name(domain: &str, keys: NameKeys) -> (NameHash, bool) {
    match domain.strip_prefix("*.") {
        Some(name) => (name_hash(name, keys), true),
        None => (name_hash(domain, keys), false),
    }
}

/// Hashed marks that a pattern has in the filter, and which of [`Marks`] they are.
pub fn mark_count(pattern: &Pattern) -> (usize, usize) {
    match pattern {
        Pattern::Cidr(IpNet::V4(net)) if net.prefix_len() < BLOCK4 => (0, 0),
        Pattern::Cidr(IpNet::V6(net)) if net.prefix_len() < BLOCK6 => (3, 2 * short_blocks6(*net)),
        Pattern::Cidr(net) => (usize::from(net.addr().is_ipv6()), 2),
        Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
            (usize::from(address.is_ipv6()), 1)
        }
        Pattern::Domain(_) => (2, 1),
        Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => (0, 0),
    }
}

/// All that a pattern sets in a filter: word, and bits in it.
pub fn marks(pattern: &Pattern, hashed: Hashed, keys: NameKeys, mut set: impl FnMut(u32, u64)) {
    match *pattern {
        Pattern::Ip(IpAddr::V4(address))
        | Pattern::Endpoint {
            address: IpAddr::V4(address),
            ..
        } => {
            let address = word4(address);
            let block = Block::of4(address);
            set(hashed.word4(block), block.mark(rest4(address), 32));
        }
        Pattern::Ip(IpAddr::V6(address))
        | Pattern::Endpoint {
            address: IpAddr::V6(address),
            ..
        } => {
            let [first, second] = halves6(address);
            let block = Block::of6(first);
            set(hashed.word6(block), block.mark(rest6(first, second), 128));
        }
        Pattern::Cidr(IpNet::V4(net)) if net.prefix_len() < BLOCK4 => {
            short_marks4(net, |word, bits| set(hashed.all() + word, bits));
        }
        Pattern::Cidr(IpNet::V4(net)) => {
            let address = word4(net.addr());
            let block = Block::of4(address);
            let mark = block.mark(rest4(address), net.prefix_len());
            set(hashed.word4(block), block.occupied() | mark);
        }
        Pattern::Cidr(IpNet::V6(net)) => {
            let (length, [first, second]) = (net.prefix_len(), halves6(net.addr()));
            if length >= BLOCK6 {
                let block = Block::of6(first);
                let mark = block.mark(rest6(first, second), length);
                set(hashed.word6(block), block.occupied() | mark);
                return;
            }
            let network = u128::from(net.addr());
            for number in 0..short_blocks6(net) as u128 {
                let near = network + (number << (128 - SHORT6));
                let block = Block::short6(halves6(Ipv6Addr::from(near))[0]);
                let mark = block.mark(rest_short6(first), length);
                set(hashed.short_word6(block), block.occupied() | mark);
            }
        }
        Pattern::Domain(ref domain) => {
            let (hash, subdomains) = name(domain, keys);
            set(hashed.word_of_name(hash), hash.mark(subdomains));
        }
        Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => {}
    }
}

/// What an IPv4 prefix shorter than a block sets in the two tables, by words behind the hashed ones.
fn short_marks4(net: Ipv4Net, mut set: impl FnMut(u32, u64)) {
    let (first, length) = (u32::from(net.addr()), net.prefix_len());
    // A word of the table is a /14.
    let words = 1u32 << 14u8.saturating_sub(length);
    let (word, bit) = short4(first.to_be());
    let count = 1u32 << 20u8.saturating_sub(length.max(14));
    let bits = (u64::MAX >> (64 - count)) << bit;
    for number in 0..words {
        set(word + number, bits);
    }
    if length < WIDEST4 {
        return;
    }
    for number in 0..1u32 << 16u8.saturating_sub(length) {
        let (word, bit) = short_lengths4((first + (number << 16)).to_be());
        set(word, 1 << (bit + u32::from(length - WIDEST4)));
    }
}

/// /32s that an IPv6 prefix shorter than a block is marked in: none for one that is too short.
fn short_blocks6(net: Ipv6Net) -> usize {
    if net.prefix_len() < WIDEST6 {
        return 0;
    }
    1 << SHORT6.saturating_sub(net.prefix_len())
}

/// Whether a pattern is told by the tables of short IPv4 prefixes.
pub const fn is_short4(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Cidr(IpNet::V4(net)) if net.prefix_len() < BLOCK4)
}

/// An address as a packet holds it.
pub fn word4(address: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}

/// An address as a packet holds it, in four words.
pub fn words6(address: Ipv6Addr) -> [u32; 4] {
    let octets = address.octets();
    std::array::from_fn(|word| {
        u32::from_ne_bytes(std::array::from_fn(|byte| octets[word * 4 + byte]))
    })
}

/// The same in two halves.
fn halves6(address: Ipv6Addr) -> [u64; 2] {
    let octets = address.octets();
    std::array::from_fn(|half| {
        u64::from_ne_bytes(std::array::from_fn(|byte| octets[half * 8 + byte]))
    })
}

#[cfg(test)]
mod tests {
    use sensor_common::SHORT4_WORDS;

    use super::*;
    use crate::{
        clock::KernelClock,
        dataplane::encode::{Encoded, encode},
        markers,
    };

    fn encoded(text: &str) -> Encoded {
        let now = jiff::Timestamp::now();
        let markers = markers::read_text(text).markers;
        let image = markers::compile(&markers, now).expect("no collision");
        encode(
            &image,
            KernelClock::Tai,
            true,
            NameKeys::new([1, 2]),
            |_| false,
        )
        .expect("it fits")
    }

    fn has(encoded: &Encoded, block: Block, mark: u64) -> bool {
        encoded.filter[encoded.hashed.word4(block) as usize] & mark == mark
    }

    #[test]
    fn every_part_of_a_short_prefix_is_marked_and_no_other() {
        let text = "cidr 10.0.0.0/9\ncidr 192.0.2.0/23\ncidr 64.0.0.0/3\n\
                    cidr 2001:db00::/24\ncidr 2001:db8::/40\n";
        let encoded = encoded(text);
        let table =
            |(word, bit): (u32, u32)| encoded.filter[(encoded.hashed.all() + word) as usize] >> bit;
        for number in 0..1u32 << 20 {
            let address = number << 12;
            let inside =
                address >> 23 == 0x0a00_0000 >> 23 || address >> 29 == 2 || address == 0xc000_0000;
            assert_eq!(
                table(short4(address.to_be())) & 1 == 1,
                inside,
                "{address:#x}"
            );
        }
        for number in 0..1u32 << 16 {
            let address = number << 16;
            let lengths = table(short_lengths4(address.to_be())) & 0xffff;
            let nine = address >> 23 == 0x0a00_0000 >> 23;
            let expected = u64::from(nine) << 1 | u64::from(number == 0xc000) << 15;
            assert_eq!(lengths, expected, "{address:#x}");
        }
        for last in 0..256u64 {
            let first = u64::from_ne_bytes([0x20, 0x01, 0xdb, last as u8, 0, 0, 0, 0]);
            let block = Block::short6(first);
            let mark = block.occupied() | block.mark(0, 24);
            assert_eq!(
                encoded.filter[encoded.hashed.short_word6(block) as usize] & mark,
                mark
            );
        }
        assert!(encoded.hashed.short6 > 0 && !encoded.special.wide6 && encoded.special.short4);
        assert_eq!(
            encoded.filter.len(),
            3 * LEAST_WORDS + SHORT4_WORDS as usize + 1
        );
    }

    #[test]
    fn filters_have_few_false_positives() {
        let text: String = (0..20_000u32)
            .map(|index| format!("ip {}\n", Ipv4Addr::from(index.wrapping_mul(0x9e37_79b1))))
            .collect();
        let encoded = encoded(&text);
        let positive = |address: u32| {
            let block = Block::of4(address.to_be());
            has(&encoded, block, block.mark(rest4(address.to_be()), 32))
        };
        assert!((0..20_000u32).all(|index| positive(index.wrapping_mul(0x9e37_79b1))));
        let others = (20_000..120_000u32).map(|index| index.wrapping_mul(0x9e37_79b1));
        let false_positives = others.filter(|address| positive(*address)).count();
        assert!(
            false_positives < 1_000,
            "{false_positives} in 100,000: over 1 %"
        );
    }
}

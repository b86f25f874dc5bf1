//! An image as map contents: keys, filter, prefix lengths. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use sensor_common::{
    BLOCK4, BLOCK6, BUCKET_WORDS, Block, Pattern as Value, PatternKey, SHORT4_WORDS, SHORT6,
    WIDEST4, WIDEST6, rest_short6, rest4, rest6, short_lengths4, short4,
};

use super::table::{DoesNotFit, Table};
use crate::{
    clock::{KernelClock, Offset},
    model::{Direction, Image, ImagePattern, Pattern},
};

/// Marks a word of the filter, sixteen bits for each: fewer than one address in a hundred is a
/// false positive.
const MARKS_PER_WORD: usize = 4;
/// Most marks that the filter is sized for. A set of very short IPv6 prefixes that has more makes
/// the filter say yes too often, not the verdict wrong.
const MOST_MARKS: usize = 1 << 25;
/// Words of the smallest filter: single additions find room in it.
const LEAST_WORDS: usize = 512;
/// Ends the lists of prefix lengths.
const NO_LENGTH: u8 = 255;

/// What the maps and the read-only data of one generation hold.
#[derive(Debug)]
pub struct Encoded {
    /// Keys and patterns.
    pub table: Table,
    /// The filter: hashed words, the tables of short IPv4 prefixes if there are any, and a spare
    /// word: the verifier's bound for the last one is seven bytes off.
    pub filter: Vec<u64>,
    /// How many of the filter's words are hashed: for IPv4, then for IPv6.
    pub hashed: Hashed,
    /// Marks in the filter, of both families.
    pub marks: [usize; 2],
    /// What the program is specialised for.
    pub special: Specialisation,
}

/// Hashed words of the filter: for blocks of IPv4, and behind them for blocks of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// For IPv4.
    pub v4: u32,
    /// For IPv6.
    pub v6: u32,
}

impl Hashed {
    fn for_marks(marks: [usize; 2]) -> Self {
        let words = |marks: usize| {
            let words = marks.min(MOST_MARKS).div_ceil(MARKS_PER_WORD);
            u32::try_from(words.max(LEAST_WORDS)).expect("there is a limit to marks")
        };
        Self {
            v4: words(marks[0]),
            v6: words(marks[1]),
        }
    }

    /// Of both families.
    #[must_use]
    pub const fn both(self) -> u32 {
        self.v4 + self.v6
    }

    /// Words of a family: 0 for IPv4, 1 for IPv6.
    #[must_use]
    pub const fn of(self, family: usize) -> u32 {
        if family == 0 { self.v4 } else { self.v6 }
    }

    /// The word of a block of IPv4.
    const fn word4(self, block: Block) -> u32 {
        block.word(self.v4)
    }

    /// The word of a block of IPv6.
    const fn word6(self, block: Block) -> u32 {
        self.v4 + block.word(self.v6)
    }
}

/// What read-only data tells the program, so that what an image does not need is dead code.
#[derive(Clone, Copy, Debug)]
pub struct Specialisation {
    /// IPv4 prefix lengths present, longest first.
    pub lengths4: [u8; 34],
    /// IPv6 prefix lengths present, longest first.
    pub lengths6: [u8; 130],
    /// Exact IPv4 addresses or endpoints are present.
    pub exact4: bool,
    /// Exact IPv6 addresses or endpoints are present.
    pub exact6: bool,
    /// An IPv4 prefix shorter than a block is present.
    pub short4: bool,
    /// An IPv6 prefix too short for the filter is present.
    pub wide6: bool,
    /// An IPv6 prefix shorter than a block is present.
    pub short6: bool,
    /// Endpoints are present.
    pub endpoints: bool,
}

/// Sizes of a generation's maps and what its program is specialised for.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Buckets of the index.
    pub buckets: u32,
    /// Patterns in the table.
    pub patterns: u32,
    /// Patterns that the table has room for.
    pub room: u32,
    /// Words of the filter that are hashed.
    pub hashed: Hashed,
    /// Words of the filter.
    pub filter_words: u32,
    /// Marks in the filter, of both families.
    pub marks: [usize; 2],
    /// What the program is specialised for.
    pub special: Specialisation,
}

impl Encoded {
    /// The shape of the generation.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let count = |of: usize| u32::try_from(of).expect("maps stay below 2^32 words");
        Shape {
            buckets: count(self.table.index.len() / BUCKET_WORDS),
            patterns: count(self.table.patterns.len()),
            room: self.table.room,
            hashed: self.hashed,
            filter_words: count(self.filter.len()),
            marks: self.marks,
            special: self.special,
        }
    }
}

impl Shape {
    /// Bytes of kernel memory that the maps of the generation take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let words = u64::from(self.buckets) * BUCKET_WORDS as u64 + u64::from(self.filter_words);
        words * 8 + u64::from(self.room) * size_of::<Value>() as u64
    }
}

/// Encodes an image; deadlines are told in `clock`. With `expiry` off the kernel lets patterns
/// match for ever (replay: the agent judges validity by the capture's time). Patterns for which
/// `open` holds have their circuit breaker open.
///
/// # Errors
/// [`DoesNotFit`].
pub fn encode(
    image: &Image,
    clock: KernelClock,
    expiry: bool,
    open: impl Fn(&ImagePattern) -> bool,
) -> Result<Encoded, DoesNotFit> {
    let count = usize::try_from(image.count()).expect("an image fits in memory");
    let mut patterns = Vec::with_capacity(count);
    let mut encoder = Encoder::new(image);
    let offset = clock.offset();
    for pattern in image.patterns() {
        encoder.add(&pattern);
        patterns.push(value(&pattern, offset, expiry, open(&pattern)));
    }
    Ok(Encoded {
        table: Table::new(patterns)?,
        ..encoder.encoded
    })
}

/// What the kernel holds of a pattern.
pub fn value(pattern: &ImagePattern, offset: Offset, expiry: bool, open: bool) -> Value {
    let not_after = match pattern.until {
        Some(until) if expiry => offset.to_kernel(until),
        _ => u64::MAX,
    };
    Value {
        key: key(&pattern.pattern),
        id: pattern.id.0,
        not_before: 0,
        not_after,
        flags: if open { Value::BREAKER } else { 0 } | side(pattern.direction),
        reserved: 0,
    }
}

const fn side(direction: Direction) -> u64 {
    match direction {
        Direction::Either => 0,
        Direction::Source => Value::ONLY_SRC,
        Direction::Destination => Value::ONLY_DST,
    }
}

/// The key of a pattern.
pub fn key(pattern: &Pattern) -> PatternKey {
    let of = |address, port, proto, prefix| match address {
        IpAddr::V4(address) => PatternKey::v4(word4(address), port, proto, prefix),
        IpAddr::V6(address) => PatternKey::v6(words6(address), port, proto, prefix),
    };
    match *pattern {
        Pattern::Ip(address) => of(address, 0, 0, full(address)),
        Pattern::Endpoint {
            address,
            protocol,
            port,
        } => of(address, port, protocol.number(), full(address)),
        Pattern::Cidr(net) => of(net.addr(), 0, 0, net.prefix_len()),
        Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => {
            unreachable!("an image holds no pattern that the data path cannot look for")
        }
    }
}

const fn full(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Hashed marks that a pattern has in the filter, and of which family: 0 for IPv4, 1 for IPv6.
pub fn mark_count(pattern: &Pattern) -> (usize, usize) {
    match pattern {
        Pattern::Cidr(IpNet::V4(net)) if net.prefix_len() < BLOCK4 => (0, 0),
        Pattern::Cidr(IpNet::V6(net)) if net.prefix_len() < BLOCK6 => (1, 2 * short_blocks6(*net)),
        Pattern::Cidr(net) => (usize::from(net.addr().is_ipv6()), 2),
        Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
            (usize::from(address.is_ipv6()), 1)
        }
        Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => (0, 0),
    }
}

/// All that a pattern sets in a filter: word, and bits in it.
pub fn marks(pattern: &Pattern, hashed: Hashed, mut set: impl FnMut(u32, u64)) {
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
            short_marks4(net, |word, bits| set(hashed.both() + word, bits));
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
                set(hashed.word6(block), block.occupied() | mark);
            }
        }
        Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => {}
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

struct Encoder {
    encoded: Encoded,
}

impl Encoder {
    fn new(image: &Image) -> Self {
        let (mut marks, mut short4) = ([0; 2], false);
        for pattern in image.patterns() {
            let (family, count) = mark_count(&pattern.pattern);
            marks[family] += count;
            short4 |= is_short4(&pattern.pattern);
        }
        let hashed = Hashed::for_marks(marks);
        let tables = if short4 { SHORT4_WORDS } else { 0 };
        Self {
            encoded: Encoded {
                table: Table::new(Vec::new()).expect("nothing fits"),
                filter: vec![0; (hashed.both() + tables + 1) as usize],
                hashed,
                marks,
                special: Specialisation {
                    lengths4: [NO_LENGTH; 34],
                    lengths6: [NO_LENGTH; 130],
                    exact4: false,
                    exact6: false,
                    short4,
                    wide6: false,
                    short6: false,
                    endpoints: false,
                },
            },
        }
    }

    fn add(&mut self, pattern: &ImagePattern) {
        let encoded = &mut self.encoded;
        let filter = &mut encoded.filter;
        marks(&pattern.pattern, encoded.hashed, |word, bits| {
            filter[word as usize] |= bits;
        });
        encoded.special.endpoints |= matches!(pattern.pattern, Pattern::Endpoint { .. });
        match pattern.pattern {
            Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
                encoded.special.exact4 |= address.is_ipv4();
                encoded.special.exact6 |= address.is_ipv6();
            }
            Pattern::Cidr(IpNet::V4(net)) => {
                insert_length(&mut encoded.special.lengths4, net.prefix_len());
            }
            Pattern::Cidr(IpNet::V6(net)) => {
                encoded.special.wide6 |= net.prefix_len() < WIDEST6;
                encoded.special.short6 |= net.prefix_len() < BLOCK6;
                insert_length(&mut encoded.special.lengths6, net.prefix_len());
            }
            Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => {}
        }
    }
}

const fn is_short4(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Cidr(IpNet::V4(net)) if net.prefix_len() < BLOCK4)
}

/// Keeps the list sorted, longest first, each length once.
fn insert_length(lengths: &mut [u8], length: u8) {
    let count = lengths
        .iter()
        .take_while(|known| **known != NO_LENGTH)
        .count();
    let Err(at) = lengths[..count].binary_search_by(|known| length.cmp(known)) else {
        return;
    };
    lengths[at..=count].rotate_right(1);
    lengths[at] = length;
}

/// An address as a packet holds it.
fn word4(address: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}

/// An address as a packet holds it, in four words.
fn words6(address: Ipv6Addr) -> [u32; 4] {
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
    use super::*;
    use crate::markers;

    fn encoded(text: &str) -> Encoded {
        let now = jiff::Timestamp::now();
        let markers = markers::read_text(text).markers;
        let image = markers::compile(&markers, now).expect("no collision");
        encode(&image, KernelClock::Tai, true, |_| false).expect("it fits")
    }

    #[test]
    fn lengths_are_listed_once_longest_first() {
        let encoded = encoded(
            "cidr 10.0.0.0/8\ncidr 10.1.0.0/16\ncidr 10.2.0.0/16\ncidr 10.1.1.0/24\ncidr 0.0.0.0/0\n",
        );
        assert_eq!(encoded.special.lengths4[..5], [24, 16, 8, 0, NO_LENGTH]);
        assert_eq!(encoded.special.lengths6[0], NO_LENGTH);
    }

    fn has(encoded: &Encoded, block: Block, mark: u64) -> bool {
        encoded.filter[encoded.hashed.word4(block) as usize] & mark == mark
    }

    #[test]
    fn every_part_of_a_short_prefix_is_marked_and_no_other() {
        let text = "cidr 10.0.0.0/9\ncidr 192.0.2.0/23\ncidr 64.0.0.0/3\n\
                    cidr 2001:db00::/24\ncidr 2001:db8::/40\n";
        let encoded = encoded(text);
        let table = |(word, bit): (u32, u32)| {
            encoded.filter[(encoded.hashed.both() + word) as usize] >> bit
        };
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
                encoded.filter[encoded.hashed.word6(block) as usize] & mark,
                mark
            );
        }
        assert!(encoded.special.short6 && !encoded.special.wide6 && encoded.special.short4);
        assert_eq!(
            encoded.filter.len(),
            2 * LEAST_WORDS + SHORT4_WORDS as usize + 1
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

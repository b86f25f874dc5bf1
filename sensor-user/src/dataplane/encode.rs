//! An image as map contents: keys, filter, prefix lengths. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use sensor_common::{
    BLOCK4, BLOCK6, BUCKET_WORDS, Block, CHUNK_WORDS, Pattern as Value, PatternKey, SHORT6,
    WIDEST4, WIDEST6, rest_short6, rest4, rest6,
};

use super::table::{DoesNotFit, Table};
use crate::{
    clock::KernelClock,
    model::{Image, ImagePattern, Pattern},
};

/// Marks a word of the filter, eleven bits for each: fewer than two addresses in a hundred are
/// false positives.
const MARKS_PER_WORD: usize = 6;
/// Most marks that the filter is sized for. A set of very short prefixes that has more makes the
/// filter say yes too often, not the verdict wrong.
const MOST_MARKS: usize = 1 << 25;
/// Ends the lists of prefix lengths.
const NO_LENGTH: u8 = 255;

/// What the maps and the read-only data of one generation hold.
#[derive(Debug)]
pub struct Encoded {
    /// Keys and patterns.
    pub table: Table,
    /// Words of the filter: whole chunks, at least one.
    pub filter: Vec<u64>,
    /// Marks in the filter.
    pub marks: usize,
    /// What the program is specialised for.
    pub special: Specialisation,
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
    /// An IPv4 prefix too short for the filter is present.
    pub wide4: bool,
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
    /// Words of the filter.
    pub filter_words: u32,
    /// Marks in the filter.
    pub marks: usize,
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
    for pattern in image.patterns() {
        encoder.add(&pattern);
        patterns.push(value(&pattern, clock, expiry, open(&pattern)));
    }
    Ok(Encoded {
        table: Table::new(patterns)?,
        ..encoder.encoded
    })
}

/// What the kernel holds of a pattern.
pub fn value(pattern: &ImagePattern, clock: KernelClock, expiry: bool, open: bool) -> Value {
    let not_after = match pattern.until {
        Some(until) if expiry => clock.to_kernel(until),
        _ => u64::MAX,
    };
    Value {
        key: key(&pattern.pattern),
        id: pattern.id.0,
        not_before: 0,
        not_after,
        flags: if open { Value::BREAKER } else { 0 },
        reserved: 0,
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

/// Marks that a pattern has in the filter.
pub fn mark_count(pattern: &Pattern) -> usize {
    match pattern {
        Pattern::Cidr(net) => 2 * blocks(*net),
        Pattern::Ip(_) | Pattern::Endpoint { .. } => 1,
        Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => 0,
    }
}

/// Every mark of a pattern: the block whose word it is in, and its bits.
pub fn marks(pattern: &Pattern, mut mark: impl FnMut(Block, u64)) {
    match *pattern {
        Pattern::Ip(IpAddr::V4(address))
        | Pattern::Endpoint {
            address: IpAddr::V4(address),
            ..
        } => {
            let address = word4(address);
            let block = Block::of4(address);
            mark(block, block.mark(rest4(address), 32));
        }
        Pattern::Ip(IpAddr::V6(address))
        | Pattern::Endpoint {
            address: IpAddr::V6(address),
            ..
        } => {
            let address = words6(address);
            let block = Block::of6(address);
            mark(block, block.mark(rest6(address), 128));
        }
        Pattern::Cidr(IpNet::V4(net)) => {
            let (length, first) = (net.prefix_len(), u32::from(net.addr()));
            for number in 0..blocks(IpNet::V4(net)) as u32 {
                let address = (first + (number << (32 - BLOCK4))).to_be();
                let block = Block::of4(address);
                mark(block, block.occupied());
                mark(block, block.mark(rest4(address), length));
            }
        }
        Pattern::Cidr(IpNet::V6(net)) => {
            let (length, words) = (net.prefix_len(), words6(net.addr()));
            if length >= BLOCK6 {
                let block = Block::of6(words);
                mark(block, block.occupied());
                mark(block, block.mark(rest6(words), length));
                return;
            }
            let first = u32::from_be(words[0]);
            for number in 0..blocks(IpNet::V6(net)) as u32 {
                let block = Block::short6([(first + number).to_be(), words[1], 0, 0]);
                mark(block, block.occupied());
                mark(block, block.mark(rest_short6(words), length));
            }
        }
        Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => {}
    }
}

/// Blocks that a prefix is marked in: none for one that is too short.
fn blocks(net: IpNet) -> usize {
    let (widest, block) = match net {
        IpNet::V4(_) => (WIDEST4, BLOCK4),
        IpNet::V6(_) => (WIDEST6, SHORT6),
    };
    if net.prefix_len() < widest {
        return 0;
    }
    1 << block.saturating_sub(net.prefix_len())
}

struct Encoder {
    encoded: Encoded,
}

impl Encoder {
    fn new(image: &Image) -> Self {
        let marks: usize = image
            .patterns()
            .map(|pattern| mark_count(&pattern.pattern))
            .sum();
        let words = (marks.min(MOST_MARKS) / MARKS_PER_WORD).max(1);
        Self {
            encoded: Encoded {
                table: Table::new(Vec::new()).expect("nothing fits"),
                filter: vec![0; words.next_multiple_of(CHUNK_WORDS)],
                marks,
                special: Specialisation {
                    lengths4: [NO_LENGTH; 34],
                    lengths6: [NO_LENGTH; 130],
                    exact4: false,
                    exact6: false,
                    wide4: false,
                    wide6: false,
                    short6: false,
                    endpoints: false,
                },
            },
        }
    }

    fn add(&mut self, pattern: &ImagePattern) {
        let encoded = &mut self.encoded;
        let words = u32::try_from(encoded.filter.len()).expect("filters stay below 2^32 words");
        let filter = &mut encoded.filter;
        marks(&pattern.pattern, |block, bits| {
            filter[block.word(words) as usize] |= bits;
        });
        encoded.special.endpoints |= matches!(pattern.pattern, Pattern::Endpoint { .. });
        match pattern.pattern {
            Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
                encoded.special.exact4 |= address.is_ipv4();
                encoded.special.exact6 |= address.is_ipv6();
            }
            Pattern::Cidr(IpNet::V4(net)) => {
                encoded.special.wide4 |= net.prefix_len() < WIDEST4;
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
        let words = encoded.shape().filter_words;
        encoded.filter[block.word(words) as usize] & mark == mark
    }

    #[test]
    fn every_block_of_a_short_prefix_is_marked() {
        let encoded = encoded("cidr 10.0.0.0/9\ncidr 2001:db00::/24\ncidr 2001:db8::/40\n");
        let occupied4 = |address: u32| {
            let block = Block::of4(address.to_be());
            has(&encoded, block, block.occupied()) && has(&encoded, block, block.mark(0, 9))
        };
        assert!((0..0x8000u32).all(|block| occupied4(0x0a00_0000 + (block << 8))));
        let others = (0..0x8000u32).filter(|block| occupied4(0x0a80_0000 + (block << 8)));
        assert!(others.count() < 800);
        for last in 0..256u32 {
            let block = Block::short6([(0x2001_db00 + last).to_be(), 0, 0, 0]);
            assert!(has(&encoded, block, block.occupied()));
            assert!(has(&encoded, block, block.mark(0, 24)));
        }
        assert!(encoded.special.short6 && !encoded.special.wide6 && !encoded.special.wide4);
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
            false_positives < 2_000,
            "{false_positives} in 100,000: over 2 %"
        );
    }
}

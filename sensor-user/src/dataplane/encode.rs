//! An image as map contents: keys, filter, occupancy bitmap, prefix lengths. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use sensor_common::{
    BLOCK4, BLOCK6, BUCKET_WORDS, CHUNK_WORDS, Filter, MOST_OCCUPANCY_BITS, Pattern as Value,
    PatternKey, occupancy4, occupancy6,
};

use super::table::{DoesNotFit, Table};
use crate::{
    clock::KernelClock,
    model::{Image, ImagePattern, Pattern},
};

/// Filter bits per key, a quarter of a word each (DESIGN §4).
const KEYS_PER_WORD: usize = 4;
/// Occupancy bits per occupied block: one block in thirty-two is a false positive. A bitmap of full
/// size has none for IPv4, however many blocks a set of short prefixes occupies.
const BITS_PER_BLOCK: usize = 32;
/// Shortest IPv6 prefix whose blocks are set one by one (65,536 of them).
const WIDE6: u8 = 16;
/// Ends the lists of prefix lengths.
const NO_LENGTH: u8 = 255;

/// What the maps and the read-only data of one generation hold.
#[derive(Debug)]
pub struct Encoded {
    /// Keys and patterns.
    pub table: Table,
    /// Words of the filter: a power of two, at least one chunk.
    pub filter: Vec<u64>,
    /// Words of the occupancy bitmap: a power of two, at least one chunk.
    pub occupancy: Vec<u64>,
    /// IPv4 prefix lengths present, longest first.
    pub lengths4: [u8; 34],
    /// IPv6 prefix lengths present, longest first.
    pub lengths6: [u8; 130],
    /// Exact IPv4 addresses or endpoints are present.
    pub exact4: bool,
    /// Exact IPv6 addresses or endpoints are present.
    pub exact6: bool,
    /// An IPv6 prefix too short for the bitmap is present.
    pub wide6: bool,
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
    /// Words of the occupancy bitmap.
    pub occupancy_words: u32,
    /// See [`Encoded::lengths4`].
    pub lengths4: [u8; 34],
    /// See [`Encoded::lengths6`].
    pub lengths6: [u8; 130],
    /// See [`Encoded::exact4`].
    pub exact4: bool,
    /// See [`Encoded::exact6`].
    pub exact6: bool,
    /// See [`Encoded::wide6`].
    pub wide6: bool,
    /// See [`Encoded::endpoints`].
    pub endpoints: bool,
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
            occupancy_words: count(self.occupancy.len()),
            lengths4: self.lengths4,
            lengths6: self.lengths6,
            exact4: self.exact4,
            exact6: self.exact6,
            wide6: self.wide6,
            endpoints: self.endpoints,
        }
    }

    fn filter_mask(&self) -> u32 {
        self.filter.len() as u32 - 1
    }

    fn occupancy_mask(&self) -> u32 {
        (self.occupancy.len() * 64) as u32 - 1
    }
}

impl Shape {
    /// Bytes of kernel memory that the maps of the generation take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let words = u64::from(self.buckets) * BUCKET_WORDS as u64
            + u64::from(self.filter_words)
            + u64::from(self.occupancy_words);
        words * 8 + u64::from(self.room) * size_of::<Value>() as u64
    }

    /// Mask of a word index of the filter.
    #[must_use]
    pub fn filter_mask(&self) -> u32 {
        self.filter_words - 1
    }

    /// Mask of a bit index of the occupancy bitmap.
    #[must_use]
    pub fn occupancy_mask(&self) -> u32 {
        self.occupancy_words * 64 - 1
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
    }
}

const fn full(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Where a pattern's key stands in the filter.
pub fn filter(pattern: &Pattern) -> Filter {
    let of = |address, prefix| match address {
        IpAddr::V4(address) => Filter::of4(word4(address), prefix),
        IpAddr::V6(address) => Filter::of6(words6(address), prefix),
    };
    match *pattern {
        Pattern::Ip(address) | Pattern::Endpoint { address, .. } => of(address, full(address)),
        Pattern::Cidr(net) => of(net.addr(), net.prefix_len()),
    }
}

struct Encoder {
    encoded: Encoded,
}

impl Encoder {
    fn new(image: &Image) -> Self {
        let blocks: usize = image
            .patterns()
            .map(|pattern| blocks(&pattern.pattern))
            .sum();
        let keys = usize::try_from(image.count()).expect("an image fits in memory");
        let bits = (blocks * BITS_PER_BLOCK).next_power_of_two();
        Self {
            encoded: Encoded {
                table: Table::new(Vec::new()).expect("nothing fits"),
                filter: vec![0; (keys / KEYS_PER_WORD).next_power_of_two().max(CHUNK_WORDS)],
                occupancy: vec![0; (bits.min(MOST_OCCUPANCY_BITS) / 64).max(CHUNK_WORDS)],
                lengths4: [NO_LENGTH; 34],
                lengths6: [NO_LENGTH; 130],
                exact4: false,
                exact6: false,
                wide6: false,
                endpoints: false,
            },
        }
    }

    fn add(&mut self, pattern: &ImagePattern) {
        let encoded = &mut self.encoded;
        let place = filter(&pattern.pattern);
        let mask = encoded.filter_mask();
        encoded.filter[place.word(mask) as usize] |= place.bits();
        encoded.endpoints |= matches!(pattern.pattern, Pattern::Endpoint { .. });
        match pattern.pattern {
            Pattern::Ip(IpAddr::V4(_))
            | Pattern::Endpoint {
                address: IpAddr::V4(_),
                ..
            } => encoded.exact4 = true,
            Pattern::Ip(IpAddr::V6(_))
            | Pattern::Endpoint {
                address: IpAddr::V6(_),
                ..
            } => encoded.exact6 = true,
            Pattern::Cidr(net) => {
                match net {
                    IpNet::V4(net) => insert_length(&mut encoded.lengths4, net.prefix_len()),
                    IpNet::V6(net) => {
                        encoded.wide6 |= is_wide6(IpNet::V6(net));
                        insert_length(&mut encoded.lengths6, net.prefix_len());
                    }
                }
                let mask = encoded.occupancy_mask();
                for bit in occupied(net, mask) {
                    encoded.occupancy[bit as usize >> 6] |= 1 << (bit & 63);
                }
            }
        }
    }
}

/// Whether a prefix is too wide for the occupancy bitmap.
pub fn is_wide6(net: IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.prefix_len() < WIDE6)
}

/// Bits of the occupancy bitmap that a prefix occupies: none for one that is too wide for it.
pub fn occupied(net: IpNet, mask: u32) -> impl Iterator<Item = u32> {
    let first = match net {
        IpNet::V4(net) => u32::from(net.addr()),
        IpNet::V6(net) => u32::from_be(words6(net.addr())[0]),
    };
    (0..blocks(&Pattern::Cidr(net)) as u32).map(move |block| match net {
        IpNet::V4(_) => occupancy4(first + (block << (32 - BLOCK4)), mask),
        IpNet::V6(_) => occupancy6((first + block).to_be(), mask),
    })
}

/// Blocks of the occupancy bitmap that a pattern occupies.
fn blocks(pattern: &Pattern) -> usize {
    match pattern {
        Pattern::Cidr(IpNet::V4(net)) => 1 << BLOCK4.saturating_sub(net.prefix_len()),
        Pattern::Cidr(IpNet::V6(net)) if net.prefix_len() >= WIDE6 => {
            1 << BLOCK6.saturating_sub(net.prefix_len())
        }
        _ => 0,
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
    use crate::{markers, model::request::Format};

    fn encoded(text: &str) -> Encoded {
        let now = jiff::Timestamp::now();
        let markers = markers::read(Format::Text, text.as_bytes()).markers;
        let image = markers::compile(&markers, now).expect("no collision");
        encode(&image, KernelClock::Tai, true, |_| false).expect("it fits")
    }

    #[test]
    fn lengths_are_listed_once_longest_first() {
        let encoded = encoded(
            "cidr 10.0.0.0/8\ncidr 10.1.0.0/16\ncidr 10.2.0.0/16\ncidr 10.1.1.0/24\ncidr 0.0.0.0/0\n",
        );
        assert_eq!(encoded.lengths4[..5], [24, 16, 8, 0, NO_LENGTH]);
        assert_eq!(encoded.lengths6[0], NO_LENGTH);
    }

    #[test]
    fn every_block_of_a_short_prefix_is_occupied() {
        let encoded = encoded("cidr 10.0.0.0/9\ncidr 2001:db00::/24\n");
        let mask = encoded.occupancy_mask();
        let occupied = |bit: u32| encoded.occupancy[bit as usize >> 6] >> (bit & 63) & 1 == 1;
        for third in 0..128u32 {
            assert!(occupied(occupancy4(0x0a00_0000 + (third << 16), mask)));
        }
        assert!(!occupied(occupancy4(0x0a80_0000, mask)));
        for last in 0..256u32 {
            assert!(occupied(occupancy6((0x2001_db00 + last).to_be(), mask)));
        }
        assert!(!encoded.wide6);
    }

    #[test]
    fn filters_have_few_false_positives() {
        let text: String = (0..20_000u32)
            .map(|index| format!("ip {}\n", Ipv4Addr::from(0x0a00_0000 + index * 7)))
            .collect();
        let encoded = encoded(&text);
        let positive = |address: u32| {
            let filter = Filter::of4(address.to_be(), 32);
            let word = encoded.filter[filter.word(encoded.filter_mask()) as usize];
            word & filter.bits() == filter.bits()
        };
        assert!((0..20_000u32).all(|index| positive(0x0a00_0000 + index * 7)));
        let false_positives = (0..100_000u32).filter(|index| positive(0xc000_0000 + index * 13));
        assert!(false_positives.count() < 2_000, "over 2 %");
    }
}

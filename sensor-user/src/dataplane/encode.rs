//! An image as map contents: keys, filter, occupancy bitmap, prefix lengths. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use sensor_common::{
    CHUNK_WORDS, Chunk, Filter, Pattern as Value, PatternKey4, PatternKey6, occupancy4, occupancy6,
};

use crate::{
    clock::KernelClock,
    model::{Image, ImagePattern, Pattern},
};

/// Filter bits per key, a quarter of a word each (DESIGN §4).
const KEYS_PER_WORD: usize = 4;
/// Occupancy bits per occupied block: one block in sixteen is a false positive.
const BITS_PER_BLOCK: usize = 16;
/// Longest IPv4 prefix length that occupies several blocks.
const BLOCK4: u8 = 20;
/// Longest IPv6 prefix length that occupies several blocks.
const BLOCK6: u8 = 32;
/// Shortest IPv6 prefix whose blocks are set one by one (65,536 of them).
const WIDE6: u8 = 16;
/// Most blocks that the bitmap is sized for (8 MiB of it). A set of very short prefixes that
/// occupies more makes the bitmap answer yes too often, not the verdict wrong.
const MOST_BLOCKS: usize = 1 << 22;
/// Ends the lists of prefix lengths.
const NO_LENGTH: u8 = 255;

/// What the maps and the read-only data of one generation hold.
#[derive(Debug)]
pub struct Encoded {
    /// IPv4 keys.
    pub patterns4: Vec<(PatternKey4, Value)>,
    /// IPv6 keys.
    pub patterns6: Vec<(PatternKey6, Value)>,
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
}

impl Encoded {
    /// Mask of a word index of the filter.
    #[must_use]
    pub fn filter_mask(&self) -> u32 {
        mask(self.filter.len())
    }

    /// Mask of a bit index of the occupancy bitmap.
    #[must_use]
    pub fn occupancy_mask(&self) -> u32 {
        mask(self.occupancy.len() * 64)
    }
}

/// Encodes an image; deadlines are told in `clock`. With `expiry` off the kernel lets patterns
/// match for ever (replay: the agent judges validity by the capture's time).
#[must_use]
pub fn encode(image: &Image, clock: KernelClock, expiry: bool) -> Encoded {
    let mut encoder = Encoder::new(image);
    for pattern in &image.patterns {
        let not_after = match pattern.until {
            Some(until) if expiry => clock.to_kernel(until),
            _ => u64::MAX,
        };
        encoder.add(pattern, not_after);
    }
    encoder.encoded
}

struct Encoder {
    encoded: Encoded,
}

impl Encoder {
    fn new(image: &Image) -> Self {
        let blocks = image
            .patterns
            .iter()
            .map(blocks)
            .sum::<usize>()
            .min(MOST_BLOCKS);
        let keys = image.patterns.len();
        Self {
            encoded: Encoded {
                patterns4: Vec::new(),
                patterns6: Vec::new(),
                filter: vec![0; (keys / KEYS_PER_WORD).next_power_of_two().max(CHUNK_WORDS)],
                occupancy: vec![
                    0;
                    (blocks * BITS_PER_BLOCK / 64)
                        .next_power_of_two()
                        .max(CHUNK_WORDS)
                ],
                lengths4: [NO_LENGTH; 34],
                lengths6: [NO_LENGTH; 130],
                exact4: false,
                exact6: false,
                wide6: false,
            },
        }
    }

    fn add(&mut self, pattern: &ImagePattern, not_after: u64) {
        let value = Value {
            id: pattern.id.0,
            not_before: 0,
            not_after,
        };
        match pattern.pattern {
            Pattern::Ip(address) => self.exact(address, 0, 0, value),
            Pattern::Endpoint {
                address,
                protocol,
                port,
            } => self.exact(address, port, protocol.number(), value),
            Pattern::Cidr(IpNet::V4(net)) => {
                let (address, prefix) = (word4(net.addr()), net.prefix_len());
                self.prefix4(u32::from(net.addr()), prefix);
                self.set_filter(Filter::of4(address, prefix));
                self.encoded
                    .patterns4
                    .push((key4(address, 0, 0, prefix), value));
            }
            Pattern::Cidr(IpNet::V6(net)) => {
                let (address, prefix) = (words6(net.addr()), net.prefix_len());
                self.prefix6(net.addr(), prefix);
                self.set_filter(Filter::of6(address, prefix));
                self.encoded
                    .patterns6
                    .push((key6(address, 0, 0, prefix), value));
            }
        }
    }

    fn exact(&mut self, address: IpAddr, port: u16, proto: u8, value: Value) {
        match address {
            IpAddr::V4(address) => {
                let address = word4(address);
                self.encoded.exact4 = true;
                self.set_filter(Filter::of4(address, 32));
                self.encoded
                    .patterns4
                    .push((key4(address, port, proto, 32), value));
            }
            IpAddr::V6(address) => {
                let address = words6(address);
                self.encoded.exact6 = true;
                self.set_filter(Filter::of6(address, 128));
                self.encoded
                    .patterns6
                    .push((key6(address, port, proto, 128), value));
            }
        }
    }

    fn set_filter(&mut self, filter: Filter) {
        let mask = self.encoded.filter_mask();
        self.encoded.filter[filter.word(mask) as usize] |= filter.bits();
    }

    fn set_occupied(&mut self, bit: u32) {
        self.encoded.occupancy[bit as usize >> 6] |= 1 << (bit & 63);
    }

    fn prefix4(&mut self, network: u32, prefix: u8) {
        insert_length(&mut self.encoded.lengths4, prefix);
        let mask = self.encoded.occupancy_mask();
        for block in 0..blocks4(prefix) {
            self.set_occupied(occupancy4(network + ((block as u32) << 12), mask));
        }
    }

    fn prefix6(&mut self, network: Ipv6Addr, prefix: u8) {
        insert_length(&mut self.encoded.lengths6, prefix);
        if prefix < WIDE6 {
            self.encoded.wide6 = true;
            return;
        }
        let mask = self.encoded.occupancy_mask();
        let first = u32::from_be(words6(network)[0]);
        for block in 0..blocks6(prefix) {
            self.set_occupied(occupancy6((first + block as u32).to_be(), mask));
        }
    }
}

/// Blocks of the occupancy bitmap that a pattern occupies.
fn blocks(pattern: &ImagePattern) -> usize {
    match pattern.pattern {
        Pattern::Cidr(IpNet::V4(net)) => blocks4(net.prefix_len()),
        Pattern::Cidr(IpNet::V6(net)) => blocks6(net.prefix_len()),
        _ => 0,
    }
}

fn blocks4(prefix: u8) -> usize {
    1 << BLOCK4.saturating_sub(prefix)
}

fn blocks6(prefix: u8) -> usize {
    if prefix < WIDE6 {
        return 0;
    }
    1 << BLOCK6.saturating_sub(prefix)
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

fn mask(count: usize) -> u32 {
    u32::try_from(count - 1).expect("filters stay below 2^32 words and bits")
}

const fn key4(address: u32, port: u16, proto: u8, prefix: u8) -> PatternKey4 {
    PatternKey4 {
        address,
        port,
        proto,
        prefix,
    }
}

const fn key6(address: [u32; 4], port: u16, proto: u8, prefix: u8) -> PatternKey6 {
    PatternKey6 {
        address,
        port,
        proto,
        prefix,
    }
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

/// Words in chunks, as the maps hold them.
pub fn chunks(words: &[u64]) -> impl Iterator<Item = Chunk> + '_ {
    words.chunks_exact(CHUNK_WORDS).map(|chunk| {
        let mut value = [0; CHUNK_WORDS];
        value.copy_from_slice(chunk);
        value
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
        encode(&image, KernelClock::Tai, true)
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

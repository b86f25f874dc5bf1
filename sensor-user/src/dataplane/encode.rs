//! An image as map contents: keys, filter, prefix lengths. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use sensor_common::{
    BUCKET_WORDS, NameKeys, Pattern as Value, PatternKey, SHORT4_WORDS, WIDEST6, wants,
};

use super::{
    filter::{Hashed, Marks, is_short4, mark_count, marks, name, word4, words6},
    table::{DoesNotFit, Table},
};
use crate::{
    clock::{KernelClock, Offset},
    model::{Direction, Image, ImagePattern, Pattern, PatternKind},
};

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
    /// How many of the filter's words are hashed.
    pub hashed: Hashed,
    /// Hashed marks in the filter.
    pub marks: Marks,
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
    /// An IPv4 prefix shorter than a block is present.
    pub short4: bool,
    /// An IPv6 prefix too short for the filter is present.
    pub wide6: bool,
    /// Endpoints are present.
    pub endpoints: bool,
    /// Names are present.
    pub domains: bool,
    /// URLs are present: heads of requests are lent.
    pub urls: bool,
    /// Fingerprints of TLS clients are present: every ClientHello is lent.
    pub fingerprints: bool,
}

impl Specialisation {
    /// What the program looks for behind the ports.
    pub(super) fn wants(&self) -> u32 {
        [
            (self.domains, wants::NAMES),
            (self.urls, wants::URLS),
            (self.fingerprints, wants::FINGERPRINTS),
        ]
        .map(|(present, kind)| if present { kind } else { 0 })
        .iter()
        .sum()
    }

    /// Whether the program looks at payloads just as `image` needs it: what an image does not need is
    /// not lent.
    #[must_use]
    pub fn lends_for(&self, image: &Image) -> bool {
        let present = |kind| image.count_of(kind) != 0;
        self.domains == present(PatternKind::Domain)
            && self.urls == present(PatternKind::Url)
            && self.fingerprints == (present(PatternKind::Ja3) || present(PatternKind::Ja4))
    }
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
    /// Hashed marks in the filter.
    pub marks: Marks,
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
    keys: NameKeys,
    open: impl Fn(&ImagePattern) -> bool,
) -> Result<Encoded, DoesNotFit> {
    let count = usize::try_from(image.count()).expect("an image fits in memory");
    let mut patterns = Vec::with_capacity(count);
    let mut encoder = Encoder::new(image);
    let offset = clock.offset();
    for pattern in image.patterns() {
        encoder.add(&pattern, keys);
        patterns.extend(value(&pattern, offset, expiry, open(&pattern), keys));
    }
    no_two_alike(&patterns)?;
    Ok(Encoded {
        table: Table::new(patterns)?,
        ..encoder.encoded
    })
}

/// Names are told by a hash: two of one hash would be one pattern.
fn no_two_alike(patterns: &[Value]) -> Result<(), DoesNotFit> {
    let names = patterns.iter().map(|pattern| pattern.key);
    let mut names: Vec<(u64, u64)> = names
        .filter(|key| key.is_name())
        .map(|key| (key.high, key.rest))
        .collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(DoesNotFit::Collision);
    }
    Ok(())
}

/// What the kernel holds of a pattern; `None` when the agent alone looks for it.
pub fn value(
    pattern: &ImagePattern,
    offset: Offset,
    expiry: bool,
    open: bool,
    keys: NameKeys,
) -> Option<Value> {
    let not_after = match pattern.until {
        Some(until) if expiry => offset.to_kernel(until),
        _ => u64::MAX,
    };
    Some(Value {
        key: key(&pattern.pattern, keys)?,
        id: pattern.id.0,
        not_before: 0,
        not_after,
        flags: if open { Value::BREAKER } else { 0 } | side(pattern.direction),
        reserved: 0,
    })
}

const fn side(direction: Direction) -> u64 {
    match direction {
        Direction::Either => 0,
        Direction::Source => Value::ONLY_SRC,
        Direction::Destination => Value::ONLY_DST,
    }
}

/// The key of a pattern; `None` when the agent alone looks for it.
pub fn key(pattern: &Pattern, keys: NameKeys) -> Option<PatternKey> {
    let of = |address, port, proto, prefix| match address {
        IpAddr::V4(address) => PatternKey::v4(word4(address), port, proto, prefix),
        IpAddr::V6(address) => PatternKey::v6(words6(address), port, proto, prefix),
    };
    Some(match *pattern {
        Pattern::Ip(address) => of(address, 0, 0, full(address)),
        Pattern::Endpoint {
            address,
            protocol,
            port,
        } => of(address, port, protocol.number(), full(address)),
        Pattern::Cidr(net) => of(net.addr(), 0, 0, net.prefix_len()),
        Pattern::Domain(ref domain) => {
            let (hash, subdomains) = name(domain, keys);
            PatternKey::name(hash, subdomains)
        }
        Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => return None,
    })
}

const fn full(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

struct Encoder {
    encoded: Encoded,
}

impl Encoder {
    fn new(image: &Image) -> Self {
        let (mut marks, mut short4) = (Marks::default(), false);
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
                filter: vec![0; (hashed.all() + tables + 1) as usize],
                hashed,
                marks,
                special: Specialisation {
                    lengths4: [NO_LENGTH; 34],
                    lengths6: [NO_LENGTH; 130],
                    exact4: false,
                    exact6: false,
                    short4,
                    wide6: false,
                    endpoints: false,
                    domains: false,
                    urls: false,
                    fingerprints: false,
                },
            },
        }
    }

    fn add(&mut self, pattern: &ImagePattern, keys: NameKeys) {
        let encoded = &mut self.encoded;
        let filter = &mut encoded.filter;
        marks(&pattern.pattern, encoded.hashed, keys, |word, bits| {
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
                insert_length(&mut encoded.special.lengths6, net.prefix_len());
            }
            Pattern::Domain(_) => encoded.special.domains = true,
            Pattern::Url(_) => encoded.special.urls = true,
            Pattern::Ja3(_) | Pattern::Ja4(_) => encoded.special.fingerprints = true,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markers;

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

    #[test]
    fn lengths_are_listed_once_longest_first() {
        let encoded = encoded(
            "cidr 10.0.0.0/8\ncidr 10.1.0.0/16\ncidr 10.2.0.0/16\ncidr 10.1.1.0/24\ncidr 0.0.0.0/0\n",
        );
        assert_eq!(encoded.special.lengths4[..5], [24, 16, 8, 0, NO_LENGTH]);
        assert_eq!(encoded.special.lengths6[0], NO_LENGTH);
    }
}

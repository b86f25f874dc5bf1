//! Marker sets, and random packets that match none of them although they come close.
//!
//! Packets have zeros at a few bits where every marker has a one, each at a bit that its own length
//! covers. So a random packet never matches, yet shares all other bits, the blocks of a bitmap and
//! the upper levels of a trie with the markers. IPv4 is drawn from the whole unicast space; IPv6
//! from one registry's 2a00::/12, because sets and traffic of real networks meet in few blocks.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;
use jiff::Timestamp;
use sensor_user::{
    markers::compile,
    model::{Image, Marker, Pattern},
};

use crate::random::Random;

/// Bits that are zero in random IPv4 packets and, by its length, one in each marker.
const APART4: u32 = 1 << 24 | 1 << 16 | 1 << 12 | 1 << 8 | 1;
/// What is random in the words of IPv6 packets, and what is set: 2a00::/12.
const KEEP6: [u32; 4] = [0x000e_fffe, !0x0001_0001, !0, !1];
const SET6: [u32; 4] = [0x2a00_0000, 0, 0, 0];
/// First octets of which a part is for special use (RFC 6890), or none is unicast.
const SPECIAL: [u8; 9] = [0, 10, 100, 127, 169, 172, 192, 198, 203];

/// Mask and set bits of random packets: the word of IPv4, then the four of IPv6.
pub const SHAPE: [(u32, u32); 5] = [
    (!APART4, 0),
    (KEEP6[0], SET6[0]),
    (KEEP6[1], SET6[1]),
    (KEEP6[2], SET6[2]),
    (KEEP6[3], SET6[3]),
];

/// Addresses and prefixes, each once; an address is a prefix of full length.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// IPv4, in host byte order.
    pub v4: Vec<(u32, u8)>,
    /// IPv6, in host byte order.
    pub v6: Vec<(u128, u8)>,
    known4: HashSet<(u32, u8)>,
    known6: HashSet<(u128, u8)>,
}

impl Set {
    /// So many addresses of each family.
    #[must_use]
    pub fn addresses(random: &mut Random, v4: usize, v6: usize) -> Self {
        let mut set = Self::default();
        set.grow(v4, |set| set.add4(random4(random), 32));
        set.grow(v6, |set| set.add6(random6(random), 128));
        set
    }

    /// The same with prefixes of the lengths that blocklists have: IPv4 mostly /24, IPv6 mostly
    /// /64 and /48.
    #[must_use]
    pub fn with_prefixes(mut self, random: &mut Random, v4: usize, v6: usize) -> Self {
        self.grow(v4, |set| {
            let length = match random.below(20) {
                0..14 => 24,
                14..17 => 16 + random.below(8) as u8,
                _ => 25 + random.below(4) as u8,
            };
            set.add4(random4(random), length)
        });
        self.grow(v6, |set| {
            let length = match random.below(20) {
                0..10 => 64,
                10..15 => 48,
                _ => 32 + random.below(8) as u8 * 4,
            };
            set.add6(random6(random), length)
        });
        self
    }

    /// So many prefixes of each family, of every length from /8 and /16 on, dense enough that
    /// most blocks around random packets hold one, and nested in each other.
    #[must_use]
    pub fn dense(random: &mut Random, count: usize) -> Self {
        let mut set = Self::default();
        // There are fewer short ones than tries.
        for _ in 0..100 {
            for length in 8..24 {
                set.add4(random4(random), length);
            }
            for length in 16..48 {
                set.add6(random6(random), length);
            }
        }
        // Around packets: what sets them apart is one bit near the end.
        set.grow(count, |set| {
            let near = random4(random) & !APART4;
            set.add4(near, 24 + random.below(8) as u8)
        });
        set.grow(count, |set| {
            let near = random6(random) & !apart6();
            set.add6(near, 48 + random.below(80) as u8)
        });
        set
    }

    /// Calls `add` until it has added so many; it says whether it did.
    fn grow(&mut self, count: usize, mut add: impl FnMut(&mut Self) -> bool) {
        let mut added = 0;
        while added < count {
            added += usize::from(add(self));
        }
    }

    fn add4(&mut self, address: u32, length: u8) -> bool {
        let bit = match length {
            32 => 0,
            24.. => 8,
            20.. => 12,
            16.. => 16,
            _ => 24,
        };
        let key = ((address | 1 << bit) & mask4(length), length);
        // The bit may have made a first octet that is for special use.
        let fresh = usual(key.0) && self.known4.insert(key);
        self.v4.extend(fresh.then_some(key));
        fresh
    }

    fn add6(&mut self, address: u128, length: u8) -> bool {
        let bit = match length {
            128 => 127,
            64.. => 63,
            48.. => 47,
            32.. => 31,
            _ => 15,
        };
        let key = ((address | 1 << (127 - bit)) & mask6(length), length);
        let fresh = self.known6.insert(key);
        self.v6.extend(fresh.then_some(key));
        fresh
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an address or prefix of the set covers this address: asked of plain hash sets,
    /// length by length.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                let bits = u32::from(address);
                (0..=32).any(|length| self.known4.contains(&(bits & mask4(length), length)))
            }
            IpAddr::V6(address) => {
                let bits = u128::from(address);
                (0..=128).any(|length| self.known6.contains(&(bits & mask6(length), length)))
            }
        }
    }

    /// IPv4 keys as they stand in a packet, with their lengths.
    #[must_use]
    pub fn keys4(&self) -> Vec<(u32, u8)> {
        let key = |(address, length): &(u32, u8)| (address.to_be(), *length);
        self.v4.iter().map(key).collect()
    }

    /// The same of IPv6.
    #[must_use]
    pub fn keys6(&self) -> Vec<([u32; 4], u8)> {
        let key = |(address, length): &(u128, u8)| (words(*address), *length);
        self.v6.iter().map(key).collect()
    }

    /// Every pattern.
    pub fn patterns(&self) -> impl Iterator<Item = Pattern> + '_ {
        let v4 = self.v4.iter().map(|(address, length)| {
            let net = IpNet::new(Ipv4Addr::from(*address).into(), *length);
            Pattern::cidr(net.expect("a length in range")).expect("host bits are cut")
        });
        let v6 = self.v6.iter().map(|(address, length)| {
            let net = IpNet::new(Ipv6Addr::from(*address).into(), *length);
            Pattern::cidr(net.expect("a length in range")).expect("host bits are cut")
        });
        v4.chain(v6)
    }

    /// The image that the compiler makes of it.
    ///
    /// # Panics
    /// When two patterns have one id.
    #[must_use]
    pub fn image(&self) -> Image {
        let markers: Vec<Marker> = self
            .patterns()
            .enumerate()
            .map(|(index, pattern)| Marker::new(name::<String>(index), pattern))
            .collect();
        compile(&markers, Timestamp::UNIX_EPOCH).expect("no collision")
    }

    /// The set in the text format, with ids `m0`, `m1`, ….
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(self.len() * 40);
        for (index, pattern) in self.patterns().enumerate() {
            writeln!(text, "{pattern} id=m{index}").expect("a string grows");
        }
        text
    }
}

/// A random unicast address of ordinary use.
fn random4(random: &mut Random) -> u32 {
    loop {
        let address = random.bits() as u32;
        if usual(address) {
            return address;
        }
    }
}

const fn usual(address: u32) -> bool {
    let first = (address >> 24) as u8;
    let mut index = 0;
    while index < SPECIAL.len() {
        if SPECIAL[index] == first {
            return false;
        }
        index += 1;
    }
    first < 224
}

/// A random address of 2a00::/12.
fn random6(random: &mut Random) -> u128 {
    let bits = u128::from(random.bits()) << 64 | u128::from(random.bits());
    bits & (u128::MAX >> 12) | u128::from(SET6[0]) << 96
}

/// The bits that are zero in random IPv6 packets.
const fn apart6() -> u128 {
    1 << (127 - 15) | 1 << (127 - 31) | 1 << (127 - 47) | 1 << (127 - 63) | 1
}

/// A random packet's address that no set covers.
#[must_use]
pub fn stranger(random: &mut Random, v4: bool) -> IpAddr {
    if v4 {
        Ipv4Addr::from(random4(random) & !APART4).into()
    } else {
        Ipv6Addr::from(random6(random) & !apart6()).into()
    }
}

/// An IPv6 address as it stands in a packet, in four words.
#[must_use]
pub const fn words(address: u128) -> [u32; 4] {
    [
        ((address >> 96) as u32).to_be(),
        ((address >> 64) as u32).to_be(),
        ((address >> 32) as u32).to_be(),
        (address as u32).to_be(),
    ]
}

fn mask4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// Whatever type ids have.
fn name<T: From<String>>(index: usize) -> T {
    T::from(format!("m{index}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_packets_match_nothing_and_members_do() {
        let mut random = Random::new(1);
        let plain = Set::addresses(&mut random, 5_000, 5_000);
        let mixed = plain.clone().with_prefixes(&mut random, 2_000, 2_000);
        let dense = Set::dense(&mut random, 2_000);
        for set in [&plain, &mixed, &dense] {
            for index in 0..20_000 {
                assert!(!set.covers(stranger(&mut random, index % 2 == 0)));
            }
            assert!(set.patterns().all(|pattern| match pattern {
                Pattern::Ip(address) => set.covers(address),
                Pattern::Cidr(net) => set.covers(net.addr()),
                _ => false,
            }));
        }
        assert_eq!((plain.v4.len(), plain.v6.len()), (5_000, 5_000));
        assert_eq!(mixed.len(), 14_000);
    }

    #[test]
    fn what_the_program_writes_is_what_is_kept_apart() {
        let kept = |word: usize| SHAPE[1 + word].0 | SHAPE[1 + word].1;
        let written = (0..4).fold(0u128, |all, word| all << 32 | u128::from(kept(word)));
        assert_eq!(written & apart6(), 0);
        assert_eq!(u128::from(SET6[0]) << 96 & apart6(), 0);
        assert_eq!(SHAPE[0].0 & APART4, 0);
    }

    #[test]
    fn dense_sets_have_every_length() {
        let set = Set::dense(&mut Random::new(2), 1_000);
        let lengths4: HashSet<u8> = set.v4.iter().map(|(_, length)| *length).collect();
        let lengths6: HashSet<u8> = set.v6.iter().map(|(_, length)| *length).collect();
        assert!((8..32).all(|length| lengths4.contains(&length)));
        assert!((16..128).all(|length| lengths6.contains(&length)));
    }
}

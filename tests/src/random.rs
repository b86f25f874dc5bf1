//! Seeded frames and marker sets that meet often.
//!
//! Addresses and ports of both come from one small pool, so that hits are frequent; frames are
//! made to lie, cut short and damaged, so that every path of a parser is walked.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use sensor_user::model::{Pattern, Protocol};

mod frame;
pub mod name;
pub mod set;

/// The variable that sets the seed.
pub const SEED_VARIABLE: &str = "SENSOR_SEED";

/// `SplitMix64` (Steele, Lea, Flood 2014): every seed gives a full-period sequence.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// From [`SEED_VARIABLE`] (decimal), or else from `default`; the seed is printed.
    ///
    /// # Panics
    /// When the variable is no number.
    #[must_use]
    pub fn from_env(default: u64) -> Self {
        let seed = std::env::var(SEED_VARIABLE).map_or(default, |text| {
            text.parse().expect("SENSOR_SEED is a decimal number")
        });
        println!("{SEED_VARIABLE}={seed}");
        Self::new(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound - 1`.
    ///
    /// # Panics
    /// When `bound` is 0.
    pub const fn below(&mut self, bound: usize) -> usize {
        ((self.bits() >> 11) % bound as u64) as usize
    }

    /// True in so many cases of a hundred.
    pub const fn percent(&mut self, cases: usize) -> bool {
        self.below(100) < cases
    }

    /// One of several.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// So many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.bits() as u8).collect()
    }
}

/// The addresses and ports that frames and markers share.
#[derive(Clone, Debug)]
pub struct Pool {
    /// IPv4 addresses, near and far from each other.
    pub v4: Vec<IpAddr>,
    /// IPv6 addresses, near and far from each other.
    pub v6: Vec<IpAddr>,
    /// Ports.
    pub ports: Vec<u16>,
}

impl Default for Pool {
    fn default() -> Self {
        let all = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect()
        };
        Self {
            v4: all(&[
                "203.0.113.5",
                "203.0.113.4",
                "203.0.113.133",
                "198.51.100.7",
                "198.51.101.7",
                "10.0.0.1",
                "10.0.0.2",
                "10.200.3.4",
                "224.0.0.5",
                "255.255.255.255",
            ]),
            v6: all(&[
                "2001:db8::5",
                "2001:db8::4",
                "2001:db8:0:1::5",
                "2001:db8:8000::1",
                "2001:dc8::1",
                "fd00::1",
                "fe80::1",
                "::ffff:203.0.113.5",
                "ff02::1",
                "64:ff9b::cb00:7105",
            ]),
            ports: vec![53, 80, 443, 4789, 5060, 40000],
        }
    }
}

impl Pool {
    /// Every address.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.v4.iter().chain(&self.v6).copied()
    }

    /// Up to `most` patterns, each once, in the order of the image.
    #[must_use]
    pub fn patterns(&self, random: &mut Random, most: usize) -> Vec<Pattern> {
        let count = random.below(most + 1);
        let set: BTreeSet<Pattern> = (0..count).map(|_| self.pattern(random)).collect();
        set.into_iter().collect()
    }

    /// One pattern.
    #[must_use]
    pub fn pattern(&self, random: &mut Random) -> Pattern {
        let v4 = random.percent(50);
        let address = random.pick(if v4 { &self.v4 } else { &self.v6 });
        match random.below(3) {
            0 => Pattern::ip(address),
            1 => {
                let length = random.below(if v4 { 33 } else { 129 }) as u8;
                let net = IpNet::new(address, length).expect("the length is in range");
                Pattern::cidr(net.trunc()).expect("host bits are cut")
            }
            _ => {
                let protocol = random.pick(&[Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
                let port = random.pick(&self.ports);
                Pattern::endpoint(address, protocol, port).expect("no port of the pool is 0")
            }
        }
    }

    /// A frame and a marker set.
    #[must_use]
    pub fn pair(&self, random: &mut Random) -> (Vec<u8>, Vec<Pattern>) {
        (self.frame(random), self.patterns(random, 24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn every_prefix_length_and_kind_comes_up() {
        let (pool, mut random) = (Pool::default(), Random::new(1));
        let mut lengths = BTreeSet::new();
        for _ in 0..20_000 {
            if let Pattern::Cidr(net) = pool.pattern(&mut random) {
                lengths.insert((net.max_prefix_len(), net.prefix_len()));
            }
        }
        // Full length is an address; ::ffff:… from /96 on is IPv4, so nothing is lost.
        assert_eq!(lengths.len(), 32 + 128);
    }
}

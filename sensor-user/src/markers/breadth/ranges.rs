//! Sets of prefixes that answer quickly whether a prefix touches them.

use std::net::IpAddr;

use ipnet::IpNet;

/// First and last address of each range, sorted, apart from each other.
#[derive(Clone, Debug, Default)]
pub(in crate::markers) struct Ranges {
    ipv4: Vec<(u128, u128)>,
    ipv6: Vec<(u128, u128)>,
}

impl Ranges {
    /// The union of prefixes.
    pub(in crate::markers) fn of(nets: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
        for net in nets {
            let (is_ipv4, range) = range(net);
            if is_ipv4 { &mut ipv4 } else { &mut ipv6 }.push(range);
        }
        Self {
            ipv4: apart(ipv4),
            ipv6: apart(ipv6),
        }
    }

    /// The union of two sets.
    pub(in crate::markers) fn and(&self, other: &Self) -> Self {
        Self {
            ipv4: apart([self.ipv4.as_slice(), &other.ipv4].concat()),
            ipv6: apart([self.ipv6.as_slice(), &other.ipv6].concat()),
        }
    }

    /// Whether a prefix lies in a range, holds one or overlaps one.
    pub(in crate::markers) fn touch(&self, net: IpNet) -> bool {
        let (is_ipv4, (first, last)) = range(net);
        let ranges = if is_ipv4 { &self.ipv4 } else { &self.ipv6 };
        // Apart and sorted by their first address, they are sorted by their last one too.
        let before = ranges.partition_point(|range| range.0 <= last);
        before > 0 && ranges[before - 1].1 >= first
    }
}

/// Whether it is of IPv4, with the first and last address; IPv4-mapped IPv6 is IPv4.
fn range(net: IpNet) -> (bool, (u128, u128)) {
    let (first, last) = (net.network(), net.broadcast());
    match (first.to_canonical(), last.to_canonical()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (true, (first.to_bits().into(), last.to_bits().into()))
        }
        _ => (false, (bits(first), bits(last))),
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Merges ranges that overlap or adjoin.
fn apart(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut apart: Vec<(u128, u128)> = Vec::new();
    for (first, last) in ranges {
        match apart.last_mut() {
            Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
            _ => apart.push((first, last)),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().expect(text)
    }

    #[test]
    fn nested_and_adjoining_prefixes_are_one_range() {
        let nets = [
            "10.1.0.0/16",
            "10.0.0.0/16",
            "10.0.3.0/24",
            "10.3.0.0/16",
            "::ffff:10.4.0.0/112",
        ];
        let ranges = Ranges::of(nets.map(net));
        assert_eq!((ranges.ipv4.len(), ranges.ipv6.len()), (2, 0), "{ranges:?}");
        for (text, touches) in [
            ("10.0.3.1/32", true),
            ("10.1.255.255/32", true),
            ("10.2.0.0/16", false),
            ("10.2.0.0/15", true),
            ("10.4.9.9/32", true),
            ("10.5.0.0/16", false),
            ("9.255.255.255/32", false),
            ("0.0.0.0/0", true),
            ("::/0", false),
        ] {
            assert_eq!(ranges.touch(net(text)), touches, "{text}");
        }
        assert!(!Ranges::of([]).touch(net("0.0.0.0/0")));
        assert!(Ranges::of([net("::/0"), net("ff00::/8")]).touch(net("ffff::/16")));
    }

    /// Against the plain definition, on every pair of a small universe.
    #[test]
    fn touching_is_what_comparing_with_each_prefix_says() {
        let all = || {
            (24..=32).flat_map(|length| {
                let step = 1_u32 << (32 - length);
                (0..256_u32)
                    .step_by(step as usize)
                    .map(move |last| net(&format!("192.0.2.{last}/{length}")))
            })
        };
        let some: Vec<IpNet> = all()
            .step_by(37)
            .filter(|net| net.prefix_len() > 26)
            .collect();
        let ranges = Ranges::of(some.iter().copied());
        for asked in all() {
            let plain = some
                .iter()
                .any(|one| one.contains(&asked) || asked.contains(one));
            assert_eq!(ranges.touch(asked), plain, "{asked}");
        }
    }
}

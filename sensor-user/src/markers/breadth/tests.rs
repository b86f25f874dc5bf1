//! Each rule, and where it ends.

use std::{net::IpAddr, path::Path};

use super::*;

const CONFIG: &str = "sensor = \"a\"\n\
    [limits]\nown-prefixes = [\"198.51.100.0/24\"]\nresolvers = [\"203.0.113.53\"]\n\
    [[interface]]\nname = \"eth0\"\nsubscribers = [\"100.64.0.0/10\", \"2001:db8:1::/48\"]\n\
    [[interface.vlan]]\ntags = [7]\nsubscribers = [\"192.0.2.0/25\"]\n";

fn breadth(text: &str) -> Breadth {
    Breadth::of(&Config::parse(Path::new("sensor.toml"), text).expect("loads"))
}

fn concern(breadth: &Breadth, pattern: &str) -> Option<Concern> {
    breadth.check(&pattern.parse().expect(pattern))
}

#[test]
fn each_rule_and_where_it_ends() {
    use Concern::{OwnAddress, PublicResolver, SpecialPurpose, TooBroad};
    let breadth = breadth(CONFIG);
    for (pattern, expected) in [
        ("cidr 0.0.0.0/0", Some(TooBroad)),
        ("cidr 44.0.0.0/8", Some(TooBroad)),
        ("cidr 44.0.0.0/11", Some(TooBroad)),
        ("cidr 44.0.0.0/12", None),
        ("cidr 44.1.0.0/16", None),
        ("cidr ::/0", Some(TooBroad)),
        ("cidr 2a00::/23", Some(TooBroad)),
        ("cidr 2a00::/24", None),
        // The operator's own: inside, around, of a VLAN, of the infrastructure, as an endpoint.
        ("ip 100.64.3.4", Some(OwnAddress)),
        ("ip 100.128.0.0", None),
        ("cidr 100.64.0.0/16", Some(OwnAddress)),
        ("cidr 192.0.0.0/16", Some(OwnAddress)),
        ("ip 192.0.2.127", Some(OwnAddress)),
        ("ip 192.0.2.128", None),
        ("ip 198.51.100.1", Some(OwnAddress)),
        ("endpoint 198.51.100.1 tcp 443", Some(OwnAddress)),
        ("ip ::ffff:198.51.100.1", Some(OwnAddress)),
        ("ip 2001:db8:1:2::3", Some(OwnAddress)),
        ("cidr 2001:db8::/32", Some(OwnAddress)),
        ("ip 2001:db8:2::", None),
        // Public resolvers: known and configured, on any port, within a prefix.
        ("ip 8.8.8.8", Some(PublicResolver)),
        ("ip 8.8.8.9", None),
        ("cidr 8.8.8.0/24", Some(PublicResolver)),
        ("cidr 9.8.0.0/16", None),
        ("endpoint 9.9.9.9 tcp 8443", Some(PublicResolver)),
        ("ip 80.67.169.40", Some(PublicResolver)),
        ("ip 2606:4700:4700::1111", Some(PublicResolver)),
        ("cidr 2001:4860:4860::/48", Some(PublicResolver)),
        ("ip 203.0.113.53", Some(PublicResolver)),
        ("ip 203.0.113.54", None),
        // The host of a URL, as an address or a name.
        ("url http://198.51.100.1/", Some(OwnAddress)),
        ("url http://[2001:db8:1::1]:8080/a", Some(OwnAddress)),
        ("url http://[::ffff:198.51.100.1]/", Some(OwnAddress)),
        ("url http://8.8.8.8/dns", Some(PublicResolver)),
        ("url http://127.0.0.1:631/", Some(SpecialPurpose)),
        ("url http://localhost/", Some(TooBroad)),
        ("url http://203.0.113.54/gate", None),
        ("url http://evil.example/198.51.100.1", None),
        // No hosts.
        ("ip 0.0.0.0", Some(SpecialPurpose)),
        ("ip 127.0.0.53", Some(SpecialPurpose)),
        ("cidr 169.254.0.0/16", Some(SpecialPurpose)),
        ("ip 239.1.2.3", Some(SpecialPurpose)),
        ("ip 255.255.255.255", Some(SpecialPurpose)),
        ("ip ::", Some(SpecialPurpose)),
        ("ip ::1", Some(SpecialPurpose)),
        ("ip ::2", None),
        ("ip fe80::1", Some(SpecialPurpose)),
        ("endpoint ff02::fb udp 5353", Some(SpecialPurpose)),
        // Private ranges may be watched.
        ("ip 192.168.1.1", None),
        ("ip 10.0.0.1", None),
        ("ip fd00::1", None),
        ("domain example", Some(TooBroad)),
        ("domain *.example", Some(TooBroad)),
        ("domain *.evil.example", None),
        ("domain *.com", Some(TooBroad)),
        ("domain co.uk", Some(TooBroad)),
        ("domain *.github.io", Some(TooBroad)),
        ("domain *.evil.co.uk", None),
        ("domain evil.github.io", None),
    ] {
        assert_eq!(concern(&breadth, pattern), expected, "{pattern}");
    }
}

#[test]
fn the_lengths_are_configured() {
    let text = "sensor = \"a\"\n[limits]\nwidest-ipv4 = 17\nwidest-ipv6 = 25\n";
    let breadth = breadth(text);
    for (pattern, expected) in [
        ("cidr 44.1.0.0/16", Some(Concern::TooBroad)),
        ("cidr 44.1.0.0/17", None),
        ("cidr 2a00::/24", Some(Concern::TooBroad)),
        ("cidr 2a00::/25", None),
    ] {
        assert_eq!(concern(&breadth, pattern), expected, "{pattern}");
    }
}

#[test]
fn every_known_resolver_is_one_once() {
    let breadth = breadth("sensor = \"a\"\n");
    let mut seen = std::collections::HashSet::new();
    for text in resolvers::KNOWN {
        let address: IpAddr = text.parse().expect(text);
        assert!(seen.insert(address), "{text} twice");
        assert_eq!(
            breadth.check(&Pattern::ip(address)),
            Some(Concern::PublicResolver),
            "{text}"
        );
    }
}

#[test]
fn reasons_are_told_apart_and_repeat_no_value() {
    let codes = Concern::ALL.map(Concern::code);
    assert_eq!(
        codes,
        [
            "too_broad",
            "special_purpose",
            "own_address",
            "public_resolver",
            "warninglist"
        ]
    );
    for concern in Concern::ALL {
        assert_eq!(Concern::reason_of(concern.code()), concern.reason());
        let reason = concern.reason();
        let value = |word: &str| word.parse::<IpAddr>().is_ok() || word.parse::<IpNet>().is_ok();
        assert!(!reason.split_whitespace().any(value), "{reason}");
    }
}

/// A million patterns against many prefixes of one's own: no scan of them for each pattern.
/// Were each pattern held against each prefix, this would not end.
#[test]
fn many_patterns_are_held_against_many_prefixes() {
    let mut config = Config::from_flags(&[], &[]).expect("no interfaces are fine");
    let own = (0..100_000_u32).map(|n| {
        let address = IpAddr::from((0x6400_0000 | (n << 7)).to_be_bytes());
        IpNet::new(address, 26).expect("a length")
    });
    config.limits.own_prefixes = own.collect();
    let breadth = Breadth::of(&config);
    let quarantined = (0..1_000_000_u32)
        .filter(|n| {
            let address = IpAddr::from((0x6400_0000 + (n << 4)).to_be_bytes());
            breadth.check(&Pattern::ip(address)).is_some()
        })
        .count();
    // Half of the addresses below 100.195.80.0, in steps of 16.
    assert_eq!(quarantined, 400_000);
}

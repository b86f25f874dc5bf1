//! Which side of a flow is a subscriber, and which vantages see the same network.

use std::{collections::HashMap, net::IpAddr};

use ipnet::IpNet;

use crate::model::{SubscriberSide, Vantage};

/// Subscriber prefixes and address realm (RFC 2663 §2.1) of each vantage. Private addresses
/// overlap between realms: flows of one realm are never joined with those of another.
#[derive(Clone, Debug, Default)]
pub struct Subscribers {
    interfaces: HashMap<u8, Interface>,
}

#[derive(Clone, Debug, Default)]
struct Interface {
    name: String,
    untagged: Zone,
    tagged: HashMap<Vec<u16>, Zone>,
}

/// What a vantage looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Prefixes of the operator's subscribers.
    pub prefixes: Vec<IpNet>,
    /// Number of the address realm.
    pub realm: u32,
}

impl Subscribers {
    /// Adds an interface. `tagged` overrides it for VLAN stacks (outermost id first).
    pub fn insert(
        &mut self,
        slot: u8,
        name: String,
        untagged: Zone,
        tagged: impl IntoIterator<Item = (Vec<u16>, Zone)>,
    ) {
        let tagged = tagged.into_iter().collect();
        let interface = Interface {
            name,
            untagged,
            tagged,
        };
        self.interfaces.insert(slot, interface);
    }

    /// Name of the interface of a vantage; blank when it is none of ours.
    #[must_use]
    pub fn interface(&self, vantage: Vantage) -> &str {
        self.interfaces
            .get(&vantage.slot())
            .map_or("", |interface| interface.name.as_str())
    }

    /// The realm of a vantage.
    #[must_use]
    pub fn realm(&self, vantage: Vantage) -> u32 {
        self.zone(vantage).map_or(0, |zone| zone.realm)
    }

    /// The subscriber side of a packet; `None` for transit and for a vantage that is not ours. Where no prefix is configured at all
    /// (replay) it is unknown.
    #[must_use]
    pub fn side(&self, vantage: Vantage, src: IpAddr, dst: IpAddr) -> Option<SubscriberSide> {
        let zone = self.zone(vantage)?;
        if zone.prefixes.is_empty() {
            return Some(SubscriberSide::Unknown);
        }
        let inside = |address: IpAddr| zone.prefixes.iter().any(|net| net.contains(&address));
        match (inside(src), inside(dst)) {
            (true, true) => Some(SubscriberSide::Both),
            (true, false) => Some(SubscriberSide::Src),
            (false, true) => Some(SubscriberSide::Dst),
            (false, false) => None,
        }
    }

    fn zone(&self, vantage: Vantage) -> Option<&Zone> {
        let interface = self.interfaces.get(&vantage.slot())?;
        let vlans = vantage.vlans();
        // A tag stack that is not configured belongs to its outer tag's network.
        let tagged = (1..=vlans.len())
            .rev()
            .find_map(|depth| interface.tagged.get(&vlans[..depth]));
        Some(tagged.unwrap_or(&interface.untagged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vantage(slot: u32, outer: u32, inner: u32) -> Vantage {
        Vantage(slot << 24 | outer << 12 | inner)
    }

    fn zone(prefix: &str, realm: u32) -> Zone {
        Zone {
            prefixes: vec![prefix.parse().expect("a prefix")],
            realm,
        }
    }

    #[test]
    fn the_side_depends_on_the_vantage() {
        let mut subscribers = Subscribers::default();
        let tagged = [
            (vec![100], zone("192.168.0.0/16", 1)),
            (vec![100, 7], zone("172.16.0.0/12", 2)),
        ];
        subscribers.insert(3, "eth3".into(), zone("10.0.0.0/8", 0), tagged);
        let side = |vantage, src: &str| {
            let dst = "203.0.113.1".parse().expect("an address");
            subscribers.side(vantage, src.parse().expect("an address"), dst)
        };
        assert_eq!(
            side(vantage(3, 0, 0), "10.1.1.1"),
            Some(SubscriberSide::Src)
        );
        assert_eq!(side(vantage(3, 100, 0), "10.1.1.1"), None);
        assert_eq!(
            side(vantage(3, 100, 9), "192.168.1.1"),
            Some(SubscriberSide::Src)
        );
        assert_eq!(side(vantage(3, 100, 7), "192.168.1.1"), None);
        assert_eq!(subscribers.realm(vantage(3, 100, 7)), 2);
        assert_eq!(side(vantage(4, 0, 0), "10.1.1.1"), None);
    }
}

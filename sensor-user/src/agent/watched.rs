//! From the configuration to what is watched.

use super::Error;
use crate::{
    config::{self, Config},
    control::service::Watched,
    dataplane::{InterfaceSlot, Mode},
    db::Catalog,
    hits::{Subscribers, Zone},
};

/// Slots, subscriber prefixes and realms of the configured interfaces.
pub(super) fn interfaces_of(
    config: &Config,
    catalog: &mut Catalog,
) -> Result<(Vec<Watched>, Subscribers), Error> {
    let mut realms: Vec<&str> = Vec::new();
    let mut realm_of = |name| {
        realms
            .iter()
            .position(|known| *known == name)
            .unwrap_or_else(|| {
                realms.push(name);
                realms.len() - 1
            }) as u32
    };
    let mut watched = Vec::new();
    let mut subscribers = Subscribers::default();
    for interface in &config.interfaces {
        let slot = catalog.slot(&interface.name)?.ok_or_else(|| Error::Slots {
            interface: interface.name.clone(),
        })?;
        let mut zone = |prefixes: &[ipnet::IpNet], realm| Zone {
            prefixes: prefixes.to_vec(),
            realm: realm_of(realm),
        };
        let untagged = zone(&interface.subscribers, interface.realm.as_str());
        let tagged: Vec<_> = interface
            .vlans
            .iter()
            .map(|vlan| {
                (
                    vlan.tags.clone(),
                    zone(&vlan.subscribers, vlan.realm.as_str()),
                )
            })
            .collect();
        subscribers.insert(slot, interface.name.clone(), untagged, tagged);
        watched.push(Watched {
            slot: InterfaceSlot {
                name: interface.name.clone(),
                slot,
                mode: match interface.mode {
                    config::Mode::Auto => None,
                    config::Mode::Native => Some(Mode::Native),
                    config::Mode::Generic => Some(Mode::Generic),
                },
            },
            wanted: true,
            trouble: None,
            retry: None,
        });
    }
    Ok((watched, subscribers))
}

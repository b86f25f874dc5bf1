//! Three network namespaces in a row: a subscriber, the router that carries the sensor, the internet.

use anyhow::Result;

use super::cast::EXCHANGES;
use crate::process::Line;

/// The names of the namespaces.
pub struct Network {
    pub subscriber: String,
    pub router: String,
    pub internet: String,
}

/// The router's interface towards the subscriber.
pub const ACCESS: &str = "access0";
/// The router's interface towards the internet.
pub const TRANSIT: &str = "transit0";
const UPLINK: &str = "eth0";

/// The internet's side of the transit link.
const NEXT_HOP: [&str; 2] = ["192.0.2.2", "2001:db8:ff::2"];

impl Network {
    /// Names that no other demo has.
    pub fn named(id: u32) -> Self {
        let name = |role: &str| format!("demo-{id}-{role}");
        Self {
            subscriber: name("subscriber"),
            router: name("router"),
            internet: name("internet"),
        }
    }

    pub fn names(&self) -> [&str; 3] {
        [&self.subscriber, &self.router, &self.internet]
    }

    /// Makes namespaces, links, addresses and routes; when it returns, packets pass both ways.
    pub fn build(&self) -> Result<()> {
        for name in self.names() {
            Line::new("ip netns add").args([name]).tell()?;
            // IPv6 addresses are usable at once: nobody else can have the same.
            set(name, "net/ipv6/conf/default/accept_dad", "0")?;
            inside(name, "ip link set lo up").tell()?;
        }
        set(&self.router, "net/ipv4/ip_forward", "1")?;
        set(&self.router, "net/ipv6/conf/all/forwarding", "1")?;
        veth((&self.subscriber, UPLINK), (&self.router, ACCESS))?;
        veth((&self.router, TRANSIT), (&self.internet, UPLINK))?;
        for (name, interface, addresses) in [
            (
                &self.subscriber,
                UPLINK,
                ["10.20.0.2/24", "2001:db8:20::2/64"],
            ),
            (&self.router, ACCESS, ["10.20.0.1/24", "2001:db8:20::1/64"]),
            (&self.router, TRANSIT, ["192.0.2.1/24", "2001:db8:ff::1/64"]),
            (
                &self.internet,
                UPLINK,
                ["192.0.2.2/24", "2001:db8:ff::2/64"],
            ),
        ] {
            for address in addresses {
                inside(name, &format!("ip address add {address} dev {interface}")).tell()?;
            }
        }
        for (name, family, gateway) in [
            (&self.subscriber, "-4", "10.20.0.1"),
            (&self.subscriber, "-6", "2001:db8:20::1"),
            (&self.internet, "-4", "192.0.2.1"),
            (&self.internet, "-6", "2001:db8:ff::1"),
        ] {
            inside(
                name,
                &format!("ip {family} route add default via {gateway}"),
            )
            .tell()?;
        }
        for exchange in &EXCHANGES {
            let (peer, hop) = (
                exchange.peer,
                NEXT_HOP[usize::from(exchange.peer.contains(':'))],
            );
            inside(&self.internet, &format!("ip address replace {peer} dev lo")).tell()?;
            inside(&self.router, &format!("ip route replace {peer} via {hop}")).tell()?;
        }
        for hop in NEXT_HOP {
            inside(&self.subscriber, &format!("ping -q -c 1 -w 5 {hop}")).tell()?;
        }
        Ok(())
    }
}

/// A command inside a namespace. `ip netns exec` would remount `/sys`, which hides bpffs.
pub fn inside(name: &str, text: &str) -> Line {
    Line::new(&format!("nsenter --net=/run/netns/{name} {text}"))
}

fn set(name: &str, variable: &str, value: &str) -> Result<String> {
    inside(name, "sh -c")
        .args([format!("echo {value} > /proc/sys/{variable}").as_str()])
        .tell()
}

/// A veth pair, both ends up; without offloads, so that frames are those of a wire.
fn veth(a: (&str, &str), b: (&str, &str)) -> Result<()> {
    Line::new(&format!(
        "ip link add {} netns {} type veth peer name {} netns {}",
        a.1, a.0, b.1, b.0
    ))
    .tell()?;
    for (name, interface) in [a, b] {
        inside(
            name,
            &format!("ethtool -K {interface} tso off gso off gro off tx off rx off"),
        )
        .tell()?;
        inside(name, &format!("ip link set {interface} up")).tell()?;
    }
    Ok(())
}

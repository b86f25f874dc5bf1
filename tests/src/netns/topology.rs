//! A subscriber, an operator's router and the internet.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Netns, veth};

/// Three namespaces in a row, IPv4 and IPv6 routed between their ends. The router's interfaces,
/// on which a sensor is attached, are [`Topology::ACCESS`] and [`Topology::TRANSIT`].
#[derive(Debug)]
pub struct Topology {
    /// The subscriber's side.
    pub subscriber: Netns,
    /// The router.
    pub router: Netns,
    /// Everything else.
    pub internet: Netns,
}

impl Topology {
    /// The router's interface towards the subscriber.
    pub const ACCESS: &str = "access0";
    /// The router's interface towards the internet.
    pub const TRANSIT: &str = "transit0";
    /// The interface of subscriber and internet.
    pub const UPLINK: &str = "eth0";
    /// Subscriber prefixes.
    pub const SUBSCRIBERS: [&str; 2] = ["10.1.0.0/24", "2001:db8:1::/64"];
    /// The subscriber's addresses.
    pub const SUBSCRIBER: [&str; 2] = ["10.1.0.2", "2001:db8:1::2"];
    /// The internet host's own addresses; others come by [`Topology::serve`].
    pub const HOST: [&str; 2] = ["10.2.0.2", "2001:db8:2::2"];

    /// Builds it; when it returns, every neighbour is resolved and packets pass both ways.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn new() -> Self {
        let topology = Self {
            subscriber: Netns::new("sub"),
            router: Netns::new("rtr"),
            internet: Netns::new("net"),
        };
        let Self {
            subscriber,
            router,
            internet,
        } = &topology;
        veth(subscriber, Self::UPLINK, router, Self::ACCESS);
        veth(router, Self::TRANSIT, internet, Self::UPLINK);
        for (netns, interface, addresses) in [
            (
                subscriber,
                Self::UPLINK,
                ["10.1.0.2/24", "2001:db8:1::2/64"],
            ),
            (router, Self::ACCESS, ["10.1.0.1/24", "2001:db8:1::1/64"]),
            (router, Self::TRANSIT, ["10.2.0.1/24", "2001:db8:2::1/64"]),
            (internet, Self::UPLINK, ["10.2.0.2/24", "2001:db8:2::2/64"]),
        ] {
            for address in addresses {
                netns.address(interface, parsed(address));
            }
        }
        router.forward();
        for (netns, gateways) in [
            (subscriber, ["10.1.0.1", "2001:db8:1::1"]),
            (internet, ["10.2.0.1", "2001:db8:2::1"]),
        ] {
            for (anywhere, gateway) in ["0.0.0.0/0", "::/0"].into_iter().zip(gateways) {
                let gateway = gateway.parse().expect("an address");
                netns.route(parsed(anywhere), gateway);
            }
        }
        topology.resolve();
        topology
    }

    /// Gives the internet host one more address, which the router sends to it.
    ///
    /// # Panics
    /// When it cannot.
    pub fn serve(&self, address: IpAddr) {
        let net = IpNet::from(address);
        self.internet.address("lo", net);
        let host = Self::HOST[usize::from(address.is_ipv6())];
        self.router.route(net, host.parse().expect("an address"));
    }

    /// Pings through, so that no later packet waits for its neighbour or is lost to it.
    fn resolve(&self) {
        for host in Self::HOST {
            self.subscriber
                .run(&["ping", "-c", "1", "-i", "0.2", "-w", "5", host]);
        }
    }
}

impl Default for Topology {
    fn default() -> Self {
        Self::new()
    }
}

fn parsed(net: &str) -> IpNet {
    net.parse().expect("an address and its length")
}

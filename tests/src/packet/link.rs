//! Ethernet and what may stand between it and IP.

use super::Network;

/// A frame, from the destination address to the last byte before the check sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Destination and source MAC addresses.
    pub macs: [[u8; 6]; 2],
    /// VLAN tags, outermost first.
    pub tags: Vec<Tag>,
    /// Between the tags and the packet.
    pub framing: Framing,
    /// The packet.
    pub network: Network,
    /// Zero bytes are added up to this length; 60 is what Ethernet asks for.
    pub pad_to: usize,
}

/// A VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its EtherType: 0x8100 (802.1Q), 0x88a8 (802.1ad), 0x9100 (older), …
    pub tpid: u16,
    /// Priority, drop bit and VLAN id.
    pub control: u16,
}

/// What stands between the tags and the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nothing: the EtherType says it.
    Plain,
    /// PPPoE session stage (RFC 2516).
    Pppoe {
        /// Session id.
        session: u16,
    },
    /// MPLS (RFC 3032), the labels from the top of the stack.
    Mpls {
        /// 0x8847, or 0x8848 for multicast.
        ethertype: u16,
        /// Labels, 20 bits each.
        labels: Vec<u32>,
    },
    /// 802.3 length, LLC and SNAP (RFC 1042).
    Snap,
}

impl Frame {
    /// An untagged Ethernet II frame without padding.
    #[must_use]
    pub fn new(network: impl Into<Network>) -> Self {
        Self {
            macs: [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]],
            tags: Vec::new(),
            framing: Framing::Plain,
            network: network.into(),
            pad_to: 0,
        }
    }

    /// The same with one more tag, inside those it has.
    #[must_use]
    pub fn tagged(mut self, tpid: u16, vlan: u16) -> Self {
        self.tags.push(Tag {
            tpid,
            control: vlan,
        });
        self
    }

    /// The same with this framing.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// The same padded to `length` bytes.
    #[must_use]
    pub const fn padded(mut self, length: usize) -> Self {
        self.pad_to = length;
        self
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let packet = self.network.bytes();
        let (ethertype, shim) = self.shim(packet.len());
        let mut bytes = self.macs.concat();
        for tag in &self.tags {
            bytes.extend(tag.tpid.to_be_bytes());
            bytes.extend(tag.control.to_be_bytes());
        }
        bytes.extend(ethertype.to_be_bytes());
        bytes.extend(shim);
        bytes.extend(packet);
        if bytes.len() < self.pad_to {
            bytes.resize(self.pad_to, 0);
        }
        bytes
    }

    /// The type or length field, and the bytes before a packet of `length` bytes.
    fn shim(&self, length: usize) -> (u16, Vec<u8>) {
        let ethertype = self.network.ethertype();
        match &self.framing {
            Framing::Plain => (ethertype, Vec::new()),
            Framing::Pppoe { session } => {
                let mut shim = vec![0x11, 0x00];
                shim.extend(session.to_be_bytes());
                shim.extend((length as u16 + 2).to_be_bytes());
                let ppp: u16 = match ethertype {
                    0x0800 => 0x0021,
                    0x86dd => 0x0057,
                    // LCP: what else a session carries.
                    _ => 0xc021,
                };
                shim.extend(ppp.to_be_bytes());
                (0x8864, shim)
            }
            Framing::Mpls { ethertype, labels } => {
                let mut shim = Vec::new();
                for (index, label) in labels.iter().enumerate() {
                    let bottom = u32::from(index + 1 == labels.len());
                    shim.extend((label << 12 | bottom << 8 | 64).to_be_bytes());
                }
                (*ethertype, shim)
            }
            Framing::Snap => {
                let mut shim = vec![0xaa, 0xaa, 0x03, 0, 0, 0];
                shim.extend(ethertype.to_be_bytes());
                (length as u16 + 8, shim)
            }
        }
    }
}

//! The flow table: hits of one pattern on one (vantage, directed 5-tuple, tunnel id).

/// An address as it stands in the packet, in four words; IPv4 in the last word, the others zero.
pub type Address = [u32; 4];

/// The pattern matched the source address (`matched_in`).
pub const MATCHED_SRC_IP: u8 = 1;
/// The pattern matched the destination address (`matched_in`).
pub const MATCHED_DST_IP: u8 = 2;

/// Identity of a flow.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// Pattern id.
    pub pattern: u64,
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// Interface slot (high byte), outer VLAN id, next VLAN id (12 bits each).
    pub vantage: u32,
    /// Tunnel id (GTP-U TEID, VNI, GRE key); 0 outside a tunnel.
    pub tunnel: u32,
    /// Source port, host byte order; 0 where the protocol has none or it was not read.
    pub src_port: u16,
    /// Destination port, host byte order; see `src_port`.
    pub dst_port: u16,
    /// IP protocol number (the last header of the IPv6 chain).
    pub proto: u8,
    /// IP version, 4 or 6.
    pub family: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// What has been counted on a flow since the table was last drained, the packet that its record
/// tells left out: `packets` is exactly what the flow adds to the ledger's `aggregated` and
/// `ring_lost`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Kernel time of the first packet, nanoseconds.
    pub first: u64,
    /// Kernel time of the last packet, nanoseconds.
    pub last: u64,
    /// Packets (XDP invocations).
    pub packets: u64,
    /// Bytes (IP length).
    pub bytes: u64,
    /// Generation that saw the first packet.
    pub generation: u32,
    /// [`MATCHED_SRC_IP`] or [`MATCHED_DST_IP`].
    pub matched_in: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<FlowKey>() == 56 && align_of::<FlowKey>() == 8);
const _: () = assert!(size_of::<Flow>() == 40 && align_of::<Flow>() == 8);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers only, no padding (the sizes are asserted above).
    unsafe impl aya::Pod for super::FlowKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Flow {}
}

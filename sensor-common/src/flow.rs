//! The flow table: hits of one pattern on one (vantage, directed 5-tuple, tunnel id).

/// An address as it stands in the packet, in four words; IPv4 in the last word, the others zero.
pub type Address = [u32; 4];

/// The pattern matched the source address (`matched_in`).
pub const MATCHED_SRC_IP: u8 = 1;
/// The pattern matched the destination address (`matched_in`).
pub const MATCHED_DST_IP: u8 = 2;
/// The pattern matched a question name of DNS (`matched_in`).
pub const MATCHED_DNS: u8 = 3;
/// The pattern matched the server name of a TLS ClientHello (`matched_in`).
pub const MATCHED_TLS_SNI: u8 = 4;
/// The pattern matched the server name of a QUIC ClientHello (`matched_in`); told by the agent alone.
pub const MATCHED_QUIC_SNI: u8 = 5;
/// The pattern matched the host of an HTTP request (`matched_in`).
pub const MATCHED_HTTP_HOST: u8 = 6;
/// The pattern matched the URL of an HTTP request (`matched_in`); told by the agent alone.
pub const MATCHED_HTTP_URL: u8 = 7;
/// The pattern matched the JA3 of a ClientHello (`matched_in`); told by the agent alone.
pub const MATCHED_JA3: u8 = 8;
/// The pattern matched the JA4 of a ClientHello (`matched_in`); told by the agent alone.
pub const MATCHED_JA4: u8 = 9;

/// Identity of a flow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// [`MATCHED_SRC_IP`] or another of these constants.
    pub matched_in: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// A place of the flow table: a flow once its `key` has a family.
///
/// The programs hand places out in order ([`TAKEN`](crate::map::TAKEN)), the agent clears them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowSlot {
    /// Programs that took this place: two that were handed the same one at once both leave it.
    pub claims: u64,
    /// The flow.
    pub key: FlowKey,
    /// What has been counted on it.
    pub flow: Flow,
    /// See [`verdict`]; 0: its packets are judged one by one.
    pub verdict: u64,
    /// First nanosecond at which the pattern no longer matches.
    pub until: u64,
    /// Number of the place among those of both tables, once it is a flow's.
    pub number: u64,
}

/// Places in one value of the flow table's map: a page.
pub const FLOWS_PER_PAGE: usize = 32;

/// One value of the flow table's map.
pub type FlowPage = [FlowSlot; FLOWS_PER_PAGE];

/// Words of a flow's key.
pub const FLOW_WORDS: usize = 7;

/// Pages of the index of one flow table: buckets of eight words that hold two on average when all of
/// its places are taken; one in some thousand overflows.
#[must_use]
pub const fn flow_index_pages(places: u32) -> u32 {
    places.div_ceil(crate::CHUNK_WORDS as u32 / 4)
}

/// Pages of the places of one flow table.
#[must_use]
pub const fn flow_pages(places: u32) -> u32 {
    places.div_ceil(FLOWS_PER_PAGE as u32)
}

/// Keys of the hash of flows, odd, from a random number: who chooses addresses and ports cannot choose
/// where flows stand (SplitMix64).
#[must_use]
pub fn flow_hash_keys(seed: u64) -> [u64; 4] {
    core::array::from_fn(|at| {
        let word = seed.wrapping_add((at as u64 + 1).wrapping_mul(crate::filter::GOLDEN));
        let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) | 1
    })
}

/// What stands in a flow's place once a packet of it was judged in full, and the flow's pattern was the only
/// one found: until then, and until something is changed in the set, its packets need no judgement.
/// The set is told by the number under which its generation was built and how often it was edited since.
/// One word for all of it, so that of two CPUs that write one place at once neither is believed wrongly.
#[inline(always)]
#[must_use]
pub const fn verdict(built_as: u32, edits: u32, until: u64) -> u64 {
    let set = (built_as as u64) << 32 | (edits as u64) << 1 | 1;
    set ^ until.wrapping_mul(crate::filter::GOLDEN)
}

/// Where a flow stands in the index: products that do not wait for each other, because a hit waits
/// for their sum. The seven words are those of a [`FlowKey`],
/// the first one anything that tells most patterns apart that one packet may match.
#[inline(always)]
#[must_use]
pub const fn flow_place(words: [u64; FLOW_WORDS], keys: [u64; 4]) -> crate::Place {
    let [kind, src_high, src, dst_high, dst, vantage, ends] = words;
    // An IPv4 address is an upper half: rotated, it reaches every bit of the product.
    let near = (src.rotate_left(32).wrapping_add(keys[0]))
        .wrapping_mul(dst.rotate_left(31).wrapping_add(keys[1]));
    let far = (src_high.wrapping_add(keys[1])).wrapping_mul(dst_high.wrapping_add(keys[2]));
    let rest = (kind.wrapping_add(keys[2])).wrapping_mul((ends ^ keys[3]) | 1);
    let hash = (near ^ (near >> 32))
        .wrapping_add(far ^ (far >> 32))
        .wrapping_add(rest ^ (rest >> 32))
        .wrapping_add(ends.wrapping_add(vantage).wrapping_mul(keys[0]));
    crate::Place::of_hash((hash ^ (hash >> 32)).wrapping_mul(keys[3]))
}

const _: () = assert!(size_of::<FlowSlot>() == 128 && align_of::<FlowSlot>() == 8);
const _: () = assert!(size_of::<FlowPage>() == size_of::<crate::Chunk>());
const _: () = assert!(size_of::<FlowKey>() == 56 && align_of::<FlowKey>() == 8);
const _: () = assert!(size_of::<Flow>() == 40 && align_of::<Flow>() == 8);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers only, no padding (the sizes are asserted above).
    unsafe impl aya::Pod for super::FlowSlot {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_holds_for_its_set_and_its_deadline_alone() {
        let until = 1_700_000_000_000_000_000;
        let noted = verdict(7, 3, until);
        assert_ne!(noted, 0, "an empty place has none");
        for other in [
            verdict(8, 3, until),
            verdict(7, 4, until),
            verdict(7, 3, until + 1),
            verdict(7, 3, u64::MAX),
        ] {
            assert_ne!(noted, other);
        }
        assert_ne!(
            verdict(0, 0, 0),
            0,
            "nor has a place that is read while it is cleared"
        );
    }
}

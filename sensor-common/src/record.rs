//! The ring record: the first packet of a flow in one period.

use crate::FlowKey;

/// One record; the packet it tells is counted in no flow.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The flow.
    pub key: FlowKey,
    /// Kernel time of the packet, nanoseconds.
    pub time: u64,
    /// Count of records this CPU had emitted, this one included: 1 is the first, a gap is a loss.
    pub sequence: u64,
    /// IP length of the packet, bytes.
    pub bytes: u32,
    /// CPU that emitted it.
    pub cpu: u32,
    /// Generation that judged the packet.
    pub generation: u32,
    /// [`MATCHED_SRC_IP`](crate::MATCHED_SRC_IP) or another of these constants.
    pub matched_in: u8,
    /// Zero.
    pub reserved: u8,
    /// For a name: number of the slot that holds the packet's payload, and one; 0 for none.
    pub slot: u16,
}

const _: () = assert!(size_of::<Record>() == Record::SIZE && align_of::<Record>() == 8);

impl Record {
    /// Bytes of a record.
    pub const SIZE: usize = 88;

    /// Reads a record as the kernel wrote it (native byte order); `None` when the length differs.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::SIZE {
            return None;
        }
        Some(Self {
            key: FlowKey {
                pattern: word8(bytes, 0)?,
                src: address(bytes, 8)?,
                dst: address(bytes, 24)?,
                vantage: word4(bytes, 40)?,
                tunnel: word4(bytes, 44)?,
                src_port: word2(bytes, 48)?,
                dst_port: word2(bytes, 50)?,
                proto: bytes[52],
                family: bytes[53],
                reserved: [0; 2],
            },
            time: word8(bytes, 56)?,
            sequence: word8(bytes, 64)?,
            bytes: word4(bytes, 72)?,
            cpu: word4(bytes, 76)?,
            generation: word4(bytes, 80)?,
            matched_in: bytes[84],
            reserved: 0,
            slot: word2(bytes, 86)?,
        })
    }
}

fn word8(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn word4(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn word2(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn address(bytes: &[u8], at: usize) -> Option<[u32; 4]> {
    Some([
        word4(bytes, at)?,
        word4(bytes, at + 4)?,
        word4(bytes, at + 8)?,
        word4(bytes, at + 12)?,
    ])
}

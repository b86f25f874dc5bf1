//! The classic format: a header, then packets.

use pcap_parser::{
    LegacyPcapBlock, PcapError,
    nom::IResult,
    pcap::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header},
};

use super::{Packet, check_len, error::Fault, window::Window};

/// Length of the file header, bytes.
pub(super) const HEADER_LEN: usize = 24;
/// Length of a packet's header, bytes.
const RECORD_HEADER_LEN: usize = 16;

/// First bytes of the file: micro- and nanoseconds, in either byte order.
const MAGICS: [[u8; 4]; 4] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
];

/// The link type's own bits; those that the format reserves stay in, so that a file which uses
/// them is refused as an unknown link type rather than misread.
const LINK_TYPE: u32 = 0x03ff_ffff;
/// Says that the top four bits are the length of the frame check sequence, in 16-bit words.
const FCS_PRESENT: u32 = 0x0400_0000;

type Parse = for<'a> fn(&'a [u8]) -> IResult<&'a [u8], LegacyPcapBlock<'a>, PcapError<&'a [u8]>>;

pub(super) struct Pcap {
    big_endian: bool,
    parse: Parse,
    /// Nanoseconds in the unit of the fraction field.
    unit: u64,
    link_type: u32,
    fcs_len: u32,
}

/// Whether a file that starts so is (or is the beginning of) a pcap.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    bytes
        .first_chunk()
        .is_some_and(|magic| MAGICS.contains(magic))
}

impl Pcap {
    /// Reads the file header, whose magic number is known.
    pub(super) fn header(window: &mut Window) -> Result<Self, Fault> {
        if !window.fill(HEADER_LEN)? {
            return Err(Fault::Cut);
        }
        let (_, header) =
            parse_pcap_header(window.take(HEADER_LEN)).map_err(|_| Fault::NotCapture)?;
        let big_endian = header.is_bigendian();
        let network = header.network.0 as u32;
        Ok(Self {
            big_endian,
            parse: if big_endian {
                parse_pcap_frame_be
            } else {
                parse_pcap_frame
            },
            unit: if header.is_nanosecond_precision() {
                1
            } else {
                1_000
            },
            link_type: network & LINK_TYPE,
            fcs_len: if network & FCS_PRESENT == 0 {
                0
            } else {
                (network >> 28) * 2
            },
        })
    }

    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Packet>, Fault> {
        window.begin();
        if !window.fill(RECORD_HEADER_LEN)? {
            return match window.peek() {
                [] => Ok(None),
                _ => Err(Fault::Cut),
            };
        }
        let head = window.peek();
        let captured = u32_at(head, 8, self.big_endian);
        check_len(captured, u32_at(head, 12, self.big_endian))?;
        let record_len = RECORD_HEADER_LEN + captured as usize;
        if !window.fill(record_len)? {
            return Err(Fault::Cut);
        }
        let (_, record) = (self.parse)(window.peek()).map_err(|_| Fault::Malformed)?;
        // Below 2^63: no overflow for any two 32-bit fields.
        let time = u64::from(record.ts_sec) * 1_000_000_000 + u64::from(record.ts_usec) * self.unit;
        Ok(Some(Packet {
            time,
            link_type: self.link_type,
            interface: 0,
            wire_len: record.origlen,
            fcs_len: self.fcs_len,
            data: RECORD_HEADER_LEN..record_len,
            record_len,
        }))
    }
}

/// A 32-bit field at a place that is there.
pub(super) fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let field = *bytes[at..]
        .first_chunk()
        .expect("the caller filled the window past this field");
    if big_endian {
        u32::from_be_bytes(field)
    } else {
        u32::from_le_bytes(field)
    }
}

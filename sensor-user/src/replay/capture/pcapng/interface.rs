//! What a pcapng interface description says: link type, clock, frame check sequence.

use pcap_parser::pcapng::{InterfaceDescriptionBlock, OptionCode, PcapNGOption};

/// `if_fcslen`, which the parser has no name for.
const FCS_LEN: OptionCode = OptionCode(13);

pub(super) struct Interface {
    pub(super) link_type: u32,
    pub(super) fcs_len: u32,
    /// Most bytes captured of a packet.
    pub(super) snaplen: u32,
    /// `if_tsresol`: power of ten, or of two with the top bit set, that a second is divided by.
    resolution: u8,
    /// `if_tsoffset`: seconds to add.
    offset: i64,
}

impl Interface {
    pub(super) fn new(block: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        Self {
            link_type: block.linktype.0 as u32,
            fcs_len: byte(&block.options, FCS_LEN).map_or(0, fcs_bytes),
            snaplen: if block.snaplen == 0 {
                u32::MAX
            } else {
                block.snaplen
            },
            resolution: byte(&block.options, OptionCode::IfTsresol).unwrap_or(6),
            offset: offset(&block.options, big_endian),
        }
    }

    /// Nanoseconds since the epoch; a time outside what they can tell is the nearest one.
    // pcap-parser 0.17 has this too, but knows no binary resolution and reads the offset of a
    // big-endian file backwards.
    pub(super) fn time(&self, ticks: u64) -> u64 {
        let scaled = u128::from(ticks) * 1_000_000_000;
        let exponent = u32::from(self.resolution & 0x7f);
        let nanoseconds = if self.resolution & 0x80 != 0 {
            scaled >> exponent
        } else {
            // A power beyond 128 bits divides any count of ticks to nothing.
            10_u128
                .checked_pow(exponent)
                .map_or(0, |divisor| scaled / divisor)
        };
        let time = nanoseconds as i128 + i128::from(self.offset) * 1_000_000_000;
        time.clamp(0, i128::from(u64::MAX)) as u64
    }
}

fn value<'a>(options: &'a [PcapNGOption<'_>], code: OptionCode) -> Option<&'a [u8]> {
    options
        .iter()
        .find(|option| option.code == code)
        .and_then(|option| option.as_bytes().ok())
}

fn byte(options: &[PcapNGOption<'_>], code: OptionCode) -> Option<u8> {
    value(options, code)?.first().copied()
}

fn offset(options: &[PcapNGOption<'_>], big_endian: bool) -> i64 {
    let Some(seconds) = value(options, OptionCode::IfTsoffset).and_then(<[u8]>::first_chunk) else {
        return 0;
    };
    if big_endian {
        i64::from_be_bytes(*seconds)
    } else {
        i64::from_le_bytes(*seconds)
    }
}

/// The draft counts bits, Wireshark bytes: no check sequence is as long as 8 bytes or as short as
/// 8 bits.
fn fcs_bytes(length: u8) -> u32 {
    u32::from(if length > 8 { length / 8 } else { length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(resolution: u8, offset: i64) -> Interface {
        Interface {
            link_type: 1,
            fcs_len: 0,
            snaplen: 0,
            resolution,
            offset,
        }
    }

    #[test]
    fn decimal_and_binary_resolutions() {
        let cases = [
            (0, 7, 7_000_000_000),
            (3, 7, 7_000_000),
            (6, 7, 7_000),
            (9, 7, 7),
            (12, 7_999, 7),
            (19, u64::MAX, 1_844_674_407),
            (127, u64::MAX, 0),
            (0x80, 7, 7_000_000_000),
            (0x81, 7, 3_500_000_000),
            (0xc0, 1 << 63, 500_000_000),
            (0xff, u64::MAX, 0),
        ];
        for (resolution, ticks, expected) in cases {
            assert_eq!(interface(resolution, 0).time(ticks), expected);
        }
    }

    #[test]
    fn offsets_shift_and_never_wrap() {
        assert_eq!(interface(0, -3).time(5), 2_000_000_000);
        assert_eq!(interface(6, 2).time(5), 2_000_005_000);
        assert_eq!(interface(0, -6).time(5), 0);
        assert_eq!(interface(0, i64::MAX).time(u64::MAX), u64::MAX);
        assert_eq!(interface(6, i64::MIN).time(u64::MAX), 0);
    }
}

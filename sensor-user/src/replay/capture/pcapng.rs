//! The block format: sections, interfaces, packets, and blocks that do not matter here.

mod interface;

use pcap_parser::{
    Block, PcapError,
    nom::IResult,
    pcapng::{
        BOM_MAGIC, EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC, parse_block_be, parse_block_le,
    },
};

use super::{Packet, error::Fault, pcap::u32_at, window::Window};
use interface::Interface;

/// Longest block that is passed over, bytes; packets and interfaces must fit in the window.
pub(super) const MAX_BLOCK: u32 = 64 * 1024 * 1024;
/// Longest block that is read whole, bytes: a packet of 256 KiB leaves ample room for options.
const MAX_READ: u32 = super::window::WINDOW as u32;
/// Type, length, and the length again at the end.
const MIN_BLOCK: u32 = 12;
const MIN_SECTION: u32 = 28;
/// The Packet Block of the first drafts, obsolete but still found.
const PACKET_MAGIC: u32 = 2;
/// Most interfaces of one section, lest a hostile file fill the memory.
const MAX_INTERFACES: usize = 65_536;

type Parse = for<'a> fn(&'a [u8]) -> IResult<&'a [u8], Block<'a>, PcapError<&'a [u8]>>;

pub(super) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before this one.
    before: u32,
    /// Time of the last packet, for those that carry none.
    last: u64,
}

/// Whether a file that starts so is (or is the beginning of) a pcapng.
pub(super) fn is_section(bytes: &[u8]) -> bool {
    // The type reads the same in both byte orders; a file cut before the byte-order magic is cut,
    // not unknown.
    bytes.starts_with(&SHB_MAGIC.to_le_bytes()) && (bytes.len() < 12 || byte_order(bytes).is_some())
}

/// From the byte-order magic of a section header: whether the section is big-endian.
fn byte_order(section: &[u8]) -> Option<bool> {
    [false, true]
        .into_iter()
        .find(|&big_endian| u32_at(section, 8, big_endian) == BOM_MAGIC)
}

impl Pcapng {
    pub(super) fn new() -> Self {
        Self {
            big_endian: false,
            interfaces: Vec::new(),
            before: 0,
            last: 0,
        }
    }

    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Packet>, Fault> {
        loop {
            window.begin();
            if !window.fill(MIN_BLOCK as usize)? {
                return match window.peek() {
                    [] => Ok(None),
                    _ => Err(Fault::Cut),
                };
            }
            let head = window.peek();
            if u32_at(head, 0, false) == SHB_MAGIC {
                self.section(byte_order(head).ok_or(Fault::Malformed)?);
            }
            let head = window.peek();
            let kind = u32_at(head, 0, self.big_endian);
            let length = u32_at(head, 4, self.big_endian);
            match kind {
                SHB_MAGIC => self.pass(window, length, MIN_SECTION)?,
                IDB_MAGIC | EPB_MAGIC | SPB_MAGIC | PACKET_MAGIC => {
                    self.whole(window, length)?;
                    if let Some(packet) = self.read(window, length as usize)? {
                        self.last = packet.time;
                        return Ok(Some(packet));
                    }
                    window.take(length as usize);
                }
                _ => self.pass(window, length, MIN_BLOCK)?,
            }
        }
    }

    fn section(&mut self, big_endian: bool) {
        self.big_endian = big_endian;
        self.before = self.before.saturating_add(self.interfaces.len() as u32);
        self.interfaces.clear();
    }

    /// Passes over a block without holding it.
    fn pass(&self, window: &mut Window, length: u32, least: u32) -> Result<(), Fault> {
        check_block(length, least, MAX_BLOCK)?;
        if !window.skip(u64::from(length - 4))? || !window.fill(4)? {
            return Err(Fault::Cut);
        }
        if u32_at(window.take(4), 0, self.big_endian) != length {
            return Err(Fault::Malformed);
        }
        Ok(())
    }

    /// Brings a block into the window from its first to its last byte.
    fn whole(&self, window: &mut Window, length: u32) -> Result<(), Fault> {
        check_block(length, MIN_BLOCK, MAX_READ)?;
        if !window.fill(length as usize)? {
            return Err(Fault::Cut);
        }
        if u32_at(window.peek(), length as usize - 4, self.big_endian) != length {
            return Err(Fault::Malformed);
        }
        Ok(())
    }

    /// Reads the interface or packet block at the start of the window.
    fn read(&mut self, window: &Window, length: usize) -> Result<Option<Packet>, Fault> {
        let parse: Parse = if self.big_endian {
            parse_block_be
        } else {
            parse_block_le
        };
        let (_, block) = parse(&window.peek()[..length]).map_err(|_| Fault::Malformed)?;
        match block {
            Block::InterfaceDescription(description) => {
                if self.interfaces.len() == MAX_INTERFACES {
                    return Err(Fault::Malformed);
                }
                let interface = Interface::new(&description, self.big_endian);
                self.interfaces.push(interface);
                Ok(None)
            }
            Block::EnhancedPacket(packet) => {
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let lengths = (packet.caplen, packet.origlen);
                self.packet(packet.if_id, Some(ticks), 28, lengths, length)
            }
            Block::SimplePacket(packet) => {
                let snaplen = self.interface(0)?.snaplen;
                let lengths = (packet.origlen.min(snaplen), packet.origlen);
                self.packet(0, None, 12, lengths, length)
            }
            Block::Unknown(packet) if packet.data.len() >= 20 => {
                let field = |at| u32_at(packet.data, at, self.big_endian);
                // Interface and drop count share the first word, the interface first.
                let first = field(0);
                let interface = if self.big_endian {
                    first >> 16
                } else {
                    first & 0xffff
                };
                let ticks = u64::from(field(4)) << 32 | u64::from(field(8));
                let lengths = (field(12), field(16));
                self.packet(interface, Some(ticks), 28, lengths, length)
            }
            _ => Err(Fault::Malformed),
        }
    }

    fn packet(
        &self,
        interface: u32,
        ticks: Option<u64>,
        data_at: usize,
        (captured, wire_len): (u32, u32),
        record_len: usize,
    ) -> Result<Option<Packet>, Fault> {
        let described = self.interface(interface)?;
        super::check_len(captured, wire_len)?;
        let data = data_at..data_at + captured as usize;
        if data.end + 4 > record_len {
            return Err(Fault::Malformed);
        }
        Ok(Some(Packet {
            time: ticks.map_or(self.last, |ticks| described.time(ticks)),
            link_type: described.link_type,
            interface: self.before.saturating_add(interface),
            wire_len,
            fcs_len: described.fcs_len,
            data,
            record_len,
        }))
    }

    fn interface(&self, index: u32) -> Result<&Interface, Fault> {
        self.interfaces
            .get(index as usize)
            .ok_or(Fault::Interface(index))
    }
}

fn check_block(length: u32, least: u32, most: u32) -> Result<(), Fault> {
    if length < least || length > most || !length.is_multiple_of(4) {
        return Err(Fault::BlockLength(length));
    }
    Ok(())
}

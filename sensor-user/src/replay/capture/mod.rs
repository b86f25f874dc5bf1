//! Capture files, read as a stream of Ethernet frames.
//!
//! Formats: [pcap](https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html) and
//! [pcapng](https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html). Memory is one
//! window, whatever the file's size or what its length fields claim.

mod error;
mod link;
mod pcap;
mod pcapng;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod window;

use std::{
    fs::File,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

pub use error::Error;
use error::Fault;
use pcap::Pcap;
use pcapng::Pcapng;
use window::Window;

/// Largest captured frame, bytes: the limit of libpcap and Wireshark (`MAXIMUM_SNAPLEN`).
pub const MAX_FRAME: u32 = 256 * 1024;

/// One capture file, read once from its start to its end.
pub struct Capture {
    path: PathBuf,
    file_len: Option<u64>,
    window: Window,
    format: Format,
    /// Frame with a synthetic header; the others are handed over from the window.
    synthetic: Vec<u8>,
    frames: u64,
    ended: bool,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// One captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured: nanoseconds since 1970-01-01 UTC.
    pub time: u64,
    /// An Ethernet frame, as far as it was captured; may be shorter than an Ethernet header only
    /// where the capture's own Ethernet frame is.
    pub data: &'a [u8],
    /// Length on the wire in bytes, synthetic header included, frame check sequence left out.
    pub wire_len: u32,
    /// Interface, numbered through the file from 0 in order of description; 0 for pcap.
    pub interface: u32,
}

/// A packet as the format's reader finds it at the start of the window.
struct Packet {
    time: u64,
    link_type: u32,
    interface: u32,
    wire_len: u32,
    /// Bytes of frame check sequence at the end of the packet on the wire.
    fcs_len: u32,
    /// Where the captured bytes are, from the start of the record.
    data: Range<usize>,
    /// Length of the whole record, which is in the window.
    record_len: usize,
}

impl Capture {
    /// Opens a capture and reads its header.
    ///
    /// # Errors
    /// When the file cannot be opened or read, is empty, is no capture, or ends in its header.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let file_len = metadata.is_file().then_some(metadata.len());
        Self::read(path.to_owned(), Box::new(file), file_len)
    }

    fn read(
        path: PathBuf,
        reader: Box<dyn Read + Send>,
        file_len: Option<u64>,
    ) -> Result<Self, Error> {
        let mut window = Window::new(reader);
        let format = Format::detect(&mut window).map_err(|fault| fault.at(&path, 0, 0))?;
        Ok(Self {
            path,
            file_len,
            window,
            format,
            synthetic: Vec::new(),
            frames: 0,
            ended: false,
        })
    }

    /// The next frame; `None` at the end of the file, and ever after an error.
    ///
    /// # Errors
    /// When the file cannot be read, ends inside a packet, contradicts itself or holds a frame of
    /// a link type that is not read. Every whole frame before that place was returned.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        match self.find() {
            Ok(Some((packet, shape))) => {
                self.frames += 1;
                Ok(Some(self.frame(&packet, &shape)))
            }
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(fault) => {
                self.ended = true;
                Err(fault.at(&self.path, self.frames, self.window.record()))
            }
        }
    }

    /// Bytes of the file behind us, for a progress display.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.window.offset()
    }

    /// Length of the file in bytes; `None` where it has none (a pipe).
    #[must_use]
    pub fn file_len(&self) -> Option<u64> {
        self.file_len
    }

    /// Brings the next packet to the start of the window and decides how it becomes Ethernet.
    fn find(&mut self) -> Result<Option<(Packet, link::Shape)>, Fault> {
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window)?,
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window)?,
        };
        let Some(mut packet) = found else {
            return Ok(None);
        };
        packet.strip_fcs();
        let data = &self.window.peek()[packet.data.clone()];
        let shape = link::shape(packet.link_type, data).ok_or(Fault::LinkType(packet.link_type))?;
        Ok(Some((packet, shape)))
    }

    fn frame(&mut self, packet: &Packet, shape: &link::Shape) -> Frame<'_> {
        let record = self.window.take(packet.record_len);
        let payload = &record[packet.data.clone()][shape.skip..];
        let payload_len = packet.wire_len.saturating_sub(shape.skip as u32);
        let (data, wire_len) = match shape.ethertype {
            None => (payload, payload_len),
            Some(ethertype) => {
                self.synthetic.clear();
                self.synthetic.extend_from_slice(&link::header(ethertype));
                self.synthetic.extend_from_slice(payload);
                let wire_len = payload_len.saturating_add(link::HEADER_LEN as u32);
                (self.synthetic.as_slice(), wire_len)
            }
        };
        Frame {
            time: packet.time,
            data,
            wire_len,
            interface: packet.interface,
        }
    }
}

impl Format {
    fn detect(window: &mut Window) -> Result<Self, Fault> {
        window.fill(pcap::HEADER_LEN)?;
        let bytes = window.peek();
        if bytes.is_empty() {
            return Err(Fault::Empty);
        }
        if pcapng::is_section(bytes) {
            return Ok(Self::Pcapng(Pcapng::new()));
        }
        if !pcap::has_magic(bytes) {
            return Err(Fault::NotCapture);
        }
        Pcap::header(window).map(Self::Pcap)
    }
}

impl Packet {
    /// Leaves out the frame check sequence: no driver hands it to XDP.
    fn strip_fcs(&mut self) {
        self.wire_len = self.wire_len.saturating_sub(self.fcs_len);
        let captured = self.data.len().min(self.wire_len as usize);
        self.data.end = self.data.start + captured;
    }
}

/// Refuses lengths that no capture tool writes, before anything is done with them.
fn check_len(captured: u32, wire: u32) -> Result<(), Fault> {
    if captured > MAX_FRAME || captured > wire {
        return Err(Fault::FrameLength { captured, wire });
    }
    Ok(())
}

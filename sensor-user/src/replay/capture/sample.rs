//! Writers of small captures, for the tests.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{Capture, Error, Frame};

/// A frame that outlives its capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) time: u64,
    pub(super) data: Vec<u8>,
    pub(super) wire_len: u32,
    pub(super) interface: u32,
}

impl From<Frame<'_>> for Owned {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            time: frame.time,
            data: frame.data.to_vec(),
            wire_len: frame.wire_len,
            interface: frame.interface,
        }
    }
}

/// Every frame, and the error that ended the reading.
pub(super) fn read(file: &[u8]) -> (Vec<Owned>, Option<Error>) {
    let reader = std::io::Cursor::new(file.to_vec());
    let mut capture = match Capture::read(PathBuf::from("sample"), Box::new(reader), None) {
        Ok(capture) => capture,
        Err(error) => return (Vec::new(), Some(error)),
    };
    drain(&mut capture)
}

pub(super) fn drain(capture: &mut Capture) -> (Vec<Owned>, Option<Error>) {
    let mut frames = Vec::new();
    loop {
        match capture.next_frame() {
            Ok(Some(frame)) => frames.push(frame.into()),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

/// Frames of a file that is whole.
pub(super) fn frames(file: &[u8]) -> Vec<Owned> {
    let (frames, error) = read(file);
    assert!(error.is_none(), "{error:?}");
    frames
}

/// A file under construction, in one byte order.
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    big_endian: bool,
}

impl File {
    /// A pcap header; `network` is the whole field, FCS bits included.
    pub(super) fn pcap(big_endian: bool, nanoseconds: bool, network: u32) -> Self {
        let mut file = Self {
            bytes: Vec::new(),
            big_endian,
        };
        file.u32(if nanoseconds {
            0xa1b2_3c4d
        } else {
            0xa1b2_c3d4
        });
        file.u16(2);
        file.u16(4);
        for field in [0, 0, 262_144, network] {
            file.u32(field);
        }
        file
    }

    /// A pcap packet.
    pub(super) fn record(mut self, seconds: u32, fraction: u32, data: &[u8], wire: u32) -> Self {
        for field in [seconds, fraction, data.len() as u32, wire] {
            self.u32(field);
        }
        self.bytes.extend_from_slice(data);
        self
    }

    /// A pcapng file with one section.
    pub(super) fn pcapng(big_endian: bool) -> Self {
        let file = Self {
            bytes: Vec::new(),
            big_endian,
        };
        file.section(big_endian)
    }

    /// Starts another section.
    pub(super) fn section(mut self, big_endian: bool) -> Self {
        self.big_endian = big_endian;
        let mut body = self.body();
        body.u32(0x1a2b_3c4d);
        body.u16(1);
        body.u16(0);
        body.u32(u32::MAX);
        body.u32(u32::MAX);
        self.block(0x0a0d_0d0a, &body.bytes)
    }

    pub(super) fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = self.body();
        body.u16(link);
        body.u16(0);
        body.u32(snaplen);
        for (code, value) in options {
            body.u16(*code);
            body.u16(value.len() as u16);
            body.bytes.extend_from_slice(value);
            body.pad();
        }
        self.block(1, &body.bytes)
    }

    pub(super) fn enhanced(self, interface: u32, ticks: u64, data: &[u8], wire: u32) -> Self {
        let mut body = self.body();
        body.u32(interface);
        body.stamped(ticks, data, wire);
        self.block(6, &body.bytes)
    }

    /// The obsolete packet block.
    pub(super) fn packet(self, interface: u16, ticks: u64, data: &[u8], wire: u32) -> Self {
        let mut body = self.body();
        body.u16(interface);
        body.u16(7);
        body.stamped(ticks, data, wire);
        self.block(2, &body.bytes)
    }

    pub(super) fn simple(self, data: &[u8], wire: u32) -> Self {
        let mut body = self.body();
        body.u32(wire);
        body.bytes.extend_from_slice(data);
        self.block(3, &body.bytes)
    }

    pub(super) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let length = body.len().next_multiple_of(4) as u32 + 12;
        self.u32(kind);
        self.u32(length);
        self.bytes.extend_from_slice(body);
        self.pad();
        self.u32(length);
        self
    }

    /// What else the file holds, as it stands.
    pub(super) fn raw(mut self, fields: &[u32]) -> Self {
        fields.iter().for_each(|field| self.u32(*field));
        self
    }

    fn stamped(&mut self, ticks: u64, data: &[u8], wire: u32) {
        for field in [(ticks >> 32) as u32, ticks as u32, data.len() as u32, wire] {
            self.u32(field);
        }
        self.bytes.extend_from_slice(data);
        self.pad();
    }

    fn body(&self) -> Self {
        Self {
            bytes: Vec::new(),
            big_endian: self.big_endian,
        }
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend(if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend(if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    }
}

/// An IPv4 packet with a UDP header, from 192.0.2.1 to 198.51.100.2.
pub(super) fn ipv4() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1];
    packet.extend([
        198, 51, 100, 2, 0x30, 0x39, 0x30, 0x3a, 0, 12, 0, 0, 1, 2, 3, 4,
    ]);
    packet
}

/// An IPv6 packet with a UDP header, from 2001:db8::1 to 2001:db8::2.
pub(super) fn ipv6() -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 12, 17, 64];
    for last in [1, 2] {
        packet.extend([
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last,
        ]);
    }
    packet.extend([0x30, 0x39, 0x30, 0x3a, 0, 12, 0, 0, 1, 2, 3, 4]);
    packet
}

/// An Ethernet frame with real-looking addresses.
pub(super) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(ethertype.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A file on disk that goes away with the test.
pub(super) struct OnDisk(PathBuf);

impl OnDisk {
    pub(super) fn new(bytes: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("marker-sensor-capture-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

//! What can be wrong with a capture file.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{MAX_FRAME, link, pcapng};

/// Why a capture could not be opened or read on. `offset` is the byte at which the record in
/// question starts, `frame` the number of whole frames returned before it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}; give the path of a capture you may read")]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Reading failed in the middle.
    #[error(
        "cannot read {path} at byte {offset} (after {frame} frames): {source}; copy the file to a sound disk"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Whole frames before.
        frame: u64,
        /// Byte of the record.
        offset: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// The file holds no byte.
    #[error("{path} is empty (0 bytes, 0 frames); give a pcap or pcapng file")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file starts with no known magic number.
    #[error(
        "{path} is neither pcap nor pcapng (byte 0, 0 frames); decompress it, or convert it with editcap"
    )]
    NotCapture {
        /// The file.
        path: PathBuf,
    },
    /// The file ends inside its header, a packet or a block: an interrupted capture or copy.
    #[error(
        "{path} ends inside the record that starts at byte {offset}, after {frame} whole frames; copy the file again, or keep the whole frames with editcap"
    )]
    Cut {
        /// The file.
        path: PathBuf,
        /// Whole frames before.
        frame: u64,
        /// Byte of the record.
        offset: u64,
    },
    /// A frame of a link type that is not read.
    #[error(
        "{path} holds a frame of link type {number} at byte {offset} (after {frame} frames); supported are {}",
        link::SUPPORTED
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// Whole frames before.
        frame: u64,
        /// Byte of the record.
        offset: u64,
        /// The number, see <https://www.tcpdump.org/linktypes.html>.
        number: u32,
    },
    /// A captured length above the length on the wire, or above [`MAX_FRAME`].
    #[error(
        "{path} claims {captured} captured bytes of a {wire}-byte frame at byte {offset} (after {frame} frames), where at most {MAX_FRAME} are possible; the file is damaged, copy it again"
    )]
    FrameLength {
        /// The file.
        path: PathBuf,
        /// Whole frames before.
        frame: u64,
        /// Byte of the record.
        offset: u64,
        /// Captured length, bytes.
        captured: u32,
        /// Length on the wire, bytes.
        wire: u32,
    },
    /// A pcapng block that is too short, not padded, or longer than any writer makes it.
    #[error(
        "{path} has a block of {length} bytes at byte {offset} (after {frame} frames), where 12 to {} in steps of 4 are possible; the file is damaged, copy it again",
        pcapng::MAX_BLOCK
    )]
    BlockLength {
        /// The file.
        path: PathBuf,
        /// Whole frames before.
        frame: u64,
        /// Byte of the block.
        offset: u64,
        /// The length it claims, bytes.
        length: u32,
    },
    /// A pcapng packet of an interface that its section did not describe.
    #[error(
        "{path} has a packet of interface {interface} at byte {offset} (after {frame} frames) that was not described before; the file is damaged, copy it again"
    )]
    Interface {
        /// The file.
        path: PathBuf,
        /// Whole frames before.
        frame: u64,
        /// Byte of the block.
        offset: u64,
        /// The index within its section.
        interface: u32,
    },
    /// A pcapng block that contradicts itself, or a section with too many interfaces.
    #[error(
        "{path} has a block that contradicts itself at byte {offset} (after {frame} frames); the file is damaged, copy it again"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Whole frames before.
        frame: u64,
        /// Byte of the block.
        offset: u64,
    },
}

/// What a reader finds wrong; the capture knows where.
#[derive(Debug)]
pub(super) enum Fault {
    Read(io::Error),
    Empty,
    NotCapture,
    Cut,
    LinkType(u32),
    FrameLength { captured: u32, wire: u32 },
    BlockLength(u32),
    Interface(u32),
    Malformed,
}

impl From<io::Error> for Fault {
    fn from(source: io::Error) -> Self {
        Self::Read(source)
    }
}

impl Fault {
    pub(super) fn at(self, path: &Path, frame: u64, offset: u64) -> Error {
        let path = path.to_owned();
        match self {
            Self::Read(source) => Error::Read {
                path,
                frame,
                offset,
                source,
            },
            Self::Empty => Error::Empty { path },
            Self::NotCapture => Error::NotCapture { path },
            Self::Cut => Error::Cut {
                path,
                frame,
                offset,
            },
            Self::LinkType(number) => Error::LinkType {
                path,
                frame,
                offset,
                number,
            },
            Self::FrameLength { captured, wire } => Error::FrameLength {
                path,
                frame,
                offset,
                captured,
                wire,
            },
            Self::BlockLength(length) => Error::BlockLength {
                path,
                frame,
                offset,
                length,
            },
            Self::Interface(interface) => Error::Interface {
                path,
                frame,
                offset,
                interface,
            },
            Self::Malformed => Error::Malformed {
                path,
                frame,
                offset,
            },
        }
    }
}

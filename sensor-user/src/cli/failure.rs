//! How a command ends when it does not end well: sentences and sysexits(3) codes.

use std::{io, path::PathBuf};

use bytes::Bytes;

use crate::{config, model::request::Failure};

/// The command line cannot be understood (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// The input is refused (`EX_DATAERR`).
const DATA: u8 = 65;
/// The sensor cannot be reached or cannot do it now (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;
/// A defect (`EX_SOFTWARE`).
const SOFTWARE: u8 = 70;
/// Reading or writing failed (`EX_IOERR`).
const IO: u8 = 74;
/// Not allowed (`EX_NOPERM`).
const DENIED: u8 = 77;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sensor said no.
    #[error("{}", failure.error)]
    Refused {
        /// What it said.
        failure: Box<Failure>,
        /// The same, byte for byte.
        body: Bytes,
    },
    /// No socket, or nobody behind it.
    #[error("cannot reach the sensor at {}: {source}; is sensord running?", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The socket may not be opened.
    #[error("may not open {}: ask for membership in the group of this socket", path.display())]
    Forbidden {
        /// The socket.
        path: PathBuf,
    },
    /// The connection broke.
    #[error("the connection to the sensor broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The answer is not what this client knows.
    #[error(
        "the sensor's answer cannot be read ({0}); are sensorctl and sensord of the same version?"
    )]
    Answer(String),
    /// The endless answer ended.
    #[error("the sensor ended the stream; it is stopping")]
    Ended,
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Input {
        /// The file, or `standard input`.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A key file is of no use.
    #[error("{path}: {reason}")]
    Key {
        /// The file, or the option.
        path: String,
        /// What to do about it.
        reason: String,
    },
    /// Standard output cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[source] io::Error),
    /// The journal does not prove itself.
    #[error("{sentence}")]
    Journal {
        /// Stable name of what is wrong.
        code: &'static str,
        /// What, and where.
        sentence: String,
    },
    /// The self-test did not come through.
    #[error("the self-test failed; the rows above say where")]
    Canary,
    /// The argument cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The configuration file is no help.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The runtime does not start.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
}

impl Error {
    /// The exit code, after sysexits(3).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { failure, .. } => match failure.code.as_str() {
                "denied" | "no_person" => DENIED,
                "declaration_missing"
                | "declaration_outdated"
                | "second_person"
                | "conflict"
                | "unavailable"
                | "timed_out" => UNAVAILABLE,
                "internal" | "method_not_allowed" => SOFTWARE,
                _ => DATA,
            },
            Self::Unreachable { .. } | Self::Ended | Self::Canary => UNAVAILABLE,
            Self::Forbidden { .. } => DENIED,
            Self::Answer(_) | Self::Runtime(_) => SOFTWARE,
            Self::Key { .. } => DATA,
            Self::File { .. } | Self::Broken(_) | Self::Input { .. } | Self::Output(_) => IO,
            Self::Usage(_) => USAGE,
            Self::Journal {
                code: "unreadable", ..
            } => IO,
            Self::Journal { .. } => DATA,
            Self::Config(config::Error::Read { .. }) => IO,
            Self::Config(_) => DATA,
        }
    }

    /// Whether the reader of standard output has left, as `head` does: no reason to complain.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

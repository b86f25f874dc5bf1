//! What can fail between the agent and the kernel.

use std::{io, path::PathBuf};

use aya::{EbpfError, maps::MapError, programs::ProgramError, sys::SyscallError};

/// A failure of the data plane; nothing was changed unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not enough privileges.
    #[error(
        "the process lacks {missing}; run it as root or grant it (systemd: AmbientCapabilities=)"
    )]
    Capability {
        /// Names of the missing capabilities.
        missing: String,
    },
    /// The interface does not exist.
    #[error("interface {interface} does not exist; `ip link` lists those that do")]
    UnknownInterface {
        /// Its name.
        interface: String,
    },
    /// Nothing of ours is attached there.
    #[error("interface {interface} is not attached; `sensorctl attach {interface}` attaches it")]
    NotAttached {
        /// Its name.
        interface: String,
    },
    /// Somebody else's XDP program is attached.
    #[error(
        "interface {interface} already has an XDP program (id {program}) that is not ours; \
         it is left alone: detach it (`ip link set dev {interface} xdp off`) or leave the interface out"
    )]
    Foreign {
        /// Name of the interface.
        interface: String,
        /// Kernel id of the program.
        program: u32,
    },
    /// No mode could be attached.
    #[error("interface {interface} refuses the program in every mode: {tried}")]
    Attach {
        /// Name of the interface.
        interface: String,
        /// Each mode tried, with the kernel's answer.
        tried: String,
    },
    /// The kernel offers no bpf_link for XDP.
    #[error(
        "interface {interface} cannot be attached through a bpf_link (Linux 5.9); \
         a netlink attachment cannot outlive the agent, so it was taken back"
    )]
    NoLink {
        /// Name of the interface.
        interface: String,
    },
    /// The bpffs directory cannot be used.
    #[error("{path} is not on a BPF file system; mount one: `mount -t bpf bpf /sys/fs/bpf`")]
    NotBpffs {
        /// The directory.
        path: PathBuf,
    },
    /// A file operation on bpffs failed.
    #[error("{path}: {source}")]
    Pin {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A pinned map has other attributes than this build would give it.
    #[error(
        "the pinned map {path} has {found}, this build and configuration ask for {expected}; \
         restore the former configuration, or give the pins up and start afresh: \
         `rm -r {root}` detaches every interface"
    )]
    PinMismatch {
        /// The pin.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What is wanted.
        expected: String,
        /// Directory of all pins of this layout version.
        root: PathBuf,
    },
    /// Attached programs use maps whose pins are gone.
    #[error(
        "{path} lacks the pins {missing} while interfaces are attached; what their programs count \
         can no longer be read: `rm -r {root}` detaches every interface, then start afresh"
    )]
    PinsIncomplete {
        /// Directory of the shared maps.
        path: PathBuf,
        /// Names of the maps that are missing.
        missing: String,
        /// Directory of all pins of this layout version.
        root: PathBuf,
    },
    /// The object could not be read or its maps not created.
    #[error("loading the XDP program: {0}")]
    Object(#[source] Box<EbpfError>),
    /// The verifier or the kernel refused the program.
    #[error("loading the XDP program: {0}")]
    Program(#[source] Box<ProgramError>),
    /// A map operation failed.
    #[error("map {map}: {source}")]
    Map {
        /// Name of the map.
        map: &'static str,
        /// Why.
        source: Box<MapError>,
    },
    /// A map does not hold what was written to it.
    #[error("map {map} does not hold what was written to it; the set was not made live")]
    Unverified {
        /// Name of the map.
        map: &'static str,
    },
    /// No random keys.
    #[error(transparent)]
    Crypto(#[from] crate::crypto::Error),
    /// A failure that a test asked for.
    #[error(transparent)]
    Fault(#[from] crate::fault::Fault),
    /// The set is too large for a generation.
    #[error(transparent)]
    DoesNotFit(#[from] super::table::DoesNotFit),
    /// The set would take more kernel memory than it may.
    #[error(
        "the set of {patterns} patterns takes {} MiB of kernel memory, {} MiB are allowed; \
         load a smaller set or raise limits.map-memory",
        bytes.div_ceil(1 << 20), most >> 20
    )]
    TooLarge {
        /// Patterns of the set.
        patterns: u64,
        /// Bytes that its maps take.
        bytes: u64,
        /// Bytes that they may.
        most: u64,
    },
    /// Asking the kernel about an interface failed.
    #[error("asking the kernel about interface {interface}: {reason}")]
    Netlink {
        /// Name of the interface.
        interface: String,
        /// Why.
        reason: String,
    },
    /// No RCU grace period can be waited for.
    #[error("membarrier: {0}; the flow tables cannot be drained safely")]
    GracePeriod(#[source] io::Error),
}

impl From<EbpfError> for Error {
    fn from(error: EbpfError) -> Self {
        Self::Object(Box::new(error))
    }
}

impl From<ProgramError> for Error {
    fn from(error: ProgramError) -> Self {
        Self::Program(Box::new(error))
    }
}

/// Names the map in its errors.
pub(super) trait InMap<T> {
    fn in_map(self, map: &'static str) -> Result<T, Error>;
}

impl<T> InMap<T> for Result<T, MapError> {
    fn in_map(self, map: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Map {
            map,
            source: Box::new(source),
        })
    }
}

impl<T> InMap<T> for io::Result<T> {
    fn in_map(self, map: &'static str) -> Result<T, Error> {
        let source = |io_error| SyscallError {
            call: "bpf",
            io_error,
        };
        self.map_err(|error| MapError::SyscallError(source(error)))
            .in_map(map)
    }
}

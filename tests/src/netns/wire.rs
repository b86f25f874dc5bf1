//! Two namespaces and a cable that carries nothing but what a test sends.

use super::{Netns, veth};
use crate::traffic::{pcap_write, replay};

/// One veth pair without IPv6, so that the kernel says nothing by itself.
#[derive(Debug)]
pub struct Wire {
    /// Where frames are sent from.
    pub from: Netns,
    /// Where the sensor runs.
    pub to: Netns,
}

impl Wire {
    /// The interface frames leave by.
    pub const OUT: &str = "out0";
    /// The interface they arrive on.
    pub const IN: &str = "in0";

    /// Lays it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let wire = Self {
            from: Netns::new("from"),
            to: Netns::new("to"),
        };
        wire.lay();
        wire
    }

    /// Lays the cable again after an end of it was deleted.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn lay(&self) {
        veth(&self.from, Self::OUT, &self.to, Self::IN);
        for (netns, interface) in [(&self.from, Self::OUT), (&self.to, Self::IN)] {
            netns.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "1");
        }
    }

    /// Sends frames, so many a second, and returns when the last has left.
    ///
    /// # Panics
    /// When `tcpreplay` fails.
    pub fn send(&self, frames: &[Vec<u8>], per_second: u32) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let capture = directory.path().join("frames.pcap");
        pcap_write(&capture, frames);
        replay(&self.from, Self::OUT, &capture, per_second);
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::new()
    }
}

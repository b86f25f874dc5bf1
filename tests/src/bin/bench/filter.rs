//! `xdp-filter` of Debian's xdp-tools, on a wire of its own, with rules that no packet here meets.

use std::fmt::Write as _;

use sensor_tests::{
    command, need,
    netns::{Netns, Wire},
};
use sensor_user::dataplane::bench::Foreign;

use crate::subjects::said;

/// Deny rules of each family. The tool takes one process a rule.
const RULES: u32 = 100;

pub struct Filter {
    wire: Wire,
    id: u32,
}

impl Filter {
    /// `None` when the tool is not there.
    pub fn load() -> Result<Option<Self>, String> {
        if !need::tool("xdp-filter") {
            return Ok(None);
        }
        let wire = Wire::new();
        // A mount namespace: what the tool pins ends with it, the program stays with the wire.
        let mut script = format!(
            "set -e; mount -t bpf bpf /sys/fs/bpf; xdp-filter load -m native -f ipv4,ipv6 -p allow {}",
            Wire::IN
        );
        for rule in 0..RULES {
            // Documentation addresses (RFC 5737, RFC 3849).
            let v4 = format!("198.51.100.{}", rule % 256);
            write!(
                script,
                "; xdp-filter ip -m src,dst {v4}; xdp-filter ip -m src,dst 2001:db8::{rule:x}"
            )
            .expect("a string grows");
        }
        let words = ["unshare", "--mount", "sh", "-c", &script];
        let output = wire.to.exec(&words);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("xdp-filter: {}", said.trim()));
        }
        let id = attached(&wire.to)?;
        Ok(Some(Self { wire, id }))
    }

    pub fn rules(&self) -> u32 {
        RULES * 2
    }

    pub fn program(&self) -> Result<Foreign, String> {
        let program = Foreign::open(self.id).map_err(said)?;
        program.ok_or_else(|| "the program of xdp-filter is gone".into())
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        let words = ["ip", "link", "set", "dev", Wire::IN, "xdp", "off"];
        let _ = command::output(&self.wire.to.wrap(&words));
    }
}

fn attached(netns: &Netns) -> Result<u32, String> {
    let id = netns.xdp_program(Wire::IN);
    id.and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| "xdp-filter did not attach its program".into())
}

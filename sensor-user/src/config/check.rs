//! What one field alone cannot tell.

use std::{collections::HashSet, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use ipnet::IpNet;

use super::{Config, Flows, Interface};
use crate::model::Role;

/// Longest path of a Unix socket: `sun_path` of unix(7) less its final NUL.
const LONGEST_SOCKET: usize = 107;

/// Longest interface name: `IFNAMSIZ` less its final NUL.
const LONGEST_INTERFACE: usize = 15;

/// Something wrong with one key.
pub(super) struct Problem {
    /// The key, as in `interface[0].name`.
    pub key: String,
    /// What to do about it.
    pub reason: String,
}

pub(super) type Check = Result<(), Problem>;

fn problem(key: impl Into<String>, reason: impl Into<String>) -> Check {
    Err(Problem {
        key: key.into(),
        reason: reason.into(),
    })
}

pub(super) fn need(holds: bool, key: impl Into<String>, reason: impl Into<String>) -> Check {
    if holds { Ok(()) } else { problem(key, reason) }
}

impl Config {
    /// The first thing that is wrong.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.checks().err()
    }

    fn checks(&self) -> Check {
        need(
            is_name(&self.sensor),
            "sensor",
            "must be 1 to 64 letters, digits, `.`, `_` or `-` (the host's name is taken when it is not set)",
        )?;
        absolute("state-dir", &self.state_dir)?;
        absolute("bpffs", &self.bpffs)?;
        self.control()?;
        need(
            self.metrics.listen.ip().is_loopback(),
            "metrics.listen",
            "must be a loopback address such as 127.0.0.1:9477: metrics are never served to the network",
        )?;
        flows(&self.flows)?;
        self.inspect.check()?;
        self.limits.check()?;
        self.events.check()?;
        self.journal.check()?;
        self.legal.check()?;
        self.issuers()?;
        self.requests.check(&self.issuers)?;
        super::sinks::check(&self.sinks, self.events.retention)?;
        self.canary.check()?;
        self.interfaces()
    }

    fn control(&self) -> Check {
        let control = &self.control;
        absolute("control.socket", &control.socket)?;
        need(
            control.socket.as_os_str().as_bytes().len() <= LONGEST_SOCKET,
            "control.socket",
            format!(
                "must be at most {LONGEST_SOCKET} bytes long: the kernel takes no longer path for a socket"
            ),
        )?;
        let oversight = control.oversight_socket();
        absolute("control.oversight-socket", &oversight)?;
        need(
            oversight.as_os_str().as_bytes().len() <= LONGEST_SOCKET && oversight != control.socket,
            "control.oversight-socket",
            format!(
                "must be another path than control.socket, at most {LONGEST_SOCKET} bytes long"
            ),
        )?;
        need(
            (1 << 10..=4 << 30).contains(&control.max_body),
            "control.max-body",
            "must be between 1KiB and 4GiB",
        )?;
        let (mut users, mut groups) = (HashSet::new(), HashSet::new());
        for (index, grant) in control.roles.iter().enumerate() {
            let key = format!("control.role[{index}]");
            need(
                grant.role != Role::Agent,
                format!("{key}.role"),
                "`agent` is the agent itself; use operator, reader, desk or oversight",
            )?;
            need(
                grant.scopes.is_none() || grant.role == Role::Oversight,
                format!("{key}.scopes"),
                "are of the role oversight only",
            )?;
            need(
                grant
                    .scopes
                    .as_ref()
                    .is_none_or(|scopes| !scopes.is_empty()),
                format!("{key}.scopes"),
                "is empty: name arcep or cnctr, or leave it out for the whole journal",
            )?;
            need(
                grant.users.len() + grant.groups.len() > 0,
                &key,
                "names nobody: list `users` or `groups`",
            )?;
            need(
                grant.users.iter().all(|user| users.insert(user)),
                format!("{key}.users"),
                "names a user that has a role already; one user has one role",
            )?;
            need(
                grant.groups.iter().all(|group| groups.insert(group)),
                format!("{key}.groups"),
                "names a group that has a role already; one group has one role",
            )?;
        }
        Ok(())
    }

    fn issuers(&self) -> Check {
        for (index, issuer) in self.issuers.iter().enumerate() {
            let key = format!("issuer[{index}]");
            let mut parts = issuer.key.splitn(3, '+');
            let named = parts.next().is_some_and(is_name)
                && parts.next().is_some_and(|id| id.len() == 8)
                && parts.next().is_some();
            need(
                named,
                format!("{key}.key"),
                "must be NAME+ID+BASE64, as `sensorctl bundle keygen` prints it",
            )?;
            need(
                match (issuer.not_before, issuer.not_after) {
                    (Some(first), Some(last)) => first < last,
                    _ => true,
                },
                format!("{key}.not-after"),
                "must be later than not-before",
            )?;
        }
        Ok(())
    }

    fn interfaces(&self) -> Check {
        let most = sensor_common::INTERFACE_SLOTS as usize;
        need(
            self.interfaces.len() <= most,
            format!("interface[{most}]"),
            format!("is one too many: a sensor watches at most {most} interfaces"),
        )?;
        let mut names = HashSet::new();
        for (index, interface) in self.interfaces.iter().enumerate() {
            let key = format!("interface[{index}]");
            interface_name(&format!("{key}.name"), &interface.name)?;
            need(
                names.insert(&interface.name),
                format!("{key}.name"),
                "is listed twice",
            )?;
            need(
                !interface.subscribers.is_empty(),
                format!("{key}.subscribers"),
                "is empty: list the operator's own prefixes behind this interface",
            )?;
            prefixes(&format!("{key}.subscribers"), &interface.subscribers)?;
            realm(&format!("{key}.realm"), &interface.realm)?;
            vlans(&key, interface)?;
        }
        Ok(())
    }
}

fn vlans(key: &str, interface: &Interface) -> Check {
    let mut stacks = HashSet::new();
    for (index, vlan) in interface.vlans.iter().enumerate() {
        let key = format!("{key}.vlan[{index}]");
        need(
            matches!(vlan.tags.len(), 1 | 2)
                && vlan.tags.iter().all(|tag| (1..=4094).contains(tag)),
            format!("{key}.tags"),
            "must be one or two VLAN ids from 1 to 4094, outermost first",
        )?;
        need(
            stacks.insert(&vlan.tags),
            format!("{key}.tags"),
            "is listed twice on this interface",
        )?;
        prefixes(&format!("{key}.subscribers"), &vlan.subscribers)?;
        realm(&format!("{key}.realm"), &vlan.realm)?;
    }
    Ok(())
}

fn flows(flows: &Flows) -> Check {
    need(
        (1 << 6..=1 << 24).contains(&flows.table_entries),
        "flows.table-entries",
        "must be between 64 and 16777216",
    )?;
    need(
        flows.ring_bytes.is_power_of_two() && (1 << 12..=1 << 30).contains(&flows.ring_bytes),
        "flows.ring-bytes",
        "must be a power of two between 4096 and 1073741824",
    )?;
    need(
        (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&flows.drain_interval),
        "flows.drain-interval",
        "must be between 100ms and 60s",
    )?;
    need(
        flows.idle_timeout >= flows.drain_interval,
        "flows.idle-timeout",
        "must not be shorter than drain-interval: a flow is only seen again when it is drained",
    )?;
    need(
        flows.active_timeout >= flows.idle_timeout,
        "flows.active-timeout",
        "must not be shorter than idle-timeout",
    )?;
    need(
        flows.active_timeout <= Duration::from_secs(86_400),
        "flows.active-timeout",
        "must be at most 1d",
    )
}

pub(super) fn absolute(key: &str, path: &Path) -> Check {
    need(path.is_absolute(), key, "must be an absolute path")
}

fn realm(key: &str, realm: &str) -> Check {
    need(
        is_name(realm),
        key,
        "must be 1 to 64 letters, digits, `.`, `_` or `-`",
    )
}

/// The kernel's own rule (`dev_valid_name`).
fn interface_name(key: &str, name: &str) -> Check {
    need(
        (1..=LONGEST_INTERFACE).contains(&name.len())
            && name != "."
            && name != ".."
            && !name
                .contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control()),
        key,
        "must be the name of an interface: 1 to 15 bytes without `/`, `:` or spaces",
    )
}

pub(super) fn prefixes(key: &str, prefixes: &[IpNet]) -> Check {
    match prefixes.iter().position(|net| net.addr() != net.network()) {
        Some(index) => problem(
            format!("{key}[{index}]"),
            "has bits set behind its length; write the network's own address",
        ),
        None => Ok(()),
    }
}

pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

//! What a test needs of the machine, and when its absence is a failure instead of a skip.
//!
//! Each function returns whether the test can go on; a test returns at once when it cannot:
//! `if !need::root() { return; }`.

use std::{env, fs, path::PathBuf};

/// Tools that `cargo xtask setup` installs: under `CI=true` their absence is a failure.
pub const FROM_SETUP: [&str; 25] = [
    "curl",
    "dig",
    "dnsmasq",
    "editcap",
    "ethtool",
    "ip",
    "mount",
    "nats-server",
    "nginx",
    "nsenter",
    "openssl",
    "ping",
    "prometheus",
    "promtool",
    "setpriv",
    "socat",
    "ss",
    "suricata",
    "systemd-analyze",
    "tc",
    "tcpdump",
    "tcpreplay",
    "trafgen",
    "tshark",
    "xdp-filter",
];

/// A feature of the kernel that `present` tells of, and the first version (major, minor) that has
/// it.
///
/// # Panics
/// When it is absent from a kernel that is new enough.
#[must_use]
pub fn need(feature: &str, present: bool, minimum: (u32, u32)) -> bool {
    let running = kernel();
    match absence(present, running, minimum) {
        Absence::None => true,
        Absence::Skip => {
            println!(
                "SKIP: {feature} needs kernel {}.{}, this is {}.{}",
                minimum.0, minimum.1, running.0, running.1
            );
            false
        }
        Absence::Failure => panic!(
            "{feature} is in kernels from {}.{} on, but absent from this {}.{}",
            minimum.0, minimum.1, running.0, running.1
        ),
    }
}

/// Frames split between linear part and fragments through BPF_PROG_TEST_RUN.
///
/// # Panics
/// Never: older kernels go without.
#[must_use]
pub fn split_frames() -> bool {
    let there = kernel() >= (6, 18);
    need("XDP test frames with a short linear part", there, (6, 18))
}

/// Root.
///
/// # Panics
/// When it is not root under `CI=true`.
#[must_use]
pub fn root() -> bool {
    is_root() || skip("root", true)
}

/// A program on the path.
///
/// # Panics
/// When it is absent under `CI=true` and is one of [`FROM_SETUP`].
#[must_use]
pub fn tool(name: &str) -> bool {
    find(name).is_some() || skip(&format!("the tool {name}"), FROM_SETUP.contains(&name))
}

/// Root and every one of these programs.
///
/// # Panics
/// As [`root`] and [`tool`].
#[must_use]
pub fn root_and(tools: &[&str]) -> bool {
    root() && tools.iter().all(|name| tool(name))
}

/// Major and minor version of the running kernel.
///
/// # Panics
/// When `/proc` does not tell.
#[must_use]
pub fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    version(&text).expect("a kernel release starts with MAJOR.MINOR")
}

#[derive(Debug, PartialEq, Eq)]
enum Absence {
    None,
    Skip,
    Failure,
}

fn absence(present: bool, running: (u32, u32), minimum: (u32, u32)) -> Absence {
    match (present, running >= minimum) {
        (true, _) => Absence::None,
        (false, false) => Absence::Skip,
        (false, true) => Absence::Failure,
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    // Real, effective, saved, file system.
    uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
}

fn find(tool: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
}

fn skip(what: &str, expected: bool) -> bool {
    let ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        !(ci && expected),
        "{what} is missing; run `cargo xtask setup` as root"
    );
    println!("SKIP: {what} is missing");
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_feature_is_a_failure_on_a_kernel_that_is_new_enough() {
        assert_eq!(absence(false, (5, 10), (5, 18)), Absence::Skip);
        assert_eq!(absence(false, (5, 18), (5, 18)), Absence::Failure);
        assert_eq!(absence(false, (6, 1), (5, 18)), Absence::Failure);
        assert_eq!(absence(true, (5, 10), (5, 18)), Absence::None);
    }

    #[test]
    fn releases_of_distributions_are_read() {
        assert_eq!(version("6.1.0-18-amd64\n"), Some((6, 1)));
        assert_eq!(version("5.10-rc1"), Some((5, 10)));
        assert_eq!(version("unknown"), None);
    }
}

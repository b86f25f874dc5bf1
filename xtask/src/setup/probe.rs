//! What this machine already has. Only cheap questions: `cargo xtask test` asks them every time.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use super::python;
use crate::process::Line;

/// Debian's compiler keeps its ready-made `core` for BPF here.
const DEBIAN_BPF_CORE: &str = "/usr/lib/rustlib/bpfel-unknown-none/lib";

/// The name `sensor-user/build.rs` looks for.
const LINKED: &str = "bpf";

/// Program or file that shows that a package is there, and the Debian package that brings it.
const TOOLS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("ss", "iproute2"),
    ("ethtool", "ethtool"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("systemd-analyze", "systemd"),
    ("/usr/share/doc/libseccomp2", "libseccomp2"),
    ("ping", "iputils-ping"),
    ("socat", "socat"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
    ("editcap", "wireshark-common"),
    ("tcpreplay", "tcpreplay"),
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("nats-server", "nats-server"),
    ("trafgen", "netsniff-ng"),
    ("xdp-filter", "xdp-tools"),
    ("curl", "curl"),
    ("dig", "bind9-dnsutils"),
    ("dnsmasq", "dnsmasq-base"),
    ("age", "age"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("bpftool", "bpftool"),
    ("ps", "procps"),
    // rusqlite compiles its own copy of SQLite.
    ("cc", "gcc"),
    ("/usr/include/stdlib.h", "libc6-dev"),
];

/// Where the compiler for the XDP programs comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// rustup's nightly with `rust-src`.
    Nightly,
    /// The toolchain linked as `bpf`.
    Linked,
    /// Debian's packages are there, rustup does not know them.
    Unlinked,
    /// Neither.
    Missing,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub compiler: Compiler,
    /// `bpf-linker`'s release line, for example `(0, 10)`.
    pub linker: Option<(u32, u32)>,
    /// Debian packages to install, each once.
    pub packages: Vec<&'static str>,
    /// The Python packages that judge the readers are the pinned ones.
    pub python: bool,
    /// rustup components that `check` needs and are not there.
    pub components: Vec<&'static str>,
    pub root: bool,
    pub apt: bool,
    /// systemd runs, so installing a service starts it.
    pub systemd: bool,
}

impl Found {
    /// Looks. Fails only without rustup, which nothing else here can replace.
    pub fn look() -> Result<Self> {
        if find("rustup").is_none() {
            bail!(
                "rustup is not on PATH: install it with a stable toolchain of {} or later",
                env!("CARGO_PKG_RUST_VERSION")
            );
        }
        let mut packages = Vec::new();
        for (sign, package) in TOOLS {
            if find(sign).is_none() && !packages.contains(package) {
                packages.push(*package);
            }
        }
        if Line::new("python3 -c")
            .args(["import ensurepip, venv"])
            .ask()
            .is_none()
        {
            packages.extend(["python3", "python3-venv"]);
        }
        Ok(Self {
            python: python::is_there(),
            compiler: compiler(),
            linker: Line::new("bpf-linker --version")
                .ask()
                .and_then(|text| release_line(&text)),
            packages,
            components: missing_components(),
            // The owner of this entry is the process's effective user.
            root: fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0),
            apt: find("apt-get").is_some(),
            systemd: Path::new("/run/systemd/system").is_dir(),
        })
    }

    /// Whether Debian packages can be installed from here.
    pub fn may_install(&self) -> bool {
        self.root && self.apt
    }

    /// Which compiler was chosen, in words.
    pub fn summary(&self) -> String {
        let compiler = match self.compiler {
            Compiler::Nightly => "rustup's nightly with rust-src",
            Compiler::Linked => "the toolchain linked as `bpf`",
            Compiler::Unlinked | Compiler::Missing => "none",
        };
        format!("BPF compiler: {compiler}")
    }

    /// What is worth saying but is not installed from here.
    pub fn advice(&self) -> Vec<String> {
        self.components
            .iter()
            .map(|name| format!("`cargo xtask check` needs {name}: `rustup component add {name}`"))
            .collect()
    }
}

fn compiler() -> Compiler {
    let sources = Line::new("rustup run nightly rustc --print sysroot")
        .ask()
        .map(|sysroot| Path::new(&sysroot).join("lib/rustlib/src/rust/library/core"));
    if sources.is_some_and(|path| path.is_dir()) {
        return Compiler::Nightly;
    }
    let linked = Line::new("rustup run")
        .args([LINKED, "rustc", "--print", "target-libdir"])
        .args(["--target", "bpfel-unknown-none"])
        .ask();
    if linked.is_some_and(|dir| has_core(Path::new(&dir)))
        && recent(Line::new("rustup run").args([LINKED, "rustc", "--version"]))
    {
        Compiler::Linked
    } else if has_core(Path::new(DEBIAN_BPF_CORE)) && recent(Line::new("/usr/bin/rustc --version"))
    {
        Compiler::Unlinked
    } else {
        Compiler::Missing
    }
}

fn has_core(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

/// Whether a compiler is new enough for this workspace: Debian has several `rustc-web`.
fn recent(question: Line) -> bool {
    let wanted = release_line(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"), ".0"));
    question.ask().and_then(|text| release_line(&text)) >= wanted
}

/// Major and minor of `NAME 1.96.0 …`.
fn release_line(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn missing_components() -> Vec<&'static str> {
    // Beside the cargo that runs xtask, not on PATH: rustup's proxies are always on PATH.
    let Some(bin) =
        env::var_os("CARGO").and_then(|cargo| Some(PathBuf::from(cargo).parent()?.to_owned()))
    else {
        return Vec::new();
    };
    [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")]
        .into_iter()
        .filter(|(program, _)| !bin.join(program).exists())
        .map(|(_, component)| component)
        .collect()
}

/// A program on PATH or in the directories of root's tools, or an absolute path.
fn find(sign: &str) -> Option<PathBuf> {
    if sign.starts_with('/') {
        return Some(PathBuf::from(sign)).filter(|path| path.exists());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(sign))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_lines_are_read_and_compared() {
        assert_eq!(release_line("bpf-linker 0.10.3"), Some((0, 10)));
        assert_eq!(release_line("rustc 1.96.0 (abc 2026-01-01)"), Some((1, 96)));
        assert_eq!(release_line("bpf-linker"), None);
        assert!(release_line("rustc 1.85.0") < release_line("rustc 1.95.0"));
    }

    #[test]
    fn signs_are_programs_or_files() {
        assert!(find("sh").is_some());
        assert!(find("/proc/self/status").is_some());
        assert_eq!(find("no-such-program-here"), None);
    }
}

//! Builds the XDP programs with whichever compiler has `core` for BPF.

use std::{path::Path, process::Command};

use aya_build::{Package, Toolchain};

/// The name under which `cargo xtask setup` links Debian's compiler into rustup.
const LINKED: &str = "bpf";

fn main() -> anyhow::Result<()> {
    let root_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../sensor-ebpf");
    let (toolchain, chosen) = if nightly_has_core_sources() {
        (Toolchain::Nightly, "nightly with rust-src")
    } else {
        (
            Toolchain::Custom(LINKED),
            "Debian's rustc-web, linked as `bpf`",
        )
    };
    println!("cargo:rustc-env=BPF_TOOLCHAIN={chosen}");
    aya_build::build_ebpf(
        [Package {
            name: "sensor-ebpf",
            root_dir,
            ..Package::default()
        }],
        toolchain,
    )
    .map_err(|error| {
        error.context(format!(
            "eBPF programs with {chosen}; run `cargo xtask setup`"
        ))
    })
}

fn nightly_has_core_sources() -> bool {
    let output = Command::new("rustup")
        .args(["run", "nightly", "rustc", "--print", "sysroot"])
        .output();
    output.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim())
                .join("lib/rustlib/src/rust/library/core")
                .is_dir()
    })
}

//! What to do about what is missing. Pure: the tests judge plans, not machines.

use super::{
    probe::{Compiler, Found},
    python,
};
use crate::process::Line;

/// Releases of `bpf-linker` that are known to build these programs.
const LINKERS: &[(u32, u32)] = &[(0, 10), (0, 13)];

/// Packages of which only the programs are wanted, and the services that Debian starts with them:
/// they listen on every address.
const SERVICES: &[(&str, &str)] = &[
    ("nats-server", "nats-server.service"),
    ("nginx-light", "nginx.service"),
    ("prometheus", "prometheus.service"),
];

/// Where Debian's `rustc-web` cannot be had.
const OTHER_COMPILER: &str = "apt could not install the packages (none may be removed, and rustc-web \
     conflicts with Debian's own rustc and rustup packages); for the BPF compiler alone, \
     `rustup toolchain install nightly --component rust-src` serves as well";

/// One thing to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What and why, in one line.
    pub why: String,
    /// Needs root and apt.
    pub privileged: bool,
    pub lines: Vec<Line>,
    /// What else to try when a line fails.
    pub otherwise: Option<Box<Step>>,
    /// What to say when a line fails.
    pub hint: Option<&'static str>,
}

/// The steps that are left, in order; empty when nothing is missing.
pub fn plan(found: &Found) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut packages = found.packages.clone();
    if found.compiler == Compiler::Missing {
        packages.extend(["rustc-web", "libstd-rust-web-dev-bpf"]);
    }
    if !packages.is_empty() {
        steps.push(install(&packages, found.systemd));
    }
    if matches!(found.compiler, Compiler::Missing | Compiler::Unlinked) {
        steps.push(Step {
            why: "BPF compiler: linking Debian's rustc-web into rustup as `bpf`".to_owned(),
            privileged: false,
            lines: vec![Line::new("rustup toolchain link bpf /usr")],
            otherwise: None,
            hint: None,
        });
    }
    if !found.linker.is_some_and(|line| LINKERS.contains(&line)) {
        steps.push(linker(found.linker));
    }
    if !found.python {
        steps.push(python::step());
    }
    steps
}

fn install(packages: &[&str], systemd: bool) -> Step {
    let mut lines = vec![
        apt("update"),
        apt("install -y --no-install-recommends --no-remove").args(packages.iter().copied()),
    ];
    for (package, service) in SERVICES {
        if systemd && packages.contains(package) {
            lines.push(Line::new("systemctl disable --now").args([*service]));
        }
    }
    Step {
        why: format!("Debian packages: {}", packages.join(", ")),
        privileged: true,
        lines,
        otherwise: None,
        hint: Some(OTHER_COMPILER),
    }
}

/// tshark and others ask questions on a terminal otherwise.
fn apt(arguments: &str) -> Line {
    Line::new("apt-get")
        .args(arguments.split(' '))
        .env("DEBIAN_FRONTEND", "noninteractive")
}

/// The first way links against the LLVM that rustup's stable compiler ships, the second against
/// Debian's.
fn linker(present: Option<(u32, u32)>) -> Step {
    // Elsewhere than in the workspace, whose cargo configuration is not meant for other programs.
    let cargo = |arguments: &str| {
        Line::new("cargo install bpf-linker --locked")
            .args(arguments.split(' '))
            .dir(std::env::temp_dir())
    };
    let why = match present {
        Some((major, minor)) => format!("bpf-linker is {major}.{minor}, which was not tried here"),
        None => "bpf-linker is missing".to_owned(),
    };
    Step {
        why: format!("{why}: compiling 0.10.3, which takes about two minutes"),
        privileged: false,
        lines: vec![cargo("--force --version 0.10.3")],
        otherwise: Some(Box::new(Step {
            why: "bpf-linker 0.13.0 with Debian's LLVM 22".to_owned(),
            privileged: true,
            lines: vec![
                apt("update"),
                apt("install -y --no-install-recommends --no-remove llvm-22-dev"),
                cargo("--force --version 0.13.0 --no-default-features --features llvm-22")
                    .env("LLVM_PREFIX", "/usr/lib/llvm-22"),
            ],
            otherwise: None,
            hint: None,
        })),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Found {
        Found {
            compiler: Compiler::Linked,
            linker: Some((0, 10)),
            packages: Vec::new(),
            python: true,
            components: Vec::new(),
            root: true,
            apt: true,
            systemd: false,
        }
    }

    fn text(steps: &[Step]) -> Vec<String> {
        steps
            .iter()
            .flat_map(|step| step.lines.iter().map(ToString::to_string))
            .collect()
    }

    #[test]
    fn nothing_missing_means_nothing_done() {
        assert_eq!(plan(&complete()), []);
        let nightly = Found {
            compiler: Compiler::Nightly,
            linker: Some((0, 13)),
            ..complete()
        };
        assert_eq!(plan(&nightly), []);
    }

    #[test]
    fn one_update_serves_compiler_and_tools() {
        let found = Found {
            compiler: Compiler::Missing,
            packages: vec!["socat"],
            ..complete()
        };
        assert_eq!(
            text(&plan(&found)),
            [
                "DEBIAN_FRONTEND=noninteractive apt-get update",
                "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                 --no-remove socat rustc-web libstd-rust-web-dev-bpf",
                "rustup toolchain link bpf /usr",
            ]
        );
    }

    #[test]
    fn a_package_that_is_there_only_needs_its_link() {
        let found = Found {
            compiler: Compiler::Unlinked,
            ..complete()
        };
        let steps = plan(&found);
        assert_eq!(text(&steps), ["rustup toolchain link bpf /usr"]);
        assert!(!steps[0].privileged);
    }

    #[test]
    fn an_untried_linker_is_replaced_and_llvm_is_the_second_way() {
        let steps = plan(&Found {
            linker: Some((0, 9)),
            ..complete()
        });
        assert_eq!(
            text(&steps),
            ["cargo install bpf-linker --locked --force --version 0.10.3"]
        );
        let other = steps[0].otherwise.as_ref().unwrap();
        assert!(other.privileged);
        assert!(text(std::slice::from_ref(other))[2].starts_with("LLVM_PREFIX=/usr/lib/llvm-22 "));
    }

    #[test]
    fn packages_of_python_go_into_their_own_environment_without_root() {
        let steps = plan(&Found {
            python: false,
            ..complete()
        });
        assert!(!steps[0].privileged);
        let lines = text(&steps);
        assert!(lines[0].starts_with("python3 -m venv --clear "));
        assert!(lines[1].contains("/bin/pip install ") && lines[1].ends_with("requirements.txt"));
    }

    #[test]
    fn a_service_nobody_asked_for_is_stopped() {
        let found = Found {
            packages: vec!["prometheus", "nginx-light"],
            systemd: true,
            ..complete()
        };
        let lines = text(&plan(&found));
        assert_eq!(
            lines[2..],
            [
                "systemctl disable --now nginx.service",
                "systemctl disable --now prometheus.service",
            ]
        );
    }
}

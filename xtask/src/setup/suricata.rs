//! Suricata 7, which the tests and `cargo xtask bench --peers` run beside the sensor: in Debian 12 it comes
//! from backports, which are not added to the machine's own sources.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};

use super::probe::Found;
use crate::process::Line;

/// The release that Debian 12 has in backports, later ones in `main`.
const BACKPORTED: &str = "bookworm";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs it unless it is there.
pub fn ensure() -> Result<()> {
    if is_there() {
        return Ok(());
    }
    let found = Found::look()?;
    if !found.may_install() {
        bail!("Suricata 7 is missing: as root on Debian, `cargo xtask setup` installs it");
    }
    eprintln!("setup: Suricata 7, to stand beside");
    let codename = codename()?;
    let packages = ["suricata"];
    if codename == BACKPORTED {
        from_backports(&codename, &packages)?;
    } else {
        apt(&[]).args(["update"]).run()?;
        apt(&[]).args(INSTALL).args(packages).run()?;
    }
    if found.systemd {
        // Only the program is wanted; Debian starts a service.
        Line::new("systemctl disable --now suricata.service").run()?;
    }
    ensure!(is_there(), "what was installed is not Suricata 7");
    Ok(())
}

const INSTALL: [&str; 4] = ["install", "-y", "--no-install-recommends", "--no-remove"];

/// With lists of their own, from the mirror that the machine uses already.
fn from_backports(codename: &str, packages: &[&str]) -> Result<()> {
    let mirror = Line::new("apt-get indextargets --format $(REPO_URI)")
        .args([&*format!("Codename: {codename}"), "Created-By: Packages"])
        .ask()
        .and_then(|text| Some(text.lines().next()?.to_owned()))
        .context("apt knows no mirror of this release")?;
    let directory = std::env::temp_dir().join(format!("suricata-{}", std::process::id()));
    let lists = directory.join("lists");
    fs::create_dir_all(lists.join("partial"))?;
    let sources = directory.join("sources.list");
    let backports = format!("{codename}-backports");
    let source = |suite: &str| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n");
    fs::write(&sources, source(codename) + &source(&backports))?;
    let options = [
        option("Dir::Etc::sourcelist", &sources),
        option("Dir::Etc::sourceparts", Path::new("/dev/null")),
        option("Dir::State::lists", &lists),
    ];
    let result = apt(&options).args(["update"]).run().and_then(|()| {
        let line = apt(&options).args(["-t", &backports]);
        line.args(INSTALL).args(packages.iter().copied()).run()
    });
    fs::remove_dir_all(&directory)?;
    result
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

fn apt(options: &[String]) -> Line {
    let options = options.iter().flat_map(|option| ["-o", option]);
    Line::new("apt-get")
        .args(options)
        .env("DEBIAN_FRONTEND", "noninteractive")
}

fn is_there() -> bool {
    let version = Line::new("suricata -V").ask().unwrap_or_default();
    version.contains("version 7.")
}

fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name
        .context("this is not Debian")?
        .trim_matches('"')
        .to_owned())
}

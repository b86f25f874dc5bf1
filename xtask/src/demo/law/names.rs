//! A DNS server in the internet, and a subscriber who asks it.

use std::{
    os::unix::process::CommandExt as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::inside;
use crate::demo::{cast::EXCHANGES, stage::Stage};

/// Where it listens: an address that nobody marked.
fn server() -> &'static str {
    EXCHANGES[1].peer
}

/// Starts it; it knows every name below `example`.
pub fn serve(stage: &Stage) -> Result<()> {
    let listen = format!("--listen-address={}", server());
    let words = "dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
                 --bind-interfaces --user=root --pid-file= --address=/example/198.51.100.7";
    inside(&stage.network.internet, words)
        .args([listen.as_str()])
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start dnsmasq")?;
    let deadline = Instant::now() + Duration::from_secs(5);
    while ask(stage, "up.example").is_err() {
        ensure!(
            Instant::now() < deadline,
            "dnsmasq does not answer within five seconds"
        );
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Asks one question over UDP, as the subscriber; what is answered.
pub fn ask(stage: &Stage, name: &str) -> Result<String> {
    let words = format!("dig @{} +tries=1 +time=2 +notcp +short {name}", server());
    let said = inside(&stage.network.subscriber, &words).tell()?;
    ensure!(said.trim() == "198.51.100.7", "no answer: {said}");
    Ok(said.trim().to_owned())
}

//! Real packets: servers on the internet's side, clients on the subscriber's.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    cast::{EXCHANGES, Exchange, TCP_MARKED, TCP_OTHER, Traffic, UDP},
    network::inside,
    stage::Stage,
};

/// Bytes that a TCP server sends.
pub const DOWNLOAD: usize = 64 * 1024;

/// Packets of a ping and of a UDP exchange: three there, three back.
pub const THERE_AND_BACK: u64 = 6;

/// Starts the servers and waits until all listen.
pub fn serve(stage: &Stage) -> Result<()> {
    let file = stage.path("download");
    fs::write(&file, download()).with_context(|| format!("cannot write {file}"))?;
    let tcp = [TCP_MARKED, TCP_OTHER].map(|port| {
        format!("socat -U TCP6-LISTEN:{port},ipv6only=0,reuseaddr,fork OPEN:{file},rdonly")
    });
    // Bound to each address: an answer from another one would not be one.
    let udp = EXCHANGES
        .iter()
        .filter(|exchange| exchange.traffic == Traffic::Udp)
        .map(|exchange| {
            let (family, host) = family(exchange.peer);
            format!("socat UDP{family}-RECVFROM:{UDP},bind={host},fork PIPE")
        });
    let mut sockets = 0;
    for server in tcp.into_iter().chain(udp) {
        inside(&stage.network.internet, &server)
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start socat")?;
        sockets += 1;
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while inside(&stage.network.internet, "ss -Hlntu")
        .tell()?
        .lines()
        .count()
        < sockets
    {
        ensure!(
            Instant::now() < deadline,
            "socat does not listen within five seconds"
        );
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Has one exchange and says what came back; an error where not every answer did, unchanged.
pub fn exchange(stage: &Stage, exchange: &Exchange) -> Result<String> {
    let (family, host) = family(exchange.peer);
    let run = |text: &str| inside(&stage.network.subscriber, text).tell();
    match exchange.traffic {
        Traffic::Ping => {
            let said = run(&format!("ping -q -c 3 -i 0.2 -W 2 {}", exchange.peer))?;
            ensure!(
                said.contains(" 0% packet loss"),
                "ping {}: {said}",
                exchange.peer
            );
            Ok("ping: 3 of 3 answered".to_owned())
        }
        Traffic::Udp => {
            let client = format!(
                "for n in 1 2 3; do echo beacon $n; sleep 0.1; done | \
                 socat -t 0.3 - UDP{family}:{host}:{UDP}"
            );
            let said = inside(&stage.network.subscriber, "sh -c")
                .args([client.as_str()])
                .tell()?;
            ensure!(
                said == "beacon 1\nbeacon 2\nbeacon 3\n",
                "not every datagram to {} port {UDP} was answered: {said:?}",
                exchange.peer
            );
            Ok(format!("udp {UDP}: 3 of 3 answered"))
        }
        Traffic::Tcp(port) => {
            if run(&format!("socat -u TCP{family}:{host}:{port} -"))? != download() {
                bail!(
                    "the download from {} port {port} is not what was sent",
                    exchange.peer
                );
            }
            Ok(format!("tcp {port}: {} KiB, all as sent", DOWNLOAD / 1024))
        }
    }
}

/// The family as socat writes it, and the host as it goes before a port.
fn family(address: &str) -> (u8, String) {
    if address.contains(':') {
        (6, format!("[{address}]"))
    } else {
        (4, address.to_owned())
    }
}

/// Text that differs everywhere, so that a lost or doubled part shows.
fn download() -> String {
    (0..DOWNLOAD / 8)
        .map(|line| format!("{line:07}\n"))
        .collect()
}

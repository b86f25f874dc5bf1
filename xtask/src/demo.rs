//! `cargo xtask demo`: the sensor on a router made of network namespaces, with real traffic.

mod cast;
mod checks;
mod law;
mod network;
mod sensor;
mod stage;
mod traffic;

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::{Command, process::Line, setup, tree};
use cast::EXCHANGES;
use network::inside;
use sensor::Sensor;
use stage::Stage;

pub const COMMAND: Command = Command {
    name: "demo",
    summary: "the sensor on a small network of namespaces, with markers and real traffic",
    help: "cargo xtask demo [--keep | --law]\n\nNeeds root: it makes three network namespaces (subscriber, \
           router, internet), which disappear with\neverything else at the end, however it ends. \
           Succeeds only if every check held.\n\n  --keep  leave it running and say how to talk to \
           it and how to end it\n  --law   the way of a request of the authority, from the declaration to the journal \
           (needs age)",
    run,
};

fn run(arguments: &[String]) -> Result<ExitCode> {
    let (keep, law) = match arguments {
        [] => (false, false),
        [word] if word == "--keep" => (true, false),
        [word] if word == "--law" => (false, true),
        _ => bail!("it takes no arguments but --keep or --law"),
    };
    // The owner of this entry is the process's effective user.
    if fs::metadata("/proc/self")?.uid() != 0 {
        bail!("it makes network namespaces: run it as root");
    }
    setup::ensure()?;
    // Six months go by in `--law`: its daemon has the clock of the tests, which nothing that ships has.
    let features: &[&str] = match law {
        true => &["--features", "sensor-user/bench,sensor-user/faults"],
        false => &[],
    };
    Line::new("cargo build --workspace --exclude sensor-ebpf --bins")
        .args(features.iter().copied())
        .dir(tree::root())
        .run()?;
    if law {
        law::play()?;
    } else {
        play(keep)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn play(keep: bool) -> Result<()> {
    let begin = Instant::now();
    let stage = Stage::set()?;

    headline("A router between a subscriber and the internet");
    stage.network.build()?;
    traffic::serve(&stage)?;
    println!("{}", drawing());

    let sensor = Sensor::start(&stage)?;
    println!("sensord runs in the router, process {}", sensor.pid());

    headline("Nothing is watched before the device is declared (L. 33-14 paragraph 1)");
    sensor.show("declaration show")?;
    println!("$ sensorctl declaration export | head -n 12");
    let document = sensor.ctl("declaration export").tell()?;
    println!(
        "{}",
        document.lines().take(12).collect::<Vec<_>>().join("\n")
    );
    sensor.show("declaration record --reference DEMO-1 --date 2026-01-01")?;

    headline("Markers are loaded while it runs, from standard input");
    let before = traffic::exchange(&stage, &EXCHANGES[0])?;
    println!("before, {}: {before}", EXCHANGES[0].peer);
    let status = sensor.json("status")?;
    let hits = checks::identity(&status, "kernel_hits", "hits", &[])?.0;
    ensure!(hits == 0, "{hits} hits without a marker");
    ok("no hit, no event: no marker is in force");
    print!(
        "$ sensorctl markers load - <<END\n{}END\n",
        cast::marker_file()
    );
    sensor.load(&cast::marker_file())?;

    headline("Traffic from the subscriber: marked peers, and near misses that are not");
    for exchange in &EXCHANGES {
        let marker = exchange.marker.map_or("-", |(id, _)| id);
        let answered = traffic::exchange(&stage, exchange)?;
        println!("{marker:<10} {:<17} {answered}", exchange.peer);
    }
    ok("every packet arrived as it was sent: the sensor only looks");
    settle(&sensor)?;

    headline("What the sensor does");
    sensor.show("status")?;
    headline("What it stored");
    sensor.show("events list")?;
    headline("What Prometheus scrapes (excerpt)");
    metrics(&stage)?;
    headline("What an auditor recomputes");
    sensor.show("journal verify")?;

    headline("Checks");
    let proven = check(&sensor)?;

    if keep {
        headline("Still running");
        println!("{}", instructions(&stage, &sensor));
        println!("\n{proven}");
        return stage.keep();
    }
    headline("The end");
    let ended = sensor.stop()?;
    ensure!(ended.success(), "sensord ended with {ended}");
    ok("detached; sensord ended on SIGTERM");
    drop(stage);
    println!("\n{proven}, in {:.1} s", begin.elapsed().as_secs_f32());
    Ok(())
}

/// Waits until every event is closed and no record is on its way; what is missing then, the checks
/// tell.
fn settle(sensor: &Sensor) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(8);
    let markers = EXCHANGES
        .iter()
        .filter(|exchange| exchange.marker.is_some());
    let expected = markers.count() as u64;
    while Instant::now() < deadline {
        let events = &sensor.json("status")?["events"];
        if events["open"] == 0 && events["stored"].as_u64() >= Some(expected) {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Everything that must hold, and the one line of what was proven.
fn check(sensor: &Sensor) -> Result<String> {
    let status = sensor.json("status")?;
    let page = sensor.json("events list")?;
    let rows = page["rows"]
        .as_array()
        .map_or(&[] as &[Value], Vec::as_slice);

    let packets = checks::events(rows)?;
    ok("every marker has exactly its event, with the packets that were exchanged");
    ok("unmarked peers have none");
    let (hits, dropped) = checks::identity(
        &status,
        "kernel_hits",
        "hits",
        &["limited", "breaker", "ring_lost", "flow_table_full"],
    )?;
    ok("kernel: every hit is accounted for");
    let (_, failed) = checks::identity(
        &status,
        "agent_records",
        "records",
        &["refuted", "store_failed", "lost_at_restart", "in_flight"],
    )?;
    ok("agent: every record is accounted for");
    ensure!(
        hits == packets,
        "the kernel counted {hits} hits, the events hold {packets} packets"
    );
    ok("the events hold exactly the packets that the kernel counted as hits");
    let lost = dropped + failed;
    ensure!(lost == 0, "{lost} hits were lost");
    Ok(format!(
        "proven: {} packets judged, {hits} hits, {} events, {lost} lost; IPv4 and IPv6",
        checks::judged(&status)?,
        rows.len(),
    ))
}

/// The series that an operator would alert on, without their explanations.
fn metrics(stage: &Stage) -> Result<()> {
    let page = inside(&stage.network.router, "curl -sf")
        .args([format!("http://{}/metrics", sensor::METRICS).as_str()])
        .tell()?;
    println!("$ curl -s http://{}/metrics", sensor::METRICS);
    let mut shown = 0;
    for line in page.lines().filter(|line| {
        [
            "packets_total{",
            "kernel_hits_total{",
            "events{",
            "event_store_latency_seconds_sum",
            "event_store_latency_seconds_count",
            "interface_attached{",
        ]
        .iter()
        .any(|series| line.starts_with(&format!("marker_sensor_{series}")))
            && (!line.ends_with(" 0") || line.contains("lost"))
    }) {
        println!("{line}");
        shown += 1;
    }
    ensure!(shown > 0, "/metrics shows none of the sensor's series");
    Ok(())
}

fn drawing() -> String {
    let [v4, v6] = cast::SUBSCRIBERS;
    format!(
        "subscriber ----------- access0 [ router + sensor ] transit0 ----------- internet\n\
         {v4}                                           203.0.113.0/24, 198.51.100.0/24\n\
         {v6}                                       2001:db8:{{80,b0,b1,c2}}::"
    )
}

fn instructions(stage: &Stage, sensor: &Sensor) -> String {
    let (network, dir) = (&stage.network, stage.dir.display());
    format!(
        "export PATH={}:$PATH\n\
         sensorctl --socket {dir}/control.sock status --rate 2\n\
         sensorctl --socket {dir}/control.sock events tail\n\
         curl --unix-socket {dir}/control.sock http://localhost/v1/status\n\n\
         traffic, markers and metrics:\n\
         nsenter --net=/run/netns/{} ping -c 3 203.0.113.5\n\
         nsenter --net=/run/netns/{} socat -u TCP4:203.0.113.80:8443 /dev/null\n\
         echo 'ip 203.0.113.6 id=mine' | sensorctl --socket {dir}/control.sock markers add -\n\
         nsenter --net=/run/netns/{} curl -s http://{}/metrics\n\n\
         log and configuration: {dir}/sensord.log, {dir}/sensor.toml; sensord is process {}\n\n\
         end it and remove everything (detach first, if you want to see it in the journal):\n\
         sh {dir}/end.sh",
        sensor::binaries().display(),
        network.subscriber,
        network.subscriber,
        network.router,
        sensor::METRICS,
        sensor.pid(),
    )
}

fn headline(text: &str) {
    println!("\n== {text}");
}

fn ok(text: &str) {
    println!("ok  {text}");
}

//! A large bundle of STIX through the socket: how long until it is live, and what the agent occupies.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    time::Instant,
};

use sensor_tests::bench::bundle;

use crate::{
    machine,
    options::Options,
    report::{Figure, Limit, Report, number},
    stage::{Stage, loaded},
    subjects::said,
};

const MEGABYTE: f64 = 1e6;
/// One indicator in so many is revoked, as the bundle is written.
const REVOKED: u32 = 100;

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let indicators: u32 = if options.quick { 50_000 } else { 1_000_000 };
    eprint!("stix: {indicators} indicators ");
    let directory = tempfile::tempdir().map_err(said)?;
    let path = directory.path().join("bundle.json");
    let mut out = BufWriter::new(File::create(&path).map_err(said)?);
    bundle::write(&mut out, indicators).map_err(said)?;
    out.flush().map_err(said)?;
    drop(out);
    let size = path.metadata().map_err(said)?.len() as f64 / MEGABYTE;
    let stage = Stage::new();
    let daemon = stage.start();
    let path = path.to_str().expect("a path in UTF-8");
    let start = Instant::now();
    let (code, _, said) = daemon.control(&["markers", "load", "--format", "stix", path]);
    let took = start.elapsed().as_secs_f64();
    if code != 0 {
        return Err(format!("stix: the load ended with {code}: {said}"));
    }
    // An endpoint without a protocol is one of TCP and one of UDP.
    let markers = loaded(&daemon.client())?;
    let least = u64::from(indicators - indicators / REVOKED);
    if markers < least {
        return Err(format!("VOID: {markers} markers of at least {least}"));
    }
    let status = format!("/proc/{}/status", daemon.id());
    let peak = machine::kilobytes(&status, "VmHWM") as f64 / MEGABYTE;
    eprintln!();
    report.line(format!(
        "\nA STIX bundle of {indicators} indicators, {} MB, through the socket: {markers} markers \
         in {} s; agent {} MB at most",
        number(size),
        number(took),
        number(peak),
    ));
    let what = |what: &str| format!("{what}, {indicators} indicators of STIX");
    for (name, value, limit, unit) in [
        ("file through the socket to live", took, 60.0, " s"),
        (
            "agent memory at its peak during the load",
            peak,
            600.0,
            " MB",
        ),
    ] {
        report.figure(Figure::new(what(name), value, Limit::AtMost(limit), unit));
    }
    Ok(())
}

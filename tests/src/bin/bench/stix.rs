//! A large bundle of STIX through the socket, and orders beside it: how long until they are live, and
//! what the agent occupies.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    net::Ipv4Addr,
    path::Path,
    time::Instant,
};

use sensor_tests::{bench::bundle, daemon::Sensord};

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

/// Markers of the small order.
const ORDER: u32 = 1_000;

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
    let small = order(&daemon, directory.path(), "small", ORDER)?;
    let large = order(&daemon, directory.path(), "large", ORDER * 100)?;
    report.line(format!(
        "Beside them, through the socket to live: an order of {ORDER} markers {} s, one of {} {} s",
        number(small),
        ORDER * 100,
        number(large),
    ));
    report.figure(Figure::new(
        format!("an order of {ORDER} markers to live beside {markers}"),
        small,
        Limit::AtMost(1.0),
        " s",
    ));
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

/// Seconds until an order of so many addresses is live, the client's start included.
fn order(
    daemon: &Sensord<'_>,
    folder: &Path,
    reference: &str,
    markers: u32,
) -> Result<f64, String> {
    let path = folder.join(reference);
    // Beside those of the bundle: 8.0.0.0/5 has none of them.
    let first: u32 = if markers > ORDER {
        0x0900_0000
    } else {
        0x0800_0000
    };
    let lines = (0..markers).map(|number| format!("ip {}\n", Ipv4Addr::from(first + number * 3)));
    fs::write(&path, lines.collect::<String>()).map_err(said)?;
    let path = path.to_str().expect("a path in UTF-8");
    let words = [
        "orders",
        "submit",
        "--reference",
        reference,
        "--issuer",
        "ANSSI",
    ];
    let start = Instant::now();
    let (code, _, said) = daemon.control(&[&words[..], &["--duration", "P30D", path]].concat());
    let took = start.elapsed().as_secs_f64();
    match code {
        0 => Ok(took),
        _ => Err(format!("order {reference} ended with {code}: {said}")),
    }
}

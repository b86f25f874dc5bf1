//! Measures the reader of STIX: `read_bundle [INDICATORS]` writes a bundle (a million indicators
//! unless told otherwise), reads it and prints the time and the most memory that reading took.
#![forbid(unsafe_code)]

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    time::Instant,
};

use sensor_tests::bench::bundle;
use sensor_user::{
    markers::{self, Limits},
    model::request::Format,
};

fn main() -> io::Result<()> {
    let count = std::env::args().nth(1);
    let count: u32 = count.map_or(1_000_000, |text| {
        text.parse().expect("a number of indicators")
    });
    let mut file = tempfile::tempfile()?;
    let mut out = BufWriter::new(&mut file);
    bundle::write(&mut out, count)?;
    out.flush()?;
    drop(out);
    io::Seek::rewind(&mut file)?;
    // From here on, the most memory is counted anew.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = resident("VmRSS");
    let told = Cell::new(0_u64);
    let start = Instant::now();
    let mut input = BufReader::with_capacity(1 << 20, File::try_clone(&file)?);
    let intake = markers::read(Format::Stix, &mut input, &Limits::default(), &|_| {
        told.set(told.get() + 1);
    });
    let took = start.elapsed();
    println!(
        "{count} indicators, {} MB: {} markers, {} refused, fatal {}, in {took:.2?}; {} MiB before, {} MiB at most, \
         {} MiB with the markers; progress told {} times",
        file.metadata()?.len() / 1_000_000,
        intake.markers.len(),
        intake.refused_total,
        intake.fatal,
        before,
        resident("VmHWM"),
        resident("VmRSS"),
        told.get(),
    );
    Ok(())
}

/// A line of `/proc/self/status`, in MiB.
fn resident(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|text| text.parse().ok())
        .map_or(0, |kib: u64| kib / 1024)
}

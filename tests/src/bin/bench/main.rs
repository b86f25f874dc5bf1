//! What the sensor costs, beside what else could be used: `cargo xtask bench`.

mod beside;
mod costs;
mod cpu;
mod events;
mod filter;
mod inspect;
mod latency;
mod live;
mod load;
mod machine;
mod memory;
mod names;
mod options;
mod packet;
mod peers;
mod report;
mod rows;
mod sender;
mod stage;
mod stix;
mod subjects;
mod suricata;
mod wire;

use std::{env, process::ExitCode};

use sensor_tests::need;

use options::{Options, Part};
use report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nbench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// A figure that falls short is a measurement; an error is a run that measured nothing.
fn run() -> Result<(), String> {
    let options = Options::read(env::args().skip(1))?;
    if !need::root() {
        return Err("needs root".into());
    }
    let mut report = Report::new(&options);
    let outcome = measure(&options, &mut report);
    // What was measured before a part failed is not lost, nor taken for a whole run.
    report.end(options.save && outcome.is_ok())?;
    outcome
}

fn measure(options: &Options, report: &mut Report) -> Result<(), String> {
    if options.has(Part::Packet) {
        packet::run(options, report)?;
    }
    if options.has(Part::Names) {
        names::run(options, report)?;
    }
    if options.has(Part::Live) {
        live::run(options, report)?;
        wire::run(options, report)?;
    }
    if options.has(Part::Load) {
        load::run(options, report)?;
        stix::run(options, report)?;
    }
    if options.has(Part::Events) {
        events::run(options, report)?;
        latency::run(options, report)?;
    }
    if options.has(Part::Inspect) {
        inspect::run(options, report)?;
    }
    if options.has(Part::Peers) {
        peers::run(options, report)?;
    }
    Ok(())
}

//! What the sensor costs, beside what else could be used: `cargo xtask bench`.

mod beside;
mod costs;
mod cpu;
mod filter;
mod live;
mod load;
mod machine;
mod memory;
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
    if options.has(Part::Packet) {
        packet::run(&options, &mut report)?;
    }
    if options.has(Part::Live) {
        live::run(&options, &mut report)?;
    }
    if options.has(Part::Load) {
        load::run(&options, &mut report)?;
        stix::run(&options, &mut report)?;
    }
    if options.has(Part::Peers) {
        peers::run(&options, &mut report)?;
    }
    report.end(options.save)
}

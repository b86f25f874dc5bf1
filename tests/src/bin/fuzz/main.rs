//! Fuzzes everything that reads bytes from outside, the program in the kernel included: `cargo xtask fuzz`.
//!
//! A release build aborts on a panic: the number of the input is told before.
#![forbid(unsafe_code)]

use std::{
    panic,
    process::ExitCode,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use peak_alloc::PeakAlloc;
use sensor_tests::{
    fuzz::{self, CURRENT, KERNEL, Memory, READERS, Range, Reader},
    need,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// A reader that is at one input for this long hangs.
const HANGS: Duration = Duration::from_secs(60);

const MEMORY: Memory = Memory {
    reset: || ALLOCATOR.reset_peak_usage(),
    peak: || ALLOCATOR.peak_usage(),
    now: || ALLOCATOR.current_usage(),
};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("fuzz: {error}");
            return ExitCode::from(2);
        }
    };
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        eprintln!("fuzz: panic at input {}", CURRENT.load(Relaxed));
        usual(info);
    }));
    thread::spawn(watch);
    let begun = Instant::now();
    let (mut subjects, mut inputs, mut findings, mut peak) = (0, 0, 0, 0);
    let chosen = |name: &str| options.reader.as_deref().is_none_or(|only| only == name);
    for reader in readers().filter(|reader| chosen(reader.name)) {
        eprintln!("fuzz: {}, seed {}", reader.name, options.range.seed);
        let (start, mut told) = (Instant::now(), Instant::now());
        let met = fuzz::run(reader, options.range, MEMORY, &mut |met| {
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                let percent = met.inputs * 100 / options.range.inputs.max(1);
                eprintln!("fuzz: {} {percent} %", reader.name);
            }
        });
        match met {
            Ok(met) => {
                inputs += met.inputs;
                peak = peak.max(met.peak);
                let took = start.elapsed().as_secs();
                println!("fuzz: {}: {met}; {took} s", reader.name);
            }
            Err(finding) => {
                println!("fuzz: {finding}");
                findings += 1;
            }
        }
        subjects += 1;
    }
    if !need::root() {
        println!("fuzz: without root, the program in the kernel is left out");
    }
    println!(
        "fuzz: {subjects} parsers, {inputs} inputs without a finding, {findings} with one; at most \
         {} KiB for one input; {} s",
        peak >> 10,
        begun.elapsed().as_secs()
    );
    match findings {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// All that is fuzzed here: without root not the program in the kernel.
fn readers() -> impl Iterator<Item = &'static Reader> {
    READERS.iter().chain(need::root().then_some(&KERNEL))
}

/// Ends the program when it stays at one input.
fn watch() {
    let (mut last, mut since) = (u64::MAX, Instant::now());
    loop {
        thread::sleep(Duration::from_secs(1));
        let current = CURRENT.load(Relaxed);
        if current != last {
            (last, since) = (current, Instant::now());
        } else if since.elapsed() > HANGS {
            eprintln!("fuzz: hangs at input {current}");
            std::process::exit(1);
        }
    }
}

/// What is asked for.
struct Options {
    reader: Option<String>,
    range: Range,
}

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            reader: None,
            range: Range {
                seed: 1,
                from: 0,
                inputs: 1_000_000,
            },
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument.clone(), arguments.next()),
            };
            let value = value.ok_or_else(|| format!("{name} wants a value"))?;
            let number = || {
                let plain = value.replace('_', "");
                plain.parse().map_err(|_| format!("{name} wants a number"))
            };
            match name.as_str() {
                "--reader" if readers().any(|reader| reader.name == value) => {
                    options.reader = Some(value);
                }
                "--reader" => {
                    let names: Vec<&str> = readers().map(|reader| reader.name).collect();
                    return Err(format!("--reader is one of {}", names.join(", ")));
                }
                "--inputs" => options.range.inputs = number()?,
                "--seed" => options.range.seed = number()?,
                "--from" => options.range.from = number()?,
                _ => {
                    return Err(format!(
                        "there is no {name}; --reader, --inputs, --seed, --from"
                    ));
                }
            }
        }
        Ok(options)
    }
}

//! Names of any capture, beside tshark: `names [--suricata] CAPTURE…`.
//!
//! Prints what tshark reads and what a replay finds with each of it loaded as a marker, and each
//! difference with its frames and class; with `--suricata` also the alerts that the replay has not. Fails
//! when a difference has no class.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use sensor_tests::{
    differential::{self, Class, Comparison, Load, compare, readings},
    suricata,
};

fn main() -> ExitCode {
    let mut captures: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let beside = captures
        .first()
        .is_some_and(|first| first == Path::new("--suricata"));
    if beside {
        captures.remove(0);
    }
    if captures.is_empty() {
        eprintln!("names: which captures? `names [--suricata] CAPTURE…`");
        return ExitCode::from(2);
    }
    let (mut agreed, mut differ, mut refused) = (0, 0, 0);
    let mut totals: BTreeMap<Class, usize> = BTreeMap::new();
    let (mut equal, mut raised) = (0, 0);
    for capture in &captures {
        let read = readings(capture);
        let (mut agrees, mut is_read) = (true, true);
        for load in [Load::Names, Load::All] {
            let comparison = compare(capture, &read, load);
            // Of a file that ends in the middle of a frame both read what is before.
            let cut = comparison.replayed.stderr.contains("ends inside");
            if comparison.replayed.code != 0 && !cut {
                is_read = false;
                println!(
                    "{}: not read: {}",
                    capture.display(),
                    comparison.replayed.stderr.trim()
                );
                break;
            }
            equal += comparison.equal;
            agrees &= comparison.unexplained().count() == 0;
            for class in comparison.differences.iter().filter_map(|one| one.class) {
                *totals.entry(class).or_default() += 1;
            }
            print(capture, load, &comparison);
            if beside && load == Load::Names {
                let Some(alerts) = suricata::alerts(capture, &differential::names(&read)) else {
                    println!("  Suricata cannot read it");
                    continue;
                };
                raised += alerts.len();
                for ((kind, value, ends), class) in
                    differential::beside(&alerts, &comparison, &read)
                {
                    let class = class.map_or("UNEXPLAINED", Class::name);
                    println!("  {class}: only Suricata: {kind:?} {value} {ends}");
                    agrees &= class != "UNEXPLAINED";
                }
            }
        }
        match (is_read, agrees) {
            (false, _) => refused += 1,
            (true, true) => agreed += 1,
            (true, false) => differ += 1,
        }
    }
    println!(
        "{agreed} captures agree, {differ} differ, {refused} could not be read; {equal} values in connections equal"
    );
    if beside {
        println!("{raised} alerts of Suricata");
    }
    for (class, count) in totals {
        println!("{count} {class}");
    }
    ExitCode::from(u8::from(differ > 0))
}

fn print(capture: &Path, load: Load, comparison: &Comparison) {
    println!(
        "{}: {load:?}: {} equal, {} explained, {} not",
        capture.display(),
        comparison.equal,
        comparison.differences.len() - comparison.unexplained().count(),
        comparison.unexplained().count()
    );
    for one in &comparison.differences {
        let class = one.class.map_or("UNEXPLAINED", Class::name);
        let side = if one.found {
            "only the replay"
        } else {
            "only tshark"
        };
        let (kind, value, ends) = &one.key;
        println!(
            "  {class}: {side}: {kind:?} {value} {ends} frames {:?}",
            one.frames
        );
    }
}

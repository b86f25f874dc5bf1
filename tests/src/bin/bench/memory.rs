//! What memory costs on this machine: two random words at once, as the filter is asked for them.

use std::{hint::black_box, time::Instant};

use sensor_tests::bench::statistics::Median;
use serde_json::json;

use crate::report::Report;

/// Bytes of filter a marker: sixteen bits.
const PER_MARKER: usize = 2;
const LOADS: usize = 400_000;
const ROUNDS: usize = 11;

/// Nanoseconds that a pair of loads takes more from the filter of `most` markers than from that of
/// `many`, each half of them of one family.
pub fn difference(many: usize, most: usize, report: &mut Report) -> f64 {
    let sizes = [many, most].map(|markers| markers / 2 * PER_MARKER);
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (size, samples) in sizes.iter().zip(&mut samples) {
            samples.push(pair(*size));
        }
    }
    let [small, large] = samples.each_ref().map(|samples| Median::of(samples).middle);
    report.line(format!(
        "\nTwo random words at once: {small:.0} ns from {:.1} MB, {large:.0} ns from {:.1} MB",
        sizes[0] as f64 / 1e6,
        sizes[1] as f64 / 1e6,
    ));
    report.raw("memory", json!({ "bytes": sizes, "samples_ns": samples }));
    large - small
}

/// Nanoseconds of one pair, each waiting for the one before.
fn pair(bytes: usize) -> f64 {
    let words = vec![1u64; bytes / size_of::<u64>()];
    let place = |hash: u64| ((u128::from(hash) * words.len() as u128) >> 64) as usize;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut run = |count: usize| {
        for _ in 0..count {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let other = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
            state = state.wrapping_add(words[place(state)] + words[place(other)]);
        }
    };
    // Warm, as the filter is.
    run(LOADS);
    let start = Instant::now();
    run(LOADS);
    let took = start.elapsed().as_nanos() as f64;
    black_box(state);
    took / LOADS as f64
}

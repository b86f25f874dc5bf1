//! The oracle judged by tshark: both must see the same outermost addresses.
//!
//! They differ by design in what [`Exception`] lists; each of its cases is shown by a frame made by
//! hand, so that the list cannot hide more than it says.

use std::collections::BTreeMap;

use sensor_tests::{
    need, oracle,
    random::{Pool, Random},
};

#[path = "oracle_tshark/exception.rs"]
mod exception;
#[path = "oracle_tshark/tshark.rs"]
mod tshark;

use exception::Exception;
use tshark::{Shown, Tshark};

const FRAMES: usize = 3000;

/// What the oracle sees, in tshark's terms.
fn seen(frame: &[u8]) -> Shown {
    let addresses = oracle::addresses(frame);
    Shown {
        src: addresses.map(|both| both.src),
        dst: addresses.and_then(|both| both.dst),
    }
}

/// Random frames that no exception applies to.
fn frames(pool: &Pool) -> Vec<Vec<u8>> {
    let mut random = Random::from_env(20_260_101);
    let mut frames = Vec::new();
    let mut left_out = BTreeMap::<String, usize>::new();
    while frames.len() < FRAMES {
        let frame = pool.frame(&mut random);
        match Exception::of(&frame) {
            None => frames.push(frame),
            Some(exception) => *left_out.entry(format!("{exception:?}")).or_default() += 1,
        }
    }
    println!("left out: {left_out:?}");
    // The comparison is worth something only while most frames take part.
    assert!(left_out.values().sum::<usize>() < FRAMES / 4);
    frames
}

#[test]
fn the_oracle_and_tshark_see_the_same_outermost_addresses() {
    if !need::tool("tshark") {
        return;
    }
    let pool = Pool::default();
    let frames = frames(&pool);
    let tshark = Tshark::read(&frames);
    let shown = tshark.shown();
    assert_eq!(shown.len(), frames.len(), "tshark tells of every frame");
    for (frame, shown) in frames.iter().zip(shown) {
        assert_eq!(seen(frame), shown, "oracle and tshark on {}", hex(frame));
    }
    for address in pool.addresses() {
        let seen = frames.iter().map(|frame| seen(frame));
        let count = seen.filter(|seen| seen.has(address)).count();
        assert_eq!(
            count,
            tshark.count(address),
            "frames with {address} outermost"
        );
        assert!(count > 30, "{address} is too rare to compare: {count}");
    }
}

#[test]
fn every_exception_is_a_difference() {
    if !need::tool("tshark") {
        return;
    }
    let cases = exception::cases();
    let frames: Vec<Vec<u8>> = cases.iter().map(|case| case.frame.clone()).collect();
    for (case, shown) in cases.iter().zip(Tshark::read(&frames).shown()) {
        let name = case.name;
        assert_eq!(Exception::of(&case.frame), Some(case.exception), "{name}");
        assert_ne!(seen(&case.frame), shown, "{name} is no difference");
        assert_eq!(shown.src.is_some(), case.tshark_sees, "{name}: {shown:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

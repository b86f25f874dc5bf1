//! The sensor and the programs that the benches compare it with give the same answers.

use sensor_tests::{
    bench::{agreement::agreement, sets::Set},
    need,
    random::Random,
};

const FRAMES: usize = 2_000;
const SEED: u64 = 20_261_125;

fn agree(name: &str, set: &Set, random: &mut Random, programs: usize) {
    let agreed = agreement(set, random, FRAMES).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert_eq!(agreed.programs, programs, "{name}");
    // A quarter of the frames and more, less those one bit beside a member.
    assert!(
        agreed.matched > FRAMES / 5 && agreed.matched < FRAMES,
        "{name}: {agreed:?} proves little"
    );
}

#[test]
fn sensor_hashes_and_tries_agree_on_addresses() {
    if !need::root() {
        return;
    }
    let mut random = Random::from_env(SEED);
    let set = Set::addresses(&mut random, 3_000, 3_000);
    agree("addresses", &set, &mut random, 4);
}

#[test]
fn sensor_and_tries_agree_on_prefixes() {
    if !need::root() {
        return;
    }
    let mut random = Random::from_env(SEED + 1);
    let set = Set::addresses(&mut random, 3_000, 3_000).with_prefixes(&mut random, 1_000, 1_000);
    agree("with prefixes", &set, &mut random, 3);
    let set = Set::dense(&mut random, 2_000);
    agree("dense prefixes", &set, &mut random, 3);
}

//! Patterns of STIX: our parser and `stix2-patterns` give the same verdict on each of thousands.

#[path = "stix_grammar/generate.rs"]
mod generate;
#[path = "stix_grammar/mutate.rs"]
mod mutate;
#[path = "stix_grammar/seeds.rs"]
mod seeds;

use std::collections::BTreeSet;

use sensor_tests::{python, random::Random};
use sensor_user::markers::stix;

/// Made by the generator, all of them patterns.
const GENERATED: usize = 900;
/// Made of a seed or a generated one by one to three changes.
const MUTATED: usize = 2_400;

#[test]
fn our_parser_and_stix2_patterns_agree_on_every_pattern() {
    let mut random = Random::from_env(33_14);
    let generated: Vec<String> = (0..GENERATED)
        .map(|_| generate::pattern(&mut random))
        .collect();
    let seeds = seeds::all().map(str::to_owned);
    let origins: Vec<String> = seeds.chain(generated.iter().cloned()).collect();
    let mut patterns: BTreeSet<String> = origins.iter().cloned().collect();
    for _ in 0..MUTATED {
        let origin = &origins[random.below(origins.len())];
        patterns.insert(mutate::changed(&mut random, origin));
    }
    let patterns: Vec<String> = patterns.into_iter().collect();
    assert!(patterns.len() >= 2_000, "only {}", patterns.len());

    let input = serde_json::to_vec(&patterns).expect("strings");
    let verdicts = python::run("stix_verdicts.py", &input);
    let verdicts: Vec<(bool, bool)> = serde_json::from_str(&verdicts).expect("pairs");
    assert_eq!(verdicts.len(), patterns.len());

    let (mut wrong, mut counts) = (Vec::new(), [0_usize; 3]);
    for (pattern, theirs) in patterns.iter().zip(&verdicts) {
        let ours = (
            stix::parse(pattern).is_ok(),
            stix::validate(pattern).is_ok(),
        );
        if ours != *theirs {
            wrong.push(format!("{pattern:?}: ours {ours:?}, theirs {theirs:?}"));
        }
        counts[usize::from(theirs.0) + usize::from(theirs.1)] += 1;
    }
    println!(
        "{} patterns: {} refused, {} by the validator only, {} taken",
        patterns.len(),
        counts[0],
        counts[1],
        counts[2]
    );
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    // A judge that takes all or nothing would prove nothing.
    assert!(
        counts[0] > 500 && counts[1] > 20 && counts[2] > 500,
        "{counts:?}"
    );
    let refused = generated.iter().find(|one| stix::parse(one).is_err());
    assert_eq!(refused, None, "the generator makes patterns only");
}

use super::*;

#[test]
fn precedence_is_and_before_or_before_followed_by() {
    let text = "[a:b=1] OR [a:b=2] AND [a:b=3] FOLLOWEDBY ([a:b=4] OR [a:b=5]) WITHIN 5 SECONDS";
    let Ok(Observation::Followed(parts)) = parse(text) else {
        panic!("two parts");
    };
    let Observation::Any(first) = &parts[0] else {
        panic!("an OR");
    };
    assert!(matches!(&first[1], Observation::All(both) if both.len() == 2));
    let Observation::Qualified(inside, qualifiers) = &parts[1] else {
        panic!("qualified");
    };
    assert!(matches!(**inside, Observation::Group(_)));
    assert_eq!(*qualifiers, [Qualifier::Within]);
}

#[test]
fn paths_and_literals_lose_their_quotes() {
    let text = r"[x-a:'b-c'.d[*][3].'e\'f\\' NOT IN ('g\'h', 1, -2.5, true, h'ff', t'2016-06-01T00:00:00Z')]";
    let Ok(Observation::One(Comparison::Test(test))) = parse(text) else {
        panic!("a test");
    };
    assert!(test.negated);
    assert_eq!(test.path.object, "x-a");
    let key = |text: &'static str| Step::Key(text.into());
    let steps = [
        key("b-c"),
        key("d"),
        Step::Every,
        Step::Index("3"),
        key(r"e'f\"),
    ];
    assert_eq!(test.path.steps, steps);
    let Operator::In(literals) = test.operator else {
        panic!("a set");
    };
    assert_eq!(literals[0].text().as_deref(), Some("g'h"));
    assert_eq!((literals.len(), literals[1].text()), (6, None));
}

#[test]
fn nesting_and_length_are_bounded_and_every_prefix_is_refused() {
    let nested = |depth: usize| format!("{}[a:b=1]{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEEPEST)).is_ok());
    assert_eq!(parse(&nested(DEEPEST + 1)), Err(GrammarError::TooDeep));
    let open = "[".repeat(LONGEST);
    assert!(matches!(
        parse(&open),
        Err(GrammarError::Unexpected { at: 1, .. })
    ));
    assert_eq!(parse(&format!("{open}[")), Err(GrammarError::TooLong));
    let text = "([a-b:c.'d' NOT ISSUBSET 'é'] START t'2016-06-01T00:00:00Z' STOP t'2016-06-01T00:00:00.1Z')";
    assert!(parse(text).is_ok());
    for (at, _) in text.char_indices() {
        assert!(parse(&text[..at]).is_err(), "{at}");
    }
}

//! Markings, labels and reports.

use super::*;

/// TLP and PAP of an indicator with these properties, among these other objects.
fn handling(changes: Value, others: &[Value]) -> (Tlp, Pap) {
    let intake = read_all(&[&[indicator(1, changes)], others].concat());
    assert_eq!(codes(&intake), []);
    (intake.markers[0].tlp, intake.markers[0].pap)
}

#[test]
fn markings_in_every_encoding_and_in_any_order() {
    let marked = |definition: Value| {
        let mut definition = definition;
        definition["type"] = json!("marking-definition");
        definition["id"] = json!(OTHER);
        handling(json!({"object_marking_refs": [OTHER]}), &[definition])
    };
    let default = (Tlp::AmberStrict, Pap::Amber);
    let refs = |refs: &[&str]| handling(json!({"object_marking_refs": refs}), &[]);
    assert_eq!(handling(json!({}), &[]), default);
    assert_eq!(refs(&[RED]), (Tlp::Red, Pap::Amber));
    assert_eq!(refs(&[GREEN]), (Tlp::Green, Pap::Amber));
    assert_eq!(refs(&[GREEN, RED]), (Tlp::Red, Pap::Amber));
    assert_eq!(refs(&[GREEN, OTHER]), default);
    let pap_red = "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e";
    let pap_clear = "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92";
    assert_eq!(refs(&[GREEN, pap_red]), (Tlp::Green, Pap::Red));
    assert_eq!(refs(&[GREEN, pap_clear]), (Tlp::Green, Pap::Clear));
    assert_eq!(refs(&[GREEN, pap_clear, "nonsense"]), default);
    let labels = |labels: Value| {
        handling(
            json!({"object_marking_refs": [GREEN, pap_clear], "labels": labels}),
            &[],
        )
    };
    assert_eq!(labels(json!(["PAP: RED"])), (Tlp::Green, Pap::Red));
    assert_eq!(labels(json!("PAP:RED")), (Tlp::AmberStrict, Pap::Red));
    for unclear in [json!({"a": 1}), json!([["PAP:RED"]]), json!(7), json!("x")] {
        assert_eq!(labels(unclear), default);
    }
    let pap = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b";
    let tlp = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
    for (definition, expected) in [
        (
            json!({"definition_type": "tlp", "definition": {"tlp": "green"}}),
            (Tlp::Green, Pap::Amber),
        ),
        (
            json!({"extensions": {tlp: {"extension_type": "property-extension", "tlp_2_0": "red"}}}),
            (Tlp::Red, Pap::Amber),
        ),
        (
            json!({"extensions": {pap: {"pap": "red"}}}),
            (Tlp::AmberStrict, Pap::Red),
        ),
        (
            json!({"definition_type": "PAP", "definition": "PAP:GREEN"}),
            (Tlp::AmberStrict, Pap::Green),
        ),
        (
            json!({"definition_type": "PAP", "definition": "green"}),
            (Tlp::AmberStrict, Pap::Green),
        ),
        (
            json!({"definition_type": "statement", "definition": {"statement": "custom"}, "name": "PAP:RED",
                "x_opencti_definition_type": "PAP", "x_opencti_definition": "PAP:RED"}),
            (Tlp::AmberStrict, Pap::Red),
        ),
        (
            json!({"definition_type": "TLP", "x_opencti_definition_type": "TLP", "x_opencti_definition": "TLP:CLEAR"}),
            (Tlp::Clear, Pap::Amber),
        ),
        (
            json!({"definition_type": "tlp", "definition": {"tlp": "green"}, "name": "TLP:RED"}),
            (Tlp::Red, Pap::Amber),
        ),
        (
            json!({"definition_type": "statement", "definition": {"statement": "(c)"}}),
            default,
        ),
        (
            json!({"definition_type": "tlp", "definition": {"tlp": "pink"}}),
            default,
        ),
        (
            json!({"definition_type": "tlp", "definition": 5, "name": "TLP:CLEAR"}),
            default,
        ),
    ] {
        assert_eq!(marked(definition.clone()), expected, "{definition}");
    }
}

#[test]
fn parts_labels_and_reports_only_ever_tighten() {
    let granular = |reference: &str| json!([{"selectors": ["name"], "marking_ref": reference}, {"selectors": ["name"], "lang": "fr"}]);
    let both = |reference| {
        handling(
            json!({"object_marking_refs": [GREEN], "granular_markings": granular(reference)}),
            &[],
        )
    };
    assert_eq!(both(RED), (Tlp::Red, Pap::Amber));
    assert_eq!(both(OTHER), (Tlp::AmberStrict, Pap::Amber));
    assert_eq!(both(GREEN), (Tlp::Green, Pap::Amber));
    assert_eq!(
        handling(json!({"granular_markings": granular(GREEN)}), &[]),
        (Tlp::AmberStrict, Pap::Amber)
    );
    assert_eq!(
        handling(json!({"labels": ["a", "PAP:RED", "tlp:green"]}), &[]),
        (Tlp::Green, Pap::Red)
    );
    assert_eq!(
        handling(json!({"labels": ["tlp:unclear", "tlp:green"]}), &[]),
        (Tlp::AmberStrict, Pap::Amber)
    );
    let report = json!({"type": "report", "labels": ["PAP:RED"], "object_marking_refs": [RED]});
    assert_eq!(
        handling(json!({}), std::slice::from_ref(&report)),
        (Tlp::Red, Pap::Red)
    );
    assert_eq!(
        handling(json!({"object_marking_refs": [GREEN]}), &[report]),
        (Tlp::Green, Pap::Red)
    );
}

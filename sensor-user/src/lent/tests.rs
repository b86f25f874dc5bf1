use std::cell::Cell;

use super::*;
use crate::{
    hits::{Index, Indexes},
    markers::{read_text, rows},
};

/// Sixteen questions in as few bytes as can be: a name of 126 labels, and pointers to all of it, or to it
/// behind a label.
fn sixteen_questions() -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 16, 0, 0, 0, 0, 0, 0];
    message.extend(b"\x01a".repeat(126));
    message.extend([0, 0, 1, 0, 1]);
    for question in 0..15 {
        if question % 2 == 0 {
            message.extend([1, b'b']);
        }
        message.extend([0xc0, 12, 0, 1, 0, 1]);
    }
    message
}

#[test]
fn a_crafted_dns_message_costs_no_more_look_ups_than_its_names_may_be_markers() {
    let message = sixteen_questions();
    assert!(message.len() < 400);
    let text = "domain *.evil.example id=a\ndomain evil.example id=b\ndomain a.b.c.d id=c\n";
    let image = Image::new(rows(read_text(text).markers)).expect("no collision");
    let indexes = Indexes::of(Index::new(image.clone()));
    let mut lane = Lane::new(Budgets::default());
    lane.set_wants(Wants::of(&image));
    let packet = Packet {
        flow: FlowKey {
            proto: 17,
            ..FlowKey::default()
        },
        time: 1,
        bytes: 400,
        generation: 1,
        class: Class::Dns,
        part: Part::Either,
        sequence: 0,
        truncated: false,
        judged: false,
        payload: &message,
    };
    let mut found = Vec::new();
    lane.take(&packet, &mut found);
    // The long name, and it behind one label.
    assert_eq!(found.len(), 2);
    let hashed = Cell::new(0);
    for finding in &found {
        let ids = indexes.covering(&finding.what, |pattern| {
            hashed.set(hashed.get() + 1);
            canonical_id(pattern)
        });
        assert!(ids.is_empty());
    }
    // `*.a.a` of each: no pattern looks below one label or four, and none for a name of 126.
    assert_eq!(hashed.get(), 2);
}

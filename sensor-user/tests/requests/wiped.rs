//! What the subscriber system said is in no memory once it is encrypted.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
};

use sensor_user::{
    crypto::Zeroizing,
    legal::{answer::Answer, disclosure::Content},
    model::SubscriberSide,
};

/// A name that stands nowhere in clear, not even here.
const MASK: u8 = 0x5a;
const LENGTH: usize = 900;

fn masked(at: usize) -> u8 {
    (b'a' + (at * 7 % 26) as u8) ^ MASK
}

/// An answer as it comes from a pipe.
fn said() -> Zeroizing<Vec<u8>> {
    let (head, tail) = (
        &br#"{"identity":""#[..],
        &br#"","postal_address":null,"email":null}"#[..],
    );
    let mut said = Zeroizing::new(Vec::with_capacity(head.len() + LENGTH + tail.len()));
    said.extend_from_slice(head);
    said.extend((0..LENGTH).map(|at| masked(at) ^ MASK));
    said.extend_from_slice(tail);
    said
}

/// Whether 64 bytes of the name, from its middle, stand in what this process may write to.
fn is_in_memory() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").expect("maps");
    let memory = File::open("/proc/self/mem").expect("memory");
    let needle: Vec<u8> = (0..64).map(|at| masked(26 * 4 + at)).collect();
    let is_it = |window: &[u8]| {
        let mut pairs = window.iter().zip(&needle);
        pairs.all(|(byte, masked)| byte ^ MASK == *masked)
    };
    let mut block = Zeroizing::new(vec![0_u8; 1 << 20]);
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (range, _) = line.split_once(' ').expect("a range");
        let (from, until) = range.split_once('-').expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        let (mut from, until) = (number(from), number(until));
        while from < until {
            let wanted = usize::try_from(until - from).unwrap_or(usize::MAX);
            let room = block.len().min(wanted);
            // Gone meanwhile, by another test's thread.
            let Ok(read) = memory.read_at(&mut block[..room], from) else {
                break;
            };
            if read == 0 {
                break;
            }
            if block[..read].windows(needle.len()).any(is_it) {
                return true;
            }
            // What goes over the end of a block is seen by the one after it.
            from += (read.saturating_sub(needle.len())).max(1) as u64;
            if read < needle.len() * 2 {
                break;
            }
        }
    }
    false
}

#[test]
fn an_answer_is_in_no_memory_when_it_is_let_go() {
    let mut content = Content::default();
    for _ in 0..60 {
        let answer = Answer::read(&said()).expect("an answer");
        content.add_answer("event", SubscriberSide::Src, &answer);
    }
    assert_eq!(content.records(), 60);
    assert!(is_in_memory(), "it is found where it is");
    drop(content);
    assert!(!is_in_memory());
}

//! Files cut at every byte, and files with bytes changed at random.

use std::{io::Read, path::PathBuf};

use super::super::{
    Capture, Error,
    sample::{File, drain, ethernet, frames, ipv4, ipv6, read},
    window::WINDOW,
};

fn pcap() -> Vec<u8> {
    let frame = ethernet(0x0800, &ipv4());
    let wire = frame.len() as u32;
    File::pcap(true, true, 1)
        .record(1, 2, &frame, wire)
        .record(3, 4, &[], 0)
        .record(5, 6, &frame[..17], wire)
        .bytes
}

fn pcapng() -> Vec<u8> {
    let wire = ipv6().len() as u32;
    File::pcapng(false)
        .interface(101, 0, &[(9, &[9]), (14, &[0; 8])])
        .enhanced(0, 77, &ipv6(), wire)
        .block(0x0bad, &[1; 30])
        .simple(&ipv6(), wire)
        .section(true)
        .interface(113, 65_535, &[])
        .packet(0, 78, &ipv4(), 64)
        .bytes
}

#[test]
fn a_cut_file_gives_its_whole_frames_then_ends_or_says_so() {
    for file in [pcap(), pcapng()] {
        let whole = frames(&file);
        for end in 0..file.len() {
            let (found, error) = read(&file[..end]);
            assert_eq!(found, whole[..found.len()], "cut at {end}");
            match error {
                None => assert!(found.len() < whole.len(), "cut at {end}"),
                Some(Error::Cut { frame, offset, .. }) => {
                    assert_eq!(frame, found.len() as u64, "cut at {end}");
                    assert!(offset <= end as u64, "cut at {end}");
                }
                Some(Error::Empty { .. } | Error::NotCapture { .. }) => {
                    assert!(end < 4, "cut at {end}");
                }
                Some(other) => panic!("cut at {end}: {other}"),
            }
        }
    }
}

#[test]
fn a_packet_cut_in_the_middle_is_told_apart_from_an_end() {
    let file = pcap();
    let (found, error) = read(&file[..file.len() - 1]);
    assert_eq!(found.len(), 2);
    let last = (file.len() - 16 - 17) as u64;
    assert!(
        matches!(error, Some(Error::Cut { frame: 2, offset, .. }) if offset == last),
        "{error:?}"
    );
}

#[test]
fn nothing_is_read_after_an_error() {
    let mut file = pcap();
    file.truncate(file.len() - 1);
    let reader = std::io::Cursor::new(file);
    let mut capture = Capture::read(PathBuf::from("cut"), Box::new(reader), None).unwrap();
    assert!(drain(&mut capture).1.is_some());
    assert!(matches!(capture.next_frame(), Ok(None)));
}

/// Marsaglia's xorshift64, with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn changed_bytes_never_panic_and_never_make_more_than_the_file() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let interesting = [0, 1, 0x7f, 0x80, 0xff];
    for file in [pcap(), pcapng()] {
        for _ in 0..10_000 {
            let mut changed = file.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(changed.len());
                changed[at] = match random.below(3) {
                    0 => interesting[random.below(interesting.len())],
                    1 => changed[at] ^ 1 << random.below(8),
                    _ => random.below(256) as u8,
                };
            }
            changed.truncate(changed.len() - random.below(3));
            let (found, _) = read(&changed);
            // A record has at least 16 bytes of its own; a synthetic header adds 14.
            let bytes: usize = found.iter().map(|frame| frame.data.len()).sum();
            assert!(bytes <= changed.len() + 14 * found.len());
            assert!(found.len() * 16 <= changed.len());
        }
    }
}

/// Hands out one packet over and over, in reads of awkward sizes.
struct Endless {
    header: Vec<u8>,
    record: Vec<u8>,
    given: usize,
    left: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let source = match self.given.checked_sub(self.header.len()) {
            None => &self.header[self.given..],
            Some(at) => &self.record[at % self.record.len()..],
        };
        let count = source.len().min(buffer.len()).min(self.left);
        buffer[..count].copy_from_slice(&source[..count]);
        self.given += count;
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn a_long_file_goes_through_one_window() {
    let frame = ethernet(0x0800, &[7; 1_483]);
    let header = File::pcap(false, false, 1).bytes;
    let record = File::pcap(false, false, 1)
        .record(1, 2, &frame, frame.len() as u32)
        .bytes
        .split_off(header.len());
    let count = 8 * WINDOW / record.len();
    let endless = Endless {
        left: header.len() + count * record.len(),
        header,
        record,
        given: 0,
    };
    let mut capture = Capture::read(PathBuf::from("long"), Box::new(endless), None).unwrap();
    let mut found = 0;
    while let Some(read) = capture.next_frame().unwrap() {
        assert_eq!(read.data, frame);
        found += 1;
    }
    assert_eq!(found, count);
    assert_eq!(capture.window.size(), WINDOW);
}

//! Both formats from their first to their last byte, whole, cut and mutated.

mod damage;
mod tshark;

use super::{
    sample::{File, OnDisk, drain, ethernet, frames, ipv4, ipv6},
    *,
};

const SECOND: u64 = 1_000_000_000;

#[test]
fn pcap_in_both_byte_orders_and_resolutions() {
    let frame = ethernet(0x0800, &ipv4());
    for (big_endian, nanoseconds) in [(false, false), (false, true), (true, false), (true, true)] {
        let file = File::pcap(big_endian, nanoseconds, 1)
            .record(1_700_000_000, 123_456, &frame, 1400)
            .record(u32::MAX, 999_999, &frame[..10], 1400);
        let found = frames(&file.bytes);
        let unit = if nanoseconds { 1 } else { 1_000 };
        assert_eq!(found[0].time, 1_700_000_000 * SECOND + 123_456 * unit);
        assert_eq!((&found[0].data, found[0].wire_len), (&frame, 1400));
        assert_eq!(found[1].time, u64::from(u32::MAX) * SECOND + 999_999 * unit);
        assert_eq!((found[1].data.len(), found[1].interface), (10, 0));
    }
}

#[test]
fn frame_check_sequences_are_stripped() {
    let frame = ethernet(0x0800, &ipv4());
    let mut with_fcs = frame.clone();
    with_fcs.extend([1, 2, 3, 4]);
    let wire = with_fcs.len() as u32;
    // Two 16-bit words, and the bit that says so.
    let file = File::pcap(false, false, 0x2400_0001)
        .record(1, 0, &with_fcs, wire)
        .record(2, 0, &with_fcs[..wire as usize - 3], wire)
        .record(3, 0, &frame[..20], wire)
        .record(4, 0, &[1, 2], 2);
    let found = frames(&file.bytes);
    assert_eq!((&found[0].data, found[0].wire_len), (&frame, wire - 4));
    assert_eq!((&found[1].data, found[1].wire_len), (&frame, wire - 4));
    assert_eq!((found[2].data.len(), found[2].wire_len), (20, wire - 4));
    assert_eq!((found[3].data.len(), found[3].wire_len), (0, 0));
    // The bits mean nothing without the one that says so.
    let file = File::pcap(true, false, 0x2000_0001).record(1, 0, &with_fcs, wire);
    assert_eq!(frames(&file.bytes)[0].data, with_fcs);
    for length in [4, 32] {
        let file = File::pcapng(false)
            .interface(1, 0, &[(13, &[length])])
            .enhanced(0, 0, &with_fcs, wire);
        assert_eq!(frames(&file.bytes)[0].data, frame);
    }
}

#[test]
fn pcapng_with_sections_interfaces_and_every_packet_block() {
    let frame = ethernet(0x86dd, &ipv6());
    let wire = frame.len() as u32;
    let raw = ipv4();
    for big_endian in [false, true] {
        let offset = if big_endian {
            (-3_600_i64).to_be_bytes()
        } else {
            (-3_600_i64).to_le_bytes()
        };
        let file = File::pcapng(big_endian)
            .interface(1, 96, &[(2, b"eth0"), (9, &[9])])
            .interface(101, 0, &[(9, &[0x80 | 10]), (14, &offset)])
            .enhanced(0, 1_700_000_000_000_000_001, &frame, wire)
            .block(0x0bad, &[7; 33])
            .enhanced(1, 1_700_000_000 * 1024 + 512, &raw, 2000)
            .simple(&frame, wire)
            .packet(1, 1024 * 7_200, &raw, raw.len() as u32)
            .section(!big_endian)
            .interface(228, 0, &[])
            .enhanced(0, 5_000_001, &raw, raw.len() as u32);
        let found = frames(&file.bytes);
        let times: Vec<u64> = found.iter().map(|frame| frame.time).collect();
        let second = (1_700_000_000 - 3_600) * SECOND + SECOND / 2;
        assert_eq!(
            times,
            [
                1_700_000_000_000_000_001,
                second,
                second,
                3_600 * SECOND,
                5_000_001_000
            ]
        );
        let interfaces: Vec<u32> = found.iter().map(|frame| frame.interface).collect();
        assert_eq!(interfaces, [0, 1, 0, 1, 2]);
        assert_eq!((&found[0].data, &found[2].data), (&frame, &frame));
        assert_eq!(found[1].wire_len, 2014);
        for index in [1, 3, 4] {
            assert_eq!(found[index].data[..14], link::header(0x0800));
            assert_eq!(found[index].data[14..], raw);
        }
    }
}

#[test]
fn simple_packets_end_at_the_snap_length() {
    let frame = ethernet(0x0800, &ipv4());
    let file = File::pcapng(false)
        .interface(1, 21, &[])
        .simple(&frame[..21], frame.len() as u32);
    let found = frames(&file.bytes);
    assert_eq!(found[0].data, frame[..21]);
    assert_eq!((found[0].wire_len, found[0].time), (frame.len() as u32, 0));
}

#[test]
fn refused_lengths_and_link_types_say_where() {
    let data = [0; 60];
    let whole = File::pcap(false, false, 1).record(1, 0, &data, 60);
    let (found, error) = sample::read(&whole.record(2, 0, &data, 59).bytes);
    assert_eq!(found.len(), 1);
    assert!(matches!(
        error,
        Some(Error::FrameLength {
            frame: 1,
            offset: 100,
            captured: 60,
            wire: 59,
            ..
        })
    ));
    let huge = File::pcap(true, false, 1).raw(&[1, 0, MAX_FRAME + 1, u32::MAX]);
    assert!(matches!(
        sample::read(&huge.bytes).1,
        Some(Error::FrameLength { offset: 24, .. })
    ));
    // Raised at the frame, not at the description of an interface that may carry none.
    let file = File::pcapng(false)
        .interface(1, 0, &[])
        .interface(147, 0, &[])
        .enhanced(0, 0, &data, 60)
        .enhanced(1, 0, &data, 60);
    let (found, error) = sample::read(&file.bytes);
    assert_eq!(found.len(), 1);
    let error = error.unwrap();
    assert!(matches!(
        error,
        Error::LinkType {
            number: 147,
            frame: 1,
            offset: 160,
            ..
        }
    ));
    let said = error.to_string();
    assert!(said.contains("sample") && said.contains("147") && said.contains(link::SUPPORTED));
}

#[test]
fn blocks_that_lie_are_errors() {
    let start = || File::pcapng(false).interface(1, 0, &[]);
    let error = |file: File| sample::read(&file.bytes).1.unwrap();
    for length in [0, 8, 13, pcapng::MAX_BLOCK + 4, u32::MAX - 3] {
        let lie = start().raw(&[0x1234, length, 0, 0]);
        assert!(
            matches!(error(lie), Error::BlockLength { offset: 48, length: said, .. } if said == length)
        );
    }
    // A packet block that would not fit in the window, though the file is as long as it says.
    let packet = start().block(6, &vec![0; window::WINDOW]);
    assert!(matches!(error(packet), Error::BlockLength { .. }));
    let trailer = start().raw(&[0x1234, 16, 0, 20]);
    assert!(matches!(
        error(trailer),
        Error::Malformed { offset: 48, .. }
    ));
    let unknown = start().enhanced(1, 0, &[0; 20], 20);
    assert!(matches!(
        error(unknown),
        Error::Interface { interface: 1, .. }
    ));
    let none = File::pcapng(true).simple(&[0; 20], 20);
    assert!(matches!(error(none), Error::Interface { interface: 0, .. }));
    // 100 captured bytes in a block of 52.
    let over = start().raw(&[6, 52, 0, 0, 0, 100, 100, 0, 0, 0, 0, 0, 52]);
    assert!(matches!(error(over), Error::Malformed { .. }));
    let simple = start().raw(&[3, 20, 100, 0, 20]);
    assert!(matches!(error(simple), Error::Malformed { .. }));
    let old = start().raw(&[2, 40, 0, 0, 0, 100, 100, 0, 0, 40]);
    assert!(matches!(error(old), Error::Malformed { .. }));
}

#[test]
fn what_is_no_capture_is_said_at_open() {
    let open = |bytes: &[u8]| Capture::open(OnDisk::new(bytes).path()).err().unwrap();
    assert!(matches!(open(b""), Error::Empty { .. }));
    assert!(matches!(
        open(b"an ordinary text file, longer than a header"),
        Error::NotCapture { .. }
    ));
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    assert!(matches!(open(&gzip), Error::NotCapture { .. }));
    let header = File::pcap(false, false, 1).bytes;
    let cut = open(&header[..23]);
    assert!(matches!(
        cut,
        Error::Cut {
            frame: 0,
            offset: 0,
            ..
        }
    ));
    let absent = OnDisk::new(b"").path().to_owned();
    let error = Capture::open(&absent).err().unwrap();
    assert!(error.to_string().contains(&absent.display().to_string()));
}

#[test]
fn progress_ends_at_the_file_length() {
    let file = File::pcapng(false)
        .interface(1, 0, &[])
        .enhanced(0, 0, &[0; 60], 60)
        .block(0x0bad, &[0; 4096]);
    let disk = OnDisk::new(&file.bytes);
    let mut capture = Capture::open(disk.path()).unwrap();
    assert_eq!(capture.bytes_read(), 0);
    assert_eq!(drain(&mut capture).0.len(), 1);
    assert_eq!(Some(capture.bytes_read()), capture.file_len());
    assert_eq!(capture.file_len(), Some(file.bytes.len() as u64));
}

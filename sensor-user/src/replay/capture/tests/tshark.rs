//! The same files through Wireshark's reader, where it is installed.

use std::process::Command;

use super::super::{
    link::tests::packets,
    sample::{File, OnDisk, ethernet, frames, ipv4},
};

/// Rows of `tshark -T fields`, or nothing where tshark is absent.
fn tshark(file: &[u8], fields: &[&str]) -> Option<Vec<String>> {
    let disk = OnDisk::new(file);
    let mut command = Command::new("tshark");
    command.args([
        "-T",
        "fields",
        "-E",
        "separator=,",
        "-E",
        "aggregator= ",
        "-r",
    ]);
    command.arg(disk.path());
    for field in fields {
        command.args(["-e", field]);
    }
    let Ok(output) = command.output() else {
        println!("SKIP: tshark is not installed");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    let rows = String::from_utf8(output.stdout).unwrap();
    Some(rows.lines().map(str::to_owned).collect())
}

#[test]
fn times_and_lengths_are_those_of_tshark() {
    let frame = ethernet(0x0800, &ipv4());
    let mut file = File::pcapng(false)
        .interface(1, 0, &[(9, &[9])])
        .interface(1, 0, &[(9, &[0x80 | 20])])
        .interface(1, 0, &[(9, &[3]), (14, &1_000_i64.to_le_bytes())]);
    for step in 0..60_u64 {
        let ticks = match step % 3 {
            0 => 1_700_000_000_000_000_000 + step * 123_456_789,
            1 => (1_700_000_000 << 20) + step * 99_991,
            _ => 1_700_000_000_000 + step * 37,
        };
        let captured = frame.len() - step as usize % 20;
        let wire = frame.len() as u32 + step as u32;
        file = file.enhanced(step as u32 % 3, ticks, &frame[..captured], wire);
    }
    let found = frames(&file.bytes);
    assert_eq!(found.len(), 60);
    let fields = [
        "frame.time_epoch",
        "frame.cap_len",
        "frame.len",
        "frame.interface_id",
    ];
    let Some(rows) = tshark(&file.bytes, &fields) else {
        return;
    };
    let ours: Vec<String> = found
        .iter()
        .map(|frame| {
            let (seconds, rest) = (frame.time / 1_000_000_000, frame.time % 1_000_000_000);
            let (captured, wire) = (frame.data.len(), frame.wire_len);
            format!("{seconds}.{rest:09},{captured},{wire},{}", frame.interface)
        })
        .collect();
    assert_eq!(ours, rows);
}

/// What tshark sees behind each link type, it must see behind the header that we put there.
#[test]
fn synthetic_headers_lead_tshark_to_the_same_addresses() {
    let mut before = File::pcapng(false);
    let mut link_types = Vec::new();
    for (index, link_type) in [1, 12, 14, 101, 228, 229, 0, 108, 9, 113, 276]
        .into_iter()
        .enumerate()
    {
        before = before.interface(link_type, 0, &[]);
        for packet in packets(u32::from(link_type)) {
            before = before.enhanced(index as u32, 0, &packet, packet.len() as u32);
            link_types.push(link_type);
        }
    }
    let mut after = File::pcap(false, false, 1);
    for frame in frames(&before.bytes) {
        after = after.record(1, 0, &frame.data, frame.wire_len);
    }
    let fields = ["ip.addr", "ipv6.addr"];
    let (Some(theirs), Some(ours)) = (
        tshark(&before.bytes, &fields),
        tshark(&after.bytes, &fields),
    ) else {
        return;
    };
    assert_eq!(
        (theirs.len(), ours.len()),
        (link_types.len(), link_types.len())
    );
    for (index, link_type) in link_types.iter().enumerate() {
        assert_eq!(
            theirs[index], ours[index],
            "link type {link_type}, frame {index}"
        );
    }
    let with_addresses = theirs.iter().filter(|row| row.len() > 1).count();
    assert!(with_addresses > link_types.len() / 3);
}

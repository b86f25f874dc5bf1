use super::*;
use crate::crypto::{hex, unhex};

/// The client's frames of RFC 9001 §A.2 and RFC 9369 §A.2, without their padding.
const FRAMES: &str = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a\
    2b69484c00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0\
    0170018001000070005\
    04616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15\
    d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400100\
    3900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806\
    048000ffff";
const DESTINATION: &str = "8394c8f03e515708";

fn bytes(text: &str) -> Vec<u8> {
    unhex(text).expect("hexadecimal")
}

/// A client's Initial packet that is padded to 1200 bytes.
pub fn initial(
    version: Version,
    destination: &[u8],
    keys_of: &[u8],
    number: u32,
    frames: &[u8],
) -> Vec<u8> {
    let (first, version_number) = match version {
        Version::V1 => (0xc3, 1_u32),
        Version::V2 => (0xd3, 0x6b33_43cf),
        Version::Draft29 => (0xc3, 0xff00_001d),
        Version::Draft23 => (0xc3, 0xface_b002),
        Version::Draft22 => (0xc3, 0xff00_0016),
        Version::T050 => (0xc3, u32::from_be_bytes(*b"T050")),
        Version::T051 => (0xc3, u32::from_be_bytes(*b"T051")),
    };
    let mut header = vec![first];
    header.extend(version_number.to_be_bytes());
    header.push(u8::try_from(destination.len()).expect("short"));
    header.extend(destination);
    let length = 1200 - header.len() - 4;
    header.extend([
        0,
        0,
        0x40 | u8::try_from(length >> 8).expect("short"),
        length as u8,
    ]);
    header.extend(number.to_be_bytes());
    let mut payload = frames.to_vec();
    payload.resize(length - 4 - TAG, 0);
    version.keys(keys_of).protect(number, &header, &payload)
}

/// A CRYPTO frame.
pub fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let number = |value: usize| {
        let value = u16::try_from(value).expect("short") | 0x4000;
        value.to_be_bytes()
    };
    [&[6], &number(offset)[..], &number(data.len()), data].concat()
}

/// RFC 9001 §A.2 and RFC 9369 §A.2: the packets themselves, first and last bytes; the last sixteen
/// authenticate all others.
#[test]
fn the_packets_of_the_specifications_are_made_and_opened() {
    for (version, begin, end) in [
        (
            Version::V1,
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11",
            "e221af44860018ab0856972e194cd934",
        ),
        (
            Version::V2,
            "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485",
            "a18b2faa745b6fe189cf772a9f84cbfc",
        ),
    ] {
        let (destination, frames) = (bytes(DESTINATION), bytes(FRAMES));
        let packet = initial(version, &destination, &destination, 2, &frames);
        assert_eq!(
            (hex(&packet[..32]), hex(&packet[1184..])),
            (begin.into(), end.into())
        );
        let found: Vec<Initial<'_>> = initials(&packet).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].version, found[0].destination),
            (version, &destination[..])
        );
        let opened = found[0]
            .open(&version.keys(&destination))
            .expect("authentic");
        assert!(opened.starts_with(&frames));
        let mut crypto = crypto_frames(Version::V1, &opened);
        let (offset, hello) = crypto.next().expect("a frame");
        assert_eq!((offset, hello.len(), crypto.next()), (0, 241, None));
        let hello = crate::inspect::tls::hello(hello).expect("a hello");
        let name = crate::model::Name::of_text(b"example.com");
        assert_eq!(hello.server_name, name);
        assert!(found[0].open(&version.keys(b"other")).is_none());
    }
}

/// RFC 9001 §A.3 and §A.4: what a server sends holds no Initial of a client that opens.
#[test]
fn a_retry_ends_a_datagram_and_coalesced_packets_do_not() {
    let retry = bytes("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
    assert_eq!(initials(&retry).count(), 0);
    let negotiation = bytes("ff00000000088394c8f03e5157080000000001");
    assert_eq!(initials(&negotiation).count(), 0);
    let one = initial(Version::V1, b"one", b"one", 0, &[1]);
    // Handshake, which stands in between.
    let handshake = [&[0xe0, 0, 0, 0, 1, 0, 0, 2][..], &[7, 7]].concat();
    let both = [&one[..], &handshake, &one, &[0x40; 30]].concat();
    assert_eq!(initials(&both).count(), 2);
    assert_eq!(initials(&one[..1199]).count(), 0);
    assert!(initials(&one).all(|initial| initial.is_whole()));
}

#[test]
fn frames_are_read_until_one_that_cannot_be() {
    let acknowledged = [3, 5, 0, 1, 0, 0, 0, 1, 2, 3];
    let frames = [
        &[0, 1][..],
        &acknowledged,
        &crypto(7, b"abc"),
        &[0],
        &crypto(0, b"x"),
    ]
    .concat();
    let found: Vec<_> = crypto_frames(Version::V1, &frames).collect();
    assert_eq!(found, [(7, &b"abc"[..]), (0, b"x")]);
    for cut in 0..frames.len() {
        assert!(crypto_frames(Version::V1, &frames[..cut]).count() <= 2);
    }
    assert_eq!(
        crypto_frames(Version::V1, &[&[0x1c][..], &crypto(0, b"x")].concat()).count(),
        0
    );
    let of_google = [&[7, 8, 5, 3][..], b"abc", &[0, 0, 8, 0, 1, b'x']].concat();
    let found: Vec<_> = crypto_frames(Version::T050, &of_google).collect();
    assert_eq!(found, [(5, &b"abc"[..]), (0, b"x")]);
    let endless = [2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
    assert_eq!(crypto_frames(Version::V1, &endless).count(), 0);
}

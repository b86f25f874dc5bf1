//! Young TCP connections: so that the segments of a ClientHello that does not fit one are known, also
//! those that come before the first.

use aya_ebpf::{btf_maps::Array, macros::btf_map};
use sensor_common::{FLOW_WORDS, YOUNG_PLACES, Young};

use crate::{
    common::{Shared, common},
    emit, lane, maps,
    name_keys::name_key,
};

#[btf_map]
static YOUNG: Array<Young, { YOUNG_PLACES as usize }> = Array::new();

/// Segments of one connection that are lent: some clients send their hello in many small ones.
const SEGMENTS: u32 = 64;
/// How far behind its first byte a connection is young.
pub const REACH: u32 = 0x4000;
/// How long it is, in steps of 2^20 ns: ten seconds.
const AGE: u32 = 9_537;

/// What a connection was seen to begin with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// Only its SYN was seen.
    Not,
    Tls,
    Http,
    /// A DNS message that goes on.
    Dns,
}

const _: () = assert!(YOUNG_PLACES == 1 << (64 - 50));

const NOT: u32 = 0;
const TLS: u32 = 1 << 8;
const HTTP: u32 = 2 << 8;
const DNS: u32 = 3 << 8;

/// Where a connection stands, and what tells it from others there.
#[inline(always)]
pub fn place(ends: [u64; 5]) -> (u32, u32) {
    let [src_high, src, dst_high, dst, ports] = ends;
    // One product, for which each segment with payload waits, of keyed factors: nobody aims at another's
    // place, or reads addresses from it. An IPv4 address is an upper half.
    let addresses = (src ^ dst >> 31).wrapping_add(src_high ^ dst_high << 1);
    let hash = addresses
        .wrapping_add(name_key(2))
        .wrapping_mul(ports.wrapping_add(name_key(3)));
    ((hash >> 50) as u32, (hash >> 18) as u32 | 1)
}

/// Of the packet set aside.
#[inline(always)]
fn place_of_sighting() -> Option<(u32, u32)> {
    let words = maps::sighting_words()?;
    // SAFETY: a map value.
    let [_, a, b, c, d, e, f]: [u64; FLOW_WORDS] = unsafe { *words };
    Some(place([a, b, c, d, ports(f) ^ e << 32]))
}

/// Of the last word of a flow's key its ports.
#[inline(always)]
const fn ports(word: u64) -> u64 {
    if cfg!(target_endian = "little") {
        word & 0xffff_ffff
    } else {
        word >> 32
    }
}

/// What `place` is given of ports and vantage.
#[inline(always)]
pub fn ends(ports: (u16, u16), vantage: u32) -> u64 {
    let ports = maps::pair(u32::from(ports.0), u32::from(ports.1), 16);
    ports ^ maps::pair(vantage, 0, 32) << 32
}

/// Whether a connection of this place and tag may be young; a look at one byte.
#[inline(always)]
pub fn may_be_young(common: Shared, (at, tag): (u32, u32)) -> bool {
    // SAFETY: a byte of a map value, which any CPU may write.
    unsafe { common.young_mark(at).read_volatile() == mark_of(tag) }
}

/// The byte of a tag that marks its place. It may be 0, as where there is none: such a connection is looked
/// at for nothing, one in 256.
#[inline(always)]
const fn mark_of(tag: u32) -> u8 {
    (tag >> 24) as u8
}

/// Notes that a connection begins at `sequence`, and with what, and where that ends at the latest.
#[inline(always)]
pub fn begin(sequence: u32, begun: Begun, end: u32) {
    let (Some((at, tag)), Some(steering)) = (place_of_sighting(), maps::steering()) else {
        return;
    };
    let Some(young) = YOUNG.get_ptr_mut(at) else {
        return;
    };
    let time = (emit::now(steering) >> 20) as u32;
    let kind = match begun {
        Begun::Not => NOT,
        Begun::Tls => TLS,
        Begun::Http => HTTP,
        Begun::Dns => DNS,
    };
    let end = if end < REACH { end } else { REACH };
    // SAFETY: a map value; who writes to it at the same time spoils one connection.
    unsafe {
        if (*young).tag != 0 && (*young).tag != tag && time.wrapping_sub((*young).time) < AGE {
            lane::count_displaced();
        }
        (*young).tag = tag;
        (*young).sequence = sequence;
        (*young).time = time;
        (*young).state = SEGMENTS | kind | end << 16;
        if let Some(common) = common() {
            *common.young_mark(at) = mark_of(tag);
        }
    }
}

/// Whether the connection of the packet set aside began with a hello or a head.
#[inline(always)]
pub fn began_with_other() -> bool {
    let Some((at, tag)) = place_of_sighting() else {
        return false;
    };
    YOUNG
        .get(at)
        .is_some_and(|young| young.tag == tag && matches!(young.state & 0xff00, TLS | HTTP))
}

/// A segment of a young connection.
pub struct Segment {
    /// How far it is behind the first byte.
    pub ahead: u32,
    pub begun: Begun,
    at: u32,
    young: *mut Young,
}

/// What is known of the packet's connection, when it is young and the segment near its beginning.
#[inline(always)]
pub fn segment(sequence: u32) -> Option<Segment> {
    let (at, tag) = place_of_sighting()?;
    let young = YOUNG.get_ptr_mut(at)?;
    // SAFETY: a map value.
    let Young {
        tag: held,
        sequence: first,
        time,
        state,
    } = unsafe { *young };
    if held != tag {
        return None;
    }
    let ahead = sequence.wrapping_sub(first);
    if ahead >= state >> 16 {
        if (REACH..u32::MAX - REACH).contains(&ahead) {
            forget(at, young);
        }
        return None;
    }
    let now = (emit::now(maps::steering()?) >> 20) as u32;
    if state & 0xff == 0 || now.wrapping_sub(time) > AGE {
        forget(at, young);
        return None;
    }
    let begun = match state & 0xff00 {
        TLS => Begun::Tls,
        HTTP => Begun::Http,
        DNS => Begun::Dns,
        _ => Begun::Not,
    };
    Some(Segment {
        ahead,
        begun,
        at,
        young,
    })
}

impl Segment {
    /// One of its segments is lent.
    #[inline(always)]
    pub fn spend(&self) {
        // SAFETY: a map value.
        unsafe {
            if (*self.young).state & 0xff != 0 {
                (*self.young).state -= 1;
            }
        }
    }

    /// It is decided.
    #[inline(always)]
    pub fn end(&self) {
        forget(self.at, self.young);
    }
}

/// Nobody asks any more.
#[inline(always)]
fn forget(at: u32, young: *mut Young) {
    // SAFETY: map values.
    unsafe {
        *young = Young {
            tag: 0,
            sequence: 0,
            time: 0,
            state: 0,
        };
        if let Some(common) = common() {
            *common.young_mark(at) = 0;
        }
    }
}

/// Forgets the connection of the packet set aside: what it began with is decided.
#[inline(always)]
pub fn decided() {
    if let Some((at, tag)) = place_of_sighting()
        && let Some(young) = YOUNG.get_ptr_mut(at)
        // SAFETY: a map value.
        && unsafe { (*young).tag } == tag
    {
        forget(at, young);
    }
}

//! This CPU's copy of a payload, and the label hashes of the name that is looked at.

use aya_ebpf::{btf_maps::PerCpuArray, helpers::bpf_xdp_load_bytes, macros::btf_map};
use sensor_common::{MOST_LABELS, SLOT_BYTES};

use crate::{flows::next, packet::Packet};

/// Label hashes that there is room for: a power of two.
const LABELS: usize = 128;
/// Payloads of at most so many bytes are copied word by word, most questions of DNS among them: the helper
/// takes as long as a dozen words.
const SHORT: usize = 64;
/// Behind the payload, so that eight bytes may be read from any place of it.
const SLACK: usize = 16;

const _: () = assert!(MOST_LABELS < LABELS && SLOT_BYTES.is_power_of_two());

#[repr(C)]
pub struct Scratch {
    /// What stands behind the last payload may be left from others, whose verdict was never reached.
    bytes: [u8; SLOT_BYTES + SLACK],
    labels: [u64; LABELS],
    /// Bytes of the payload that are here.
    pub copied: u32,
    /// Bytes of the payload.
    pub length: u32,
    /// Its sequence number; 0 without TCP.
    pub sequence: u32,
    reserved: u32,
    /// See [`Copied::unknown`].
    passed: [u64; 4],
}

#[btf_map]
static SCRATCH: PerCpuArray<Scratch, 1> = PerCpuArray::new();

/// A copied payload; reads wrap around at its end, so who reads asks for the length first.
#[derive(Clone, Copy)]
pub struct Copied(*mut Scratch);

#[inline(always)]
pub fn copied() -> Option<Copied> {
    SCRATCH.get_ptr_mut(0).map(Copied)
}

impl Copied {
    #[inline(always)]
    fn at(self, offset: u64) -> *const u8 {
        let bytes: *const u8 = self.0.cast();
        // SAFETY: within the copy, whatever the offset.
        unsafe { bytes.add(offset as usize & (SLOT_BYTES - 1)) }
    }

    /// The byte at `offset`.
    #[inline(always)]
    pub fn byte(self, offset: u64) -> u64 {
        // SAFETY: see `at`.
        u64::from(unsafe { *self.at(offset) })
    }

    /// Two bytes in network order.
    #[inline(always)]
    pub fn pair(self, offset: u64) -> u64 {
        // SAFETY: see `at`, and there is slack. BPF loads need no alignment where the verifier accepts
        // this program.
        u64::from(u16::from_be(unsafe { *self.at(offset).cast() }))
    }

    /// Eight bytes, the first one in the lowest.
    #[inline(always)]
    pub fn eight(self, offset: u64) -> u64 {
        // SAFETY: as in `pair`.
        u64::from_le(unsafe { *self.at(offset).cast() })
    }

    /// The hash of a label.
    #[inline(always)]
    pub fn label(self, index: u64) -> u64 {
        // SAFETY: within the array, whatever the index.
        unsafe { (&raw const (*self.0).labels[index as usize & (LABELS - 1)]).read() }
    }

    #[inline(always)]
    pub fn set_label(self, index: u64, hash: u64) {
        // SAFETY: as above.
        unsafe { (&raw mut (*self.0).labels[index as usize & (LABELS - 1)]).write(hash) };
    }

    /// The same number, of which the verifier knows nothing any more: where it follows each value that a
    /// place in a payload may have, a loop never ends. Each variable has a number.
    #[inline(always)]
    pub fn unknown<const OF: usize>(self, number: u64) -> u64 {
        // SAFETY: a per-CPU value.
        unsafe {
            let passed = &raw mut (*self.0).passed[OF];
            passed.write_volatile(number);
            passed.read_volatile()
        }
    }

    /// The whole of it.
    #[inline(always)]
    pub fn head(self) -> &'static mut Scratch {
        // SAFETY: a per-CPU value; XDP programs do not nest on one CPU.
        unsafe { &mut *self.0 }
    }

    /// The eight bytes of a word of the payload, as they stand there.
    #[inline(always)]
    pub fn word(self, index: usize) -> u64 {
        let words: *const u64 = self.0.cast();
        // SAFETY: within the copy, whatever the index.
        unsafe { *words.add(index & (SLOT_BYTES / 8 - 1)) }
    }
}

/// Copies up to `most` of `length` bytes from `offset` on; false when the frame is shorter.
#[inline(always)]
pub fn copy<const F: bool>(
    packet: &Packet<'_, F>,
    offset: u32,
    length: u32,
    most: u32,
    sequence: u32,
) -> bool {
    let Some(Copied(scratch)) = copied() else {
        return false;
    };
    let count = if length < most { length } else { most };
    // SAFETY: a per-CPU value. First what is to be forgotten, should the frame be shorter.
    unsafe {
        (*scratch).copied = count;
        (*scratch).length = length;
        (*scratch).sequence = sequence;
    }
    load(packet, offset, count, scratch.cast())
}

/// Zeroes the copy and so many label hashes: the packet is decided.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn forget_copied(labels: u32) -> u32 {
    let Some(Copied(scratch)) = copied() else {
        return 0;
    };
    // SAFETY: a per-CPU value, and within it.
    unsafe {
        let copied = (*scratch).copied;
        wipe::<{ SLOT_BYTES / WIPED }>(scratch.cast(), copied.div_ceil(WIPED as u32));
        let hashes = (&raw mut (*scratch).labels).cast();
        wipe::<{ LABELS * 8 / WIPED }>(hashes, labels.div_ceil(WIPED as u32 / 8));
        (*scratch).copied = 0;
        (*scratch).length = 0;
        (*scratch).sequence = 0;
        for at in 0..4 {
            (&raw mut (*scratch).passed[at]).write_volatile(0);
        }
    }
    1
}

/// Bytes that are zeroed in one turn: a turn for each word would take longer than the copy.
const WIPED: usize = 64;

/// Zeroes so many times [`WIPED`] bytes, of at most `MOST` times.
///
/// # Safety
/// There is room for the most.
#[inline(always)]
unsafe fn wipe<const MOST: usize>(words: *mut u64, turns: u32) {
    let mut at = 0;
    while at < MOST {
        if at as u32 >= turns {
            break;
        }
        for word in 0..WIPED / 8 {
            // SAFETY: as the caller says.
            unsafe { words.add(at * (WIPED / 8) + word).write_volatile(0) };
        }
        at = next(at);
    }
}

/// Copies `count` bytes, at most [`SLOT_BYTES`], to a map value that has [`SLOT_BYTES`] of room behind
/// `to`, which is its beginning or a multiple of eight bytes behind it.
#[inline(always)]
pub fn load<const F: bool>(packet: &Packet<'_, F>, offset: u32, count: u32, to: *mut u64) -> bool {
    let count = bounded(u64::from(count));
    if count == 0 {
        return true;
    }
    let near = Packet::<false>::from_raw(packet.raw());
    if F {
        if count <= SHORT as u64 && by_words::<{ SHORT / 8 }>(&near, offset, count, to) {
            return true;
        }
        // SAFETY: there is room for `count` bytes, as the verifier checks.
        return unsafe { bpf_xdp_load_bytes(packet.raw(), offset, to.cast(), count as u32) == 0 };
    }
    by_words::<{ SLOT_BYTES / 8 }>(&near, offset, count, to)
}

/// The same of at most so many words, and not through the helper.
#[inline(always)]
fn by_words<const MOST: usize>(
    packet: &Packet<'_, false>,
    offset: u32,
    count: u64,
    to: *mut u64,
) -> bool {
    let mut at = 0;
    while at < MOST {
        let from = at as u64 * 8;
        if from + 8 > count {
            break;
        }
        let Some(word) = packet.read::<u64>(offset + from as u32) else {
            return false;
        };
        // SAFETY: within the room.
        unsafe { *to.add(at) = word };
        at = next(at);
    }
    // The last eight bytes once more: before any payload there are headers.
    let Some(word) = packet.read::<u64>((offset + count as u32).wrapping_sub(8)) else {
        return false;
    };
    if count < 8 {
        let before = ((8 - count) * 8) & 63;
        // SAFETY: the first word of the room.
        unsafe { *to = (u64::from_le(word) >> before).to_le() };
    } else {
        let to: *mut u8 = to.cast();
        // SAFETY: within the room. BPF stores need no alignment where the verifier accepts this program.
        unsafe { *to.add((count as usize - 8) & (SLOT_BYTES - 1)).cast() = word };
    }
    true
}

/// At most [`SLOT_BYTES`], in a form that the verifier follows.
#[inline(always)]
fn bounded(count: u64) -> u64 {
    let mut count = count;
    // SAFETY: a comparison and moves.
    unsafe {
        core::arch::asm!(
            "if {0} s< 0 goto +1",
            "if {0} s<= {most} goto +1",
            "{0} = {most}",
            inout(reg) count,
            most = const SLOT_BYTES,
            options(pure, nomem, nostack)
        );
    }
    count
}

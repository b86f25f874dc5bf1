//! Programs of the benches: never shipped, never attached where the benches did not make the wire.
//!
//! `vary` writes addresses into the packet it was given (BPF_PROG_TEST_RUN's own copy), then jumps
//! to the program under measurement. The two pairs are what somebody writes who has not heard of a
//! prefilter: a lookup of the source, a lookup of the destination, a counter.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action,
    btf_maps::{Array, HashMap, LpmTrie, PerCpuArray, ProgramArray, lpm_trie::Key},
    macros::{btf_map, xdp},
    programs::XdpContext,
};

/// How `vary` writes addresses; the agent writes it as plain words.
#[repr(C)]
struct Plan {
    /// Of the xorshift generator; not zero.
    random: u64,
    /// 0: the packet stays as it is.
    vary: u64,
    /// Of 2^32 packets, so many get an address of `PICKS`.
    threshold: u64,
    /// Entries of `PICKS` in use.
    picks: u64,
    /// 1: only the destination comes from `PICKS`, source and ports are random.
    free: u64,
    /// Packets that got an address of `PICKS`.
    picked: u64,
    /// What random IPv4 words are masked with, and what is set in them (host order).
    keep4: u64,
    set4: u64,
    /// The same for the four words of IPv6 addresses.
    keep6: [u64; 4],
    set6: [u64; 4],
}

/// Source, destination, both ports, as they stand in the packet; IPv4 in the first words.
type Pick = [u32; 9];

#[btf_map]
static PLAN: Array<Plan, 1> = Array::new();
#[btf_map]
static PICKS: Array<Pick, 1024> = Array::new();
#[btf_map]
static TARGET: ProgramArray<1> = ProgramArray::new();
/// For targets without frags: one array cannot hold both kinds.
#[btf_map]
static TARGET_LINEAR: ProgramArray<1> = ProgramArray::new();

/// Sized by the agent, as the maps of the sensor are.
const SIZED_AT_LOAD: usize = 1;

#[btf_map]
static HASH4: HashMap<u32, u32, SIZED_AT_LOAD> = HashMap::new();
#[btf_map]
static HASH6: HashMap<[u32; 4], u32, SIZED_AT_LOAD> = HashMap::new();
#[btf_map]
static TRIE4: LpmTrie<u32, u32, SIZED_AT_LOAD> = LpmTrie::new();
#[btf_map]
static TRIE6: LpmTrie<[u32; 4], u32, SIZED_AT_LOAD> = LpmTrie::new();
/// Packets and bytes of what did not match and of what did.
#[btf_map]
static SEEN: PerCpuArray<[u64; 2], 2> = PerCpuArray::new();

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// The cheapest program there is.
#[xdp(frags)]
pub fn empty(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// The same for frames of one buffer.
#[xdp]
pub fn empty_linear(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// Writes addresses, then runs the target.
#[xdp(frags)]
pub fn vary(ctx: XdpContext) -> u32 {
    write_addresses(&ctx);
    // SAFETY: the bench fills the slot before it runs this program.
    unsafe { TARGET.tail_call(&ctx, 0) };
    xdp_action::XDP_PASS
}

/// The same for targets without frags.
#[xdp]
pub fn vary_linear(ctx: XdpContext) -> u32 {
    write_addresses(&ctx);
    // SAFETY: as in `vary`.
    unsafe { TARGET_LINEAR.tail_call(&ctx, 0) };
    xdp_action::XDP_PASS
}

#[inline(always)]
fn write_addresses(ctx: &XdpContext) {
    let Some(plan) = PLAN.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: a map value; the bench runs on one CPU.
    let plan = unsafe { &mut *plan };
    if plan.vary == 0 {
        return;
    }
    match read::<u16>(ctx, 12).map(u16::from_be) {
        Some(IPV4) => write::<1>(ctx, plan, 26, &[plan.keep4], &[plan.set4]),
        Some(IPV6) => {
            let (keep, set) = (plan.keep6, plan.set6);
            write::<4>(ctx, plan, 22, &keep, &set);
        }
        _ => {}
    }
}

/// Addresses of so many words from offset `at` on, the ports behind them.
#[inline(always)]
fn write<const WORDS: usize>(
    ctx: &XdpContext,
    plan: &mut Plan,
    at: usize,
    keep: &[u64; WORDS],
    set: &[u64; WORDS],
) {
    let (src, dst, ports) = (at, at + WORDS * 4, at + WORDS * 8);
    let mut random = plan.random;
    let chosen = next(&mut random);
    let pick = if u64::from(chosen) < plan.threshold {
        plan.picked += 1;
        let index = (u64::from(next(&mut random)) * plan.picks) >> 32;
        PICKS.get(index as u32)
    } else {
        None
    };
    for word in 0..WORDS {
        let free = |random: u32| (random & keep[word] as u32 | set[word] as u32).to_be();
        let (mut from, mut to) = (free(next(&mut random)), free(next(&mut random)));
        if let Some(pick) = pick {
            to = pick[4 + word];
            if plan.free == 0 {
                from = pick[word];
            }
        }
        put(ctx, src + word * 4, from);
        put(ctx, dst + word * 4, to);
    }
    if let Some(pick) = pick {
        let both = next(&mut random);
        put(ctx, ports, if plan.free == 0 { pick[8] } else { both });
    }
    plan.random = random;
}

/// Marsaglia's xorshift of 64 bits, of which the upper half is used.
#[inline(always)]
fn next(state: &mut u64) -> u32 {
    let mut word = *state;
    word ^= word << 13;
    word ^= word >> 7;
    word ^= word << 17;
    *state = word;
    (word >> 32) as u32
}

/// Two hash lookups.
#[xdp(frags)]
pub fn hash_pair(ctx: XdpContext) -> u32 {
    match read::<u16>(&ctx, 12).map(u16::from_be) {
        Some(IPV4) => {
            if let Some([src, dst]) = read::<[u32; 2]>(&ctx, 26) {
                // SAFETY: nothing removes entries while the bench runs.
                let (src, dst) = unsafe { (HASH4.get(src), HASH4.get(dst)) };
                count(&ctx, value(src) | value(dst) != 0);
            }
        }
        Some(IPV6) => {
            if let Some([src, dst]) = read::<[[u32; 4]; 2]>(&ctx, 22) {
                // SAFETY: as above.
                let (src, dst) = unsafe { (HASH6.get(src), HASH6.get(dst)) };
                count(&ctx, value(src) | value(dst) != 0);
            }
        }
        _ => count(&ctx, false),
    }
    xdp_action::XDP_PASS
}

/// Two trie lookups.
#[xdp(frags)]
pub fn trie_pair(ctx: XdpContext) -> u32 {
    match read::<u16>(&ctx, 12).map(u16::from_be) {
        Some(IPV4) => {
            if let Some([src, dst]) = read::<[u32; 2]>(&ctx, 26) {
                let (src, dst) = ([32, src], [32, dst]);
                let (src, dst) = (TRIE4.get(key4(&src)), TRIE4.get(key4(&dst)));
                count(&ctx, value(src) | value(dst) != 0);
            }
        }
        Some(IPV6) => {
            if let Some([src, dst]) = read::<[[u32; 4]; 2]>(&ctx, 22) {
                let src = [128, src[0], src[1], src[2], src[3]];
                let dst = [128, dst[0], dst[1], dst[2], dst[3]];
                let (src, dst) = (TRIE6.get(key6(&src)), TRIE6.get(key6(&dst)));
                count(&ctx, value(src) | value(dst) != 0);
            }
        }
        _ => count(&ctx, false),
    }
    xdp_action::XDP_PASS
}

/// Both lookups are made whatever the first one finds; pointers cannot be combined, values can.
#[inline(always)]
fn value(found: Option<&u32>) -> u32 {
    found.copied().unwrap_or(0)
}

/// `Key` is packed: built in place it would be written byte by byte.
#[inline(always)]
fn key4(words: &[u32; 2]) -> &Key<u32> {
    // SAFETY: the same eight bytes, length first, and `Key` needs no alignment.
    unsafe { &*words.as_ptr().cast() }
}

#[inline(always)]
fn key6(words: &[u32; 5]) -> &Key<[u32; 4]> {
    // SAFETY: as above, twenty bytes.
    unsafe { &*words.as_ptr().cast() }
}

#[inline(always)]
fn count(ctx: &XdpContext, matched: bool) {
    if let Some(seen) = SEEN.get_ptr_mut(u32::from(matched)) {
        // SAFETY: a per-CPU value; XDP programs do not nest on one CPU.
        unsafe {
            (*seen)[0] += 1;
            (*seen)[1] += (ctx.data_end() - ctx.data()) as u64;
        }
    }
}

#[inline(always)]
fn read<T: Copy>(ctx: &XdpContext, offset: usize) -> Option<T> {
    let at = ctx.data() + offset;
    // SAFETY: within the bounds checked here; `T` is an integer or an array of them.
    (at + size_of::<T>() <= ctx.data_end()).then(|| unsafe { *(at as *const T) })
}

#[inline(always)]
fn put(ctx: &XdpContext, offset: usize, word: u32) {
    let at = ctx.data() + offset;
    if at + 4 <= ctx.data_end() {
        // SAFETY: within the bounds checked here.
        unsafe { *(at as *mut u32) = word };
    }
}

/// Never reached: see `main.rs`.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";

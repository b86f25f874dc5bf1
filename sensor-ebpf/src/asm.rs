//! What the compiler would make longer.

use core::arch::asm;

/// Whether a word has the bits of these numbers (see `Block::bits`), in the lowest bit. A shift heeds the
/// lowest six bits of its distance (RFC 9669 §4.1), which the compiler would make sure of.
#[inline(always)]
pub fn has_bits(word: u64, bits: u64) -> u64 {
    let mut word = word;
    // SAFETY: moves, shifts and masks.
    unsafe {
        asm!(
            "{bits} >>= 46",
            "{one} = {word}",
            "{one} >>= {bits}",
            "{bits} >>= 6",
            "{other} = {word}",
            "{other} >>= {bits}",
            "{one} &= {other}",
            "{bits} >>= 6",
            "{word} >>= {bits}",
            "{word} &= {one}",
            word = inout(reg) word,
            bits = inout(reg) bits => _,
            one = out(reg) _,
            other = out(reg) _,
            options(pure, nomem, nostack)
        );
    }
    word
}

/// The same number, hidden from the optimiser: it joins two comparisons into one branch otherwise, and computes what
/// somebody asks for there and not here.
#[inline(always)]
pub fn apart(mut number: u64) -> u64 {
    // SAFETY: a move to itself.
    unsafe { asm!("{0} = {0}", inout(reg) number, options(nomem, nostack)) };
    number
}

//! The secret of name hashes: read-only data of a generation.

use core::ptr;

use sensor_common::NameKeys;

#[unsafe(no_mangle)]
static NAME_KEYS: [u64; 4] = [0; 4];

/// Keys of the hash of names.
#[inline(always)]
pub fn name_keys() -> NameKeys {
    NameKeys([name_key(0), name_key(1), name_key(2), name_key(3)])
}

#[inline(always)]
pub fn name_key(at: usize) -> u64 {
    // SAFETY: in bounds; volatile, because the agent sets the value after compilation.
    unsafe { ptr::read_volatile(&raw const NAME_KEYS[at]) }
}

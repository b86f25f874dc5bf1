//! System calls that no safe library offers yet, so that the agent has no `unsafe` of its own.
#![deny(missing_docs)]

mod clock;
mod mapped;

pub use clock::is_synchronised;
pub use mapped::Mapped;

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::{Pod, maps::MapData};

/// `BPF_MAP_UPDATE_BATCH` of linux/bpf.h (5.6).
const MAP_UPDATE_BATCH: libc::c_long = 26;

/// `BPF_MAP_LOOKUP_ELEM` of linux/bpf.h.
const MAP_LOOKUP_ELEM: libc::c_long = 1;
/// `BPF_MAP_UPDATE_ELEM`.
const MAP_UPDATE_ELEM: libc::c_long = 2;

/// The part of `union bpf_attr` that commands on one element use.
#[repr(C)]
struct ElementAttr {
    map_fd: u32,
    reserved: u32,
    key: u64,
    value: u64,
    flags: u64,
}

const _: () = assert!(size_of::<ElementAttr>() == 32);

/// Writes an element of an array map whose values are as many words as there are; aya knows values
/// of a size that the compiler knows only.
///
/// # Errors
/// `InvalidInput` when the map holds values of another size; otherwise what the kernel says.
pub fn write_value(map: &MapData, index: u32, words: &[u64]) -> io::Result<()> {
    // SAFETY: the kernel only reads the value of an update.
    unsafe {
        element(
            MAP_UPDATE_ELEM,
            map,
            index,
            words.as_ptr() as u64,
            words.len(),
        )
    }
}

/// Reads one.
///
/// # Errors
/// As [`write_value`].
pub fn read_value(map: &MapData, index: u32, words: &mut [u64]) -> io::Result<()> {
    // SAFETY: the kernel writes as many bytes as are borrowed.
    unsafe {
        element(
            MAP_LOOKUP_ELEM,
            map,
            index,
            words.as_mut_ptr() as u64,
            words.len(),
        )
    }
}

/// # Safety
/// `value` points to `count` words, which may be written unless the command is an update.
unsafe fn element(
    command: libc::c_long,
    map: &MapData,
    index: u32,
    value: u64,
    count: usize,
) -> io::Result<()> {
    let info = map.info().map_err(io::Error::other)?;
    if info.value_size() as usize != count * size_of::<u64>() || info.key_size() != 4 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let attr = ElementAttr {
        map_fd: map.fd().as_fd().as_raw_fd().cast_unsigned(),
        reserved: 0,
        key: &raw const index as u64,
        value,
        flags: 0,
    };
    // SAFETY: the kernel reads a key of four bytes, and reads or writes `value_size` bytes, which
    // were compared with what the caller promises.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            &raw const attr,
            size_of::<ElementAttr>(),
        )
    };
    if outcome == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// The part of `union bpf_attr` that batch commands use.
#[repr(C)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

const _: () = assert!(size_of::<BatchAttr>() == 56);

/// Writes values to the elements of an array map from index `first` on, in one call.
///
/// # Errors
/// `InvalidInput` when `V` is not what the map holds; `InvalidInput` or `Unsupported` also on
/// kernels without the call: write one by one there. Otherwise what the kernel says; elements
/// before the one at fault may have been written.
pub fn update_array<V: Pod>(map: &MapData, first: u32, values: &[V]) -> io::Result<()> {
    let info = map.info().map_err(io::Error::other)?;
    if info.value_size() as usize != size_of::<V>() || info.key_size() != 4 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let count = u32::try_from(values.len()).map_err(io::Error::other)?;
    let keys: Vec<u32> = (first..).take(values.len()).collect();
    let attr = BatchAttr {
        in_batch: 0,
        out_batch: 0,
        keys: keys.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count,
        map_fd: map.fd().as_fd().as_raw_fd().cast_unsigned(),
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads `count` keys of four bytes and `count` values of `value_size`
    // bytes, which is the size of `V`; both slices live until the call returns, and `V` is plain
    // data. It writes `count` only, in our own copy of the attributes.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            MAP_UPDATE_BATCH,
            &raw const attr,
            size_of::<BatchAttr>(),
        )
    };
    if outcome == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // ENOTSUPP, which the kernel should not show to users but does here.
    if error.raw_os_error() == Some(524) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Err(error)
}

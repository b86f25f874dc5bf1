//! System calls that no safe library offers yet, so that the agent has no `unsafe` of its own.
#![deny(missing_docs)]

mod clock;

pub use clock::is_synchronised;

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::{Pod, maps::MapData};

/// `BPF_MAP_UPDATE_BATCH` of linux/bpf.h (5.6).
const MAP_UPDATE_BATCH: libc::c_long = 26;

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

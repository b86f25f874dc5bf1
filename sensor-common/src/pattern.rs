//! What is looked up, and what stands under it.

/// Key of an IPv4 pattern: an address (`prefix` 32, `port` and `proto` 0), a prefix (masked
/// address, its length) or an endpoint (address, port, protocol, `prefix` 32).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatternKey4 {
    /// Address as it stands in the packet (network byte order).
    pub address: u32,
    /// Port, host byte order; 0 where the pattern has none.
    pub port: u16,
    /// IP protocol number; 0 where the pattern has none.
    pub proto: u8,
    /// Prefix length, 0 to 32.
    pub prefix: u8,
}

/// Key of an IPv6 pattern; see [`PatternKey4`], with prefix lengths up to 128.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatternKey6 {
    /// Address as it stands in the packet, in four words.
    pub address: [u32; 4],
    /// Port, host byte order; 0 where the pattern has none.
    pub port: u16,
    /// IP protocol number; 0 where the pattern has none.
    pub proto: u8,
    /// Prefix length, 0 to 128.
    pub prefix: u8,
}

/// The value under a key: which pattern, and when it may match.
///
/// The deadline is the latest of the pattern's markers, in kernel time ([`crate::clock`]); the
/// agent applies each marker's own. So a pattern ends on time with the agent dead.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Pattern id: 64-bit hash of the canonical form, stable across generations.
    pub id: u64,
    /// First nanosecond at which the pattern matches.
    pub not_before: u64,
    /// First nanosecond at which it no longer does; `u64::MAX` for none.
    pub not_after: u64,
}

const _: () = assert!(size_of::<PatternKey4>() == 8 && align_of::<PatternKey4>() == 4);
const _: () = assert!(size_of::<PatternKey6>() == 20 && align_of::<PatternKey6>() == 4);
const _: () = assert!(size_of::<Pattern>() == 24 && align_of::<Pattern>() == 8);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers only, no padding (the sizes are asserted above).
    unsafe impl aya::Pod for super::PatternKey4 {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::PatternKey6 {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Pattern {}
}

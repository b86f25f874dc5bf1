//! What makes two flows one event.

use sensor_common::{Address, FlowKey};

/// A flow without its direction, in its realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct JoinKey {
    pub(super) pattern: u64,
    realm: u32,
    tunnel: u32,
    low: (Address, u16),
    high: (Address, u16),
    proto: u8,
    family: u8,
}

impl JoinKey {
    pub(super) fn new(key: &FlowKey, realm: u32) -> Self {
        let (src, dst) = ((key.src, key.src_port), (key.dst, key.dst_port));
        Self {
            pattern: key.pattern,
            realm,
            tunnel: key.tunnel,
            low: src.min(dst),
            high: src.max(dst),
            proto: key.proto,
            family: key.family,
        }
    }
}

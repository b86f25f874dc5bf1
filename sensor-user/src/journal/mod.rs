//! Placeholder replaced on merge.
/// Receipt.
pub struct Receipt(());

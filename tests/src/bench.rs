//! What the benches and their tests share: marker sets, the check that every program gives the same
//! answers, and statistics.

pub mod agreement;
pub mod bundle;
pub mod sets;
pub mod statistics;

//! `sensord replay` on real captures, counted by tshark as well.

#[path = "replay/counts.rs"]
mod counts;
#[expect(dead_code, reason = "its cases are the oracle's own test")]
#[path = "oracle_tshark/exception.rs"]
mod exception;
#[path = "replay/formats.rs"]
mod formats;
#[path = "replay/size.rs"]
mod size;
#[path = "replay/time.rs"]
mod time;

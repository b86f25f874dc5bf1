//! The agent of marker-sensor.
#![forbid(unsafe_code)]

pub mod clock;
pub mod crypto;
pub mod dataplane;
pub mod db;
pub mod hits;
pub mod journal;
pub mod markers;
pub mod model;

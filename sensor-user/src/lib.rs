//! The agent of marker-sensor.
#![forbid(unsafe_code)]

pub mod model;

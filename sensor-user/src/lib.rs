//! The agent of marker-sensor.
#![forbid(unsafe_code)]

pub mod agent;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod crypto;
pub mod dataplane;
pub mod db;
pub mod hits;
pub mod journal;
pub mod markers;
pub mod metrics;
pub mod model;
pub mod replay;

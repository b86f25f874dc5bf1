//! The door of the agent, from outside: a real socket, a small service in memory, raw bytes and
//! the real client.
#![forbid(unsafe_code)]

mod casework;
mod client;
mod description;
mod fixture;
mod lifecycle;
mod memory;
mod samples;
mod stream;
mod wire;

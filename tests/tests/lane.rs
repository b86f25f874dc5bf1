//! What is lent to the inspection lane, when, and where it ends: in the program alone, and on a running
//! daemon.

#[path = "lane/live.rs"]
mod live;
#[path = "lane/program.rs"]
mod program;
#[path = "lane/stalled.rs"]
mod stalled;
#[path = "lane/traces.rs"]
mod traces;

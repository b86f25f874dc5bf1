//! Bad input: a clear error each, and nothing changed.

#[path = "refusals/door.rs"]
mod door;
#[path = "refusals/offline.rs"]
mod offline;
#[path = "refusals/scene.rs"]
mod scene;
#[path = "refusals/start.rs"]
mod start;

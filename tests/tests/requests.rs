//! The authority's requests on a running sensor: the whole way, and an agent that dies on it.

#[path = "requests/crash.rs"]
mod crash;
#[path = "requests/scene.rs"]
mod scene;
#[path = "requests/way.rs"]
mod way;

//! The authority's requests on a running sensor: the whole way, and an agent that dies on it.

#[path = "requests/crash.rs"]
mod crash;
#[path = "requests/destruction.rs"]
mod destruction;
#[path = "requests/manifests.rs"]
mod manifests;
#[path = "requests/random.rs"]
mod random;
#[path = "requests/scene.rs"]
mod scene;
#[path = "requests/tampering.rs"]
mod tampering;
#[path = "requests/traffic.rs"]
mod traffic;
#[cfg(feature = "l851-1")]
#[path = "requests/type_c.rs"]
mod type_c;
#[path = "requests/way.rs"]
mod way;

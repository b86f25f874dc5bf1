//! The webhook against nginx, which asks for client certificates.

#[path = "webhook/answers.rs"]
mod answers;
#[path = "webhook/scene.rs"]
mod scene;
#[path = "webhook/trust.rs"]
mod trust;

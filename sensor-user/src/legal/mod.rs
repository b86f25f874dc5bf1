//! What the law asks before anything is watched: the declaration (L. 33-14 ¶1, R. 9-12-1 CPCE), the
//! gate that it opens, and whose markers may come into force. Pure.

mod facts;
mod gate;
mod render;

pub use facts::{digest, facts};
pub use gate::{Gate, Law, Objection, Shut};
pub use render::markdown;

//! What the law asks: the declaration before anything is watched (L. 33-14 ¶1, R. 9-12-1 CPCE), the
//! gate that it opens, whose markers may come into force; and the authority's requests: what they must
//! say, where they stand, what is answered. Pure.

pub mod answer;
pub mod costs;
pub mod disclosure;
mod facts;
mod gate;
pub mod notices;
mod render;
pub mod report;
pub mod requests;
pub mod stages;

pub use facts::{digest, facts};
pub use gate::{Gate, Law, Objection, Shut};
pub use render::markdown;
pub use stages::{Stage, Step};

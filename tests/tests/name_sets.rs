//! Sets of names, URLs and fingerprints: changed one by one, over one by one, flooding, and large.

#[path = "name_sets/edits.rs"]
mod edits;
#[path = "name_sets/floods.rs"]
mod floods;
#[path = "name_sets/large.rs"]
mod large;

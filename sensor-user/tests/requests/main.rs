//! The authority's requests, in process: the desk over real stores and a real journal.

mod adaptor;
mod approvals;
mod bound;
mod disclosures;
mod exports;
mod keys;
mod lost;
mod moment;
mod notices;
mod overseen;
mod property;
mod refusals;
mod samples;
mod scene;
#[cfg(feature = "l851-1")]
mod type_c;
mod wiped;

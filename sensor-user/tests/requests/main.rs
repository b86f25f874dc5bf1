//! The authority's requests, in process: the desk over real stores and a real journal.

mod adaptor;
mod approvals;
mod disclosures;
mod exports;
mod notices;
mod property;
mod refusals;
mod samples;
mod scene;
#[cfg(feature = "l851-1")]
mod type_c;
mod wiped;

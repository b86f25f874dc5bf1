//! The agent of marker-sensor: library of `sensord` and `sensorctl`.
//!
//! A layer imports only lower ones, siblings never each other (`cargo xtask tidy`): `bins > agent, cli,
//! replay > control > lent > {dataplane, envelope, events, hits, inspect, legal, markers, outbox} > journal > {config, clock, crypto,
//! db, metrics} > model`.
//!
//! # Invariants
//!
//! 1. The sensor never changes a packet's fate: every path returns `XDP_PASS`, the bytes are
//!    untouched. `tests: program_and_oracle_agree_on_every_pair`
//! 2. A packet that matches nothing leaves no trace but counters.
//!    `tests: program_and_oracle_agree_on_every_pair`
//! 3. A packet is judged by one generation; a load that fails leaves the old one in force, on every interface.
//!    `tests: a_packet_is_judged_by_one_generation_through_swaps, a_load_that_fails_at_any_step_changes_nothing, an_agent_that_dies_at_any_step_leaves_the_old_generation_matching`
//! 4. A kernel match is confirmed on the exact value before it becomes an event.
//!    `tests: transit_refuted_and_expired_hits_open_nothing,
//!    a_name_is_confirmed_on_what_its_packet_bore_and_a_collision_opens_nothing`
//! 5. What is borrowed is bounded, lives in memory only and is overwritten at the decision or in two seconds.
//!    `tests: budgets_of_a_flow_and_of_all_are_kept, what_does_not_come_in_time_is_let_go,
//!    without_a_timer_what_nobody_fetches_is_zeroed_as_connections_begin,
//!    a_canary_in_payloads_is_in_no_file_no_answer_and_after_two_seconds_in_no_map`
//! 6. No event outlives six calendar months; destruction is real and journalled.
//!    `tests: six_months_and_a_second_later_neither_key_nor_ciphertext_is_left,
//!    six_months_later_an_event_is_gone_from_the_api_and_every_file, more_than_six_months_are_refused_at_start`
//! 7. Nothing is lost silently: both identities hold, ring and table full included.
//!    `tests: a_full_ring_is_counted_and_its_flows_are_told_by_the_table, a_full_flow_table_is_counted,
//!    a_pattern_announces_what_its_limit_lets_through_and_no_other_pattern_pays,
//!    what_a_killed_agent_had_taken_and_not_stored_is_counted`
//! 8. Nothing changes without a journal receipt, which only the journal can make.
//!    `tests: every_change_has_its_journal_entry`
//! 9. Killing the agent does not stop detection; starting it neither detaches nor misses. An
//!    expired pattern stops matching with the agent dead.
//!    `tests: a_killed_agent_leaves_whole_events_and_counts_the_gap, an_expired_pattern_stops_matching_with_the_agent_dead,
//!    at_its_end_an_order_is_gone_with_the_agent_dead`
//! 10. No marker value, subscriber address or name in labels, logs, panics or journal.
//!     `tests: no_value_reaches_labels_log_or_journal`
//! 11. A refused marker or request is told with a reason code; nothing is dropped quietly.
//!     `tests: each_refusal_names_line_field_and_reason_but_no_value,
//!     what_is_too_broad_is_held_back_until_somebody_releases_it`
//! 12. The agent has no `unsafe` of its own. `tests: the_agent_forbids_it`
//!
//! Numbers are those of the design.
#![forbid(unsafe_code)]

pub mod agent;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod crypto;
pub mod dataplane;
pub mod db;
pub mod envelope;
pub mod events;
mod fault;
pub mod hits;
pub mod inspect;
pub mod journal;
pub mod legal;
pub mod lent;
pub mod markers;
pub mod metrics;
pub mod model;
pub mod outbox;
pub mod replay;

//! Hits to flows to events. Pure: records, drained flows and time in, events out.

mod accounts;
mod event;
mod floods;
mod index;
mod join;
mod live;
mod packets;
mod subscribers;

pub use accounts::{Account, Accounts, Judgements};
pub use event::{EventContext, MonthKeys, matched_in, number_of};
pub use floods::Floods;
pub use index::{Index, References};
pub use join::{Change, Joiner, Surroundings, Timeouts};
pub use live::{Changed, Doom, Doomed, Indexes, Live};
pub use packets::LentPackets;
pub use subscribers::{Subscribers, Zone};

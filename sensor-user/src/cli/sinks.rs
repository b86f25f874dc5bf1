//! The commands about sinks.

use bytes::Bytes;
use hyper::Method;

use super::{
    args::Sinks,
    client::read,
    commands::Session,
    failure::Error,
    print::{self, Out},
};
use crate::{
    control::uri::encode,
    model::request::{DeadRow, Page, Replayed, Rows, SinkRow},
};

const PATH: &str = "/v1/sinks";

impl Session {
    pub(super) async fn sinks(&self, command: Sinks) -> Result<(), Error> {
        match command {
            Sinks::List => {
                let table = |rows: &Rows<SinkRow>, out: &Out| print::sinks(&rows.rows, out);
                self.show(PATH, table).await.map(drop)
            }
            Sinks::Dead { sink, limit } => {
                let target = format!("{PATH}/{}/dead", encode(&sink));
                let table =
                    |page: &Rows<DeadRow>, first, out: &Out| print::dead(&page.rows, first, out);
                let page = limit.min(Page::MOST);
                self.pages(&target, "", page, limit.into(), table).await
            }
            Sinks::Replay { sink } => {
                let target = format!("{PATH}/{}/replay", encode(&sink));
                let call = self.client.call(Method::POST, &target, Bytes::new());
                let bytes = call.await?;
                let done: Replayed = read(&bytes)?;
                self.out.answer(&bytes, || print::replayed(&done))
            }
        }
    }
}

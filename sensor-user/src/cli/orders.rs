//! The commands about orders.

use bytes::Bytes;
use hyper::Method;

use super::{
    args::{Orders, Submit},
    client::{Payload, read},
    commands::Session,
    failure::Error,
    input,
    print::{self, Out},
    progress,
};
use crate::{
    control::uri::encode,
    model::request::{OrderChanged, OrderManifest, OrderRow, Page, Rows},
};

const PATH: &str = "/v1/orders";

impl Session {
    pub(super) async fn orders(&self, command: Orders) -> Result<(), Error> {
        match command {
            Orders::Submit(submit) => {
                let body = body(submit)?;
                let bytes = progress::watched(&self.client, Method::POST, PATH, body).await?;
                let changed: OrderChanged = read(&bytes)?;
                self.out.answer(&bytes, || print::order_changed(&changed))
            }
            Orders::List { limit } => {
                let rows =
                    |page: &Rows<OrderRow>, first, out: &Out| print::orders(&page.rows, first, out);
                let page = limit.min(Page::MOST);
                self.pages(PATH, "", page, limit.into(), rows).await
            }
            Orders::Show { reference } => {
                let target = format!("{PATH}/{}", encode(&reference));
                self.show(&target, |row: &OrderRow, _: &Out| print::order(row))
                    .await
                    .map(drop)
            }
            Orders::Withdraw { reference } => {
                let target = format!("{PATH}/{}", encode(&reference));
                let call = self.client.call(Method::DELETE, &target, Bytes::new());
                let bytes = call.await?;
                let changed: OrderChanged = read(&bytes)?;
                self.out.answer(&bytes, || print::order_changed(&changed))
            }
        }
    }
}

/// The manifest on one line, then the marker file.
fn body(submit: Submit) -> Result<Payload, Error> {
    let markers = match &submit.named {
        None => Vec::new(),
        Some(file) => {
            let text = input::text(file)?;
            let lines = text.lines().map(str::trim);
            let ids = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            ids.map(str::to_owned).collect()
        }
    };
    let file = submit.file.as_deref().map(input::payload).transpose()?;
    let manifest = OrderManifest {
        reference: submit.reference,
        issuer: submit.issuer,
        threat_reference: submit.threat_reference,
        start: submit.start,
        duration: submit.duration,
        tlp: submit.tlp,
        pap: submit.pap,
        format: submit.format,
        markers,
    };
    let line = serde_json::to_vec(&manifest)
        .map_err(|_| Error::Usage("the order cannot be written as JSON".into()))?;
    let file = file.unwrap_or_else(|| Bytes::new().into());
    Ok(file.behind(&line))
}

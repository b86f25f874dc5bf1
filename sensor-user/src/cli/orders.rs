//! The commands about orders.

use bytes::{BufMut as _, BytesMut};
use hyper::Method;

use super::{
    args::{Orders, Submit},
    client::read,
    commands::{Session, input},
    failure::Error,
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
                let body = body(submit)?.freeze();
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
                let call = self
                    .client
                    .call(Method::DELETE, &target, bytes::Bytes::new());
                let bytes = call.await?;
                let changed: OrderChanged = read(&bytes)?;
                self.out.answer(&bytes, || print::order_changed(&changed))
            }
        }
    }
}

/// The manifest on one line, then the marker file.
fn body(submit: Submit) -> Result<BytesMut, Error> {
    let markers = match &submit.named {
        None => Vec::new(),
        Some(file) => {
            let bytes = input(file)?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Error::Usage("the file of ids is not UTF-8".into()))?;
            let lines = text.lines().map(str::trim);
            let ids = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            ids.map(str::to_owned).collect()
        }
    };
    let file = submit.file.as_deref().map(input).transpose()?;
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
    let mut body = BytesMut::from(line.as_slice());
    body.put_u8(b'\n');
    if let Some(file) = file {
        body.extend_from_slice(&file);
    }
    Ok(body)
}

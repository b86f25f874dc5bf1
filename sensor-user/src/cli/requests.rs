//! The commands about the authority's requests, and the ledger of costs.

use std::path::Path;

use bytes::Bytes;
use hyper::Method;
use serde::{Deserialize, Serialize};

use super::{
    args::{Costs, Requests},
    client::read,
    commands::Session,
    failure::Error,
    input,
    print::{self, Out},
    progress,
};
use crate::{
    control::uri::encode,
    journal::{RequestEntry, RequestStep},
    legal::{
        costs::{csv, differences},
        report::Report,
    },
    model::request::{
        Approve, CaseRow, CostRow, Decline, JournalPage, JournalRow, Manifests, NoticeSettled,
        Page, Rows,
    },
};

const PATH: &str = "/v1/requests";

impl Session {
    pub(super) async fn requests(&self, command: Requests) -> Result<(), Error> {
        match command {
            Requests::Submit { file } => self.submit_request(&file).await,
            Requests::List { limit } => {
                let rows =
                    |page: &Rows<CaseRow>, first, out: &Out| print::cases(&page.rows, first, out);
                let page = limit.min(Page::MOST);
                self.pages(PATH, "", page, limit.into(), rows).await
            }
            Requests::Show { reference } => {
                let target = format!("{PATH}/{}", encode(&reference));
                self.show(&target, |row: &CaseRow, _: &Out| print::case(row))
                    .await
                    .map(drop)
            }
            Requests::Manifests { reference } => {
                let target = format!("{PATH}/{}/manifests", encode(&reference));
                self.show(&target, |all: &Manifests, _: &Out| print::manifests(all))
                    .await
                    .map(drop)
            }
            Requests::Report => self.report().await,
            Requests::Approve {
                reference,
                envelope,
            } => {
                let body = envelope.map(|envelope| json(&Approve { envelope }));
                let body = body.transpose()?.unwrap_or_default();
                self.on_request(&reference, "approve", body).await
            }
            Requests::Refuse { reference, reason } => {
                let body = json(&Decline { reason })?;
                self.on_request(&reference, "refuse", body).await
            }
            Requests::Sent {
                reference,
                event,
                date,
                proof,
            } => {
                let body = json(&NoticeSettled::Sent { event, date, proof })?;
                self.on_request(&reference, "notices", body).await
            }
            Requests::Impossible {
                reference,
                event,
                reason,
            } => {
                let body = json(&NoticeSettled::Impossible { event, reason })?;
                self.on_request(&reference, "notices", body).await
            }
        }
    }

    async fn report(&self) -> Result<(), Error> {
        let (mut report, mut from) = (Report::default(), 0);
        loop {
            let target = format!("/v1/journal?from={from}&limit={}", Page::MOST);
            let (page, _) = self.client.get::<JournalPage>(&target).await?;
            let Some(last) = page.rows.last() else {
                break;
            };
            from = last.index + 1;
            // Entries of other kinds, those of a newer sensor too, are passed over.
            let read = |row: &JournalRow| {
                let entry = row.entry.as_ref()?;
                serde_json::from_str::<Told>(entry.get()).ok()
            };
            for told in page.rows.iter().filter_map(read) {
                if told.action == "request" {
                    report.take(told.index, &told.entry);
                }
            }
            if from >= page.size {
                break;
            }
        }
        let document = json(&report)?;
        self.out.answer(&document, || report.text())
    }

    async fn submit_request(&self, file: &Path) -> Result<(), Error> {
        let body = input::payload(file)?;
        let bytes = progress::watched(&self.client, Method::POST, PATH, body).await?;
        let row: CaseRow = read(&bytes)?;
        self.out.answer(&bytes, || print::case(&row))
    }

    async fn on_request(&self, reference: &str, action: &str, body: Bytes) -> Result<(), Error> {
        let target = format!("{PATH}/{}/{action}", encode(reference));
        let bytes = self.client.call(Method::POST, &target, body).await?;
        let row: CaseRow = read(&bytes)?;
        self.out.answer(&bytes, || print::case(&row))
    }

    pub(super) async fn costs(&self, command: Costs) -> Result<(), Error> {
        let Costs::Export = command;
        let (mut lines, mut after) = (Vec::<CostRow>::new(), String::new());
        loop {
            let target = format!("/v1/costs?limit={}{after}", Page::MOST);
            let (page, _) = self.client.get::<Rows<CostRow>>(&target).await?;
            lines.extend(page.rows);
            match page.next {
                Some(next) => after = format!("&after={}", encode(&next)),
                None => break,
            }
        }
        let document = json(&lines)?;
        self.out.answer(&document, || csv(&lines))?;
        for difference in differences(&lines, &self.disclosed().await?) {
            self.out.remark(&difference)?;
        }
        Ok(())
    }

    /// The disclosures that the journal tells of, with the indices of their entries.
    async fn disclosed(&self) -> Result<Vec<(u64, RequestEntry)>, Error> {
        let (mut disclosed, mut from) = (Vec::new(), 0);
        loop {
            let target = format!("/v1/journal?from={from}&limit={}", Page::MOST);
            let (page, _) = self.client.get::<JournalPage>(&target).await?;
            let Some(last) = page.rows.last() else {
                return Ok(disclosed);
            };
            from = last.index + 1;
            for row in &page.rows {
                let told = row.entry.as_ref();
                let told = told.and_then(|raw| serde_json::from_str::<Told>(raw.get()).ok());
                let is_it = |told: &Told| {
                    told.action == "request" && told.entry.step == RequestStep::Disclosed
                };
                disclosed.extend(told.filter(is_it).map(|told| (row.index, told.entry)));
            }
            if from >= page.size {
                return Ok(disclosed);
            }
        }
    }
}

/// An entry about a request.
#[derive(Deserialize)]
struct Told {
    index: u64,
    action: String,
    #[serde(flatten)]
    entry: RequestEntry,
}

fn json(document: &impl Serialize) -> Result<Bytes, Error> {
    serde_json::to_vec(document)
        .map(Bytes::from)
        .map_err(|_| Error::Usage("this cannot be written as JSON".into()))
}

//! The command `sensorctl canary`.

use bytes::Bytes;
use hyper::Method;

use super::{client::read, commands::Session, failure::Error, print};
use crate::model::request::CanaryReport;

impl Session {
    pub(super) async fn canary(&self) -> Result<(), Error> {
        let call = self.client.call(Method::POST, "/v1/canary", Bytes::new());
        let bytes = call.await?;
        let report: CanaryReport = read(&bytes)?;
        self.out
            .answer(&bytes, || print::canary(&report, &self.out))?;
        if report.passed {
            Ok(())
        } else {
            Err(Error::Canary)
        }
    }
}

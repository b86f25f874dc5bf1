//! What one request carries.

use bytes::Bytes;
use serde_json::Value;

use crate::{
    crypto::{hex, sha256},
    outbox::View,
};

/// Lines of JSON, one an event, and what tells them from other batches.
pub(super) struct Batch {
    /// NDJSON: each line ends with a line feed.
    pub body: Bytes,
    /// 32 hexadecimal digits, the same for the same revisions in the same order.
    pub key: String,
}

impl Batch {
    pub fn new(views: &[View]) -> Self {
        let (mut body, mut keys) = (String::new(), String::new());
        for view in views {
            body += &Value::Object(view.fields()).to_string();
            body.push('\n');
            keys += &view.key();
            keys.push('\n');
        }
        Self {
            body: body.into(),
            key: hex(&sha256(&[keys.as_bytes()])[..16]),
        }
    }
}

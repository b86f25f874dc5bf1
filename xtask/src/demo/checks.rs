//! What must hold: from the sensor's own JSON, as pure functions.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    cast::{EXCHANGES, Traffic},
    traffic::{DOWNLOAD, THERE_AND_BACK},
};

/// Checks one identity of invariant 7 and returns the count of `total` and of every term that is a
/// loss.
pub fn identity(status: &Value, list: &str, total: &str, losses: &[&str]) -> Result<(u64, u64)> {
    let rows = status[list]
        .as_array()
        .with_context(|| format!("status has no {list}"))?;
    let (mut whole, mut sum, mut lost) = (None, 0, 0);
    for row in rows {
        let term = row["term"].as_str().context("a term has no name")?;
        let count = number(row, "count")?;
        if term == total {
            whole = Some(count);
        } else {
            sum += count;
        }
        if losses.contains(&term) {
            lost += count;
        }
    }
    let whole = whole.with_context(|| format!("{list} does not tell {total}"))?;
    ensure!(
        whole == sum,
        "{list}: {total} is {whole}, its terms make {sum}"
    );
    Ok((whole, lost))
}

/// Packets of all outcomes on all interfaces.
pub fn judged(status: &Value) -> Result<u64> {
    let interfaces = status["interfaces"]
        .as_array()
        .context("status has no interfaces")?;
    interfaces
        .iter()
        .flat_map(|interface| interface["outcomes"].as_array().into_iter().flatten())
        .map(|outcome| number(outcome, "packets"))
        .sum()
}

/// Checks that every marked exchange has exactly its event, and that there is no other event.
/// Returns the packets of all events.
pub fn events(rows: &[Value]) -> Result<u64> {
    let mut expected = 0;
    for exchange in &EXCHANGES {
        let Some((id, _)) = exchange.marker else {
            continue;
        };
        expected += 1;
        let of_marker: Vec<_> = rows
            .iter()
            .filter(|row| row["markers"] == Value::from(vec![id]))
            .collect();
        let [event] = of_marker[..] else {
            bail!("marker {id} has {} events, expected one", of_marker.len());
        };
        ensure!(
            event["dst_ip"] == exchange.peer && event["subscriber_side"] == "src",
            "the event of {id} does not lead from the subscriber to {}",
            exchange.peer
        );
        ensure!(
            event["state"] == "closed",
            "the event of {id} is still open"
        );
        let (packets, bytes) = (number(event, "packets")?, number(event, "bytes")?);
        match exchange.traffic {
            Traffic::Ping | Traffic::Udp => ensure!(
                packets == THERE_AND_BACK,
                "the event of {id} has {packets} packets, {THERE_AND_BACK} were exchanged"
            ),
            Traffic::Tcp(_) => ensure!(
                bytes > DOWNLOAD as u64,
                "the event of {id} has {bytes} bytes, more than {DOWNLOAD} were exchanged"
            ),
        }
    }
    ensure!(
        rows.len() == expected,
        "{} events, but only {expected} exchanges with marked peers",
        rows.len()
    );
    rows.iter().map(|row| number(row, "packets")).sum()
}

fn number(row: &Value, name: &str) -> Result<u64> {
    row[name]
        .as_u64()
        .with_context(|| format!("`{name}` is missing or no count"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_identity_that_does_not_hold_is_refused() {
        let status = |lost: u64| {
            json!({"kernel_hits": [
                {"term": "hits", "count": 5},
                {"term": "records", "count": 4},
                {"term": "ring_lost", "count": lost},
            ]})
        };
        let check = |lost| identity(&status(lost), "kernel_hits", "hits", &["ring_lost"]);
        assert_eq!(check(1).unwrap(), (5, 1));
        assert!(check(0).is_err());
    }

    #[test]
    fn an_event_too_many_or_too_few_is_refused() {
        let mut rows: Vec<Value> = EXCHANGES
            .iter()
            .filter_map(|exchange| Some((exchange.marker?.0, exchange)))
            .map(|(id, exchange)| {
                json!({"markers": [id], "dst_ip": exchange.peer, "subscriber_side": "src",
                       "state": "closed", "packets": 6, "bytes": 70_000})
            })
            .collect();
        assert_eq!(events(&rows).unwrap(), 36);
        let last = rows.pop().unwrap();
        let error = events(&rows).unwrap_err();
        assert_eq!(
            error.to_string(),
            "marker exfil-v6 has 0 events, expected one"
        );
        rows.extend([last.clone(), json!({"markers": ["other"]})]);
        assert!(events(&rows).is_err());
        rows.pop();
        rows[0]["packets"] = json!(5);
        assert!(events(&rows).is_err());
    }
}

//! Runs the self-test on time.

use std::{sync::Arc, time::Duration};

use crate::control::service::{Sensor, agent};

/// How often is looked whether it is time.
const LOOK: Duration = Duration::from_secs(1);

/// Runs it for as long as it is polled.
pub(super) async fn run(sensor: Arc<Sensor>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let sensor = Arc::clone(&sensor);
        let looked = tokio::task::spawn_blocking(move || sensor.look_after_canary(&agent()));
        // A panic in there is told by the panic hook; the next look tries again.
        let _ = looked.await;
    }
}

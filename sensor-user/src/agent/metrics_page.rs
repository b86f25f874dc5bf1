//! `/metrics` on a loopback TCP address.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    control::{Counts, service::Sensor},
    metrics::Metrics,
};

/// Scrapes served at once; Prometheus needs one.
const SCRAPES: usize = 8;
/// Longest time for a request's head.
const HEADER: std::time::Duration = std::time::Duration::from_secs(5);

/// Serves until `stop` holds true.
pub(super) async fn serve(
    listener: TcpListener,
    sensor: Arc<Sensor>,
    metrics: Arc<Metrics>,
    door: Arc<Counts>,
    mut stop: watch::Receiver<bool>,
) {
    let mut scrapes = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = scrapes.join_next() => continue,
            accepted = listener.accept(), if scrapes.len() < SCRAPES => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the metrics page cannot accept a client");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (sensor, metrics, door) =
            (Arc::clone(&sensor), Arc::clone(&metrics), Arc::clone(&door));
        scrapes.spawn(async move {
            let service = service_fn(move |request| {
                let (sensor, metrics) = (Arc::clone(&sensor), Arc::clone(&metrics));
                let door = Arc::clone(&door);
                async move { Ok::<_, Infallible>(answer(&request, sensor, metrics, door).await) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off harms itself only.
            let _ = served.await;
        });
    }
}

/// Waits until `stop` holds true or its sender is gone, which is a stop as well.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What came to the control socket.
fn told(door: &Counts) -> Vec<(&'static str, u64)> {
    [
        ("requests", &door.requests),
        ("denied", &door.denied),
        ("failed", &door.failed),
        ("malformed", &door.malformed),
        ("timed_out", &door.timed_out),
        ("turned_away", &door.turned_away),
        ("submissions_lost", &door.submissions_lost),
        ("lagged", &door.lagged),
    ]
    .map(|(what, count)| (what, count.load(Ordering::Relaxed)))
    .into()
}

async fn answer(
    request: &Request<Incoming>,
    sensor: Arc<Sensor>,
    metrics: Arc<Metrics>,
    door: Arc<Counts>,
) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {}
        (_, "/metrics") => return text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n"),
        _ => return text(StatusCode::NOT_FOUND, "the page is /metrics\n"),
    }
    let page = tokio::task::spawn_blocking(move || {
        let mut snapshot = sensor.snapshot()?;
        snapshot.door = told(&door);
        Ok::<_, crate::control::Error>(metrics.page(&snapshot))
    });
    match page.await {
        Ok(Ok(page)) => {
            let mut response = Response::new(Full::from(page));
            let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page could not be made\n",
        ),
    }
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_owned()));
    *response.status_mut() = status;
    response
}

//! Between a sink and its server: keeps what was sent, and holds back or cuts what is answered.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A proxy on a loopback port; its threads end with the connections.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: Mutex<Vec<u8>>,
    connections: Mutex<Vec<TcpStream>>,
    stalled: AtomicBool,
    over: AtomicBool,
}

impl Proxy {
    /// To a port of the loopback address.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    carry(&shared, &client, &server);
                }
            }
        });
        Self { port, state }
    }

    /// Everything that clients sent.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn sent(&self) -> String {
        let sent = self.state.sent.lock().expect("no thread panics");
        String::from_utf8_lossy(&sent).into_owned()
    }

    /// Holds back every answer from now on, or lets them through again.
    pub fn stall(&self, stalled: bool) {
        self.state.stalled.store(stalled, Ordering::Relaxed);
    }

    /// Cuts all connections.
    ///
    /// # Panics
    /// Never.
    pub fn cut(&self) {
        for stream in self
            .state
            .connections
            .lock()
            .expect("no thread panics")
            .drain(..)
        {
            // One that has ended already is cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        self.cut();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn carry(state: &Arc<State>, client: &TcpStream, server: &TcpStream) {
    let both = [client, server].map(|stream| stream.try_clone().expect("a descriptor"));
    state
        .connections
        .lock()
        .expect("no thread panics")
        .extend(both);
    for (from, to, is_sent) in [(client, server, true), (server, client, false)] {
        let (from, to) = (from.try_clone(), to.try_clone());
        let (mut from, mut to) = (from.expect("a descriptor"), to.expect("a descriptor"));
        let state = Arc::clone(state);
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                if is_sent {
                    let mut sent = state.sent.lock().expect("no thread panics");
                    sent.extend_from_slice(&buffer[..read]);
                }
                while !is_sent && state.stalled.load(Ordering::Relaxed) {
                    if state.over.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(Duration::from_millis(5));
                }
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

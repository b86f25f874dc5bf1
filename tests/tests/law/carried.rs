//! What packets carry is nowhere but in them.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use sensor_tests::{
    daemon::{Home, Sensord, Settings},
    need,
    netns::Topology,
};

const CANARY: &str = "c4n4ry-9e1b7";

/// L. 33-14 ¶3: what is carried is nowhere, neither in the agent's memory, ring included, nor in any file.
#[test]
fn what_is_carried_is_in_no_memory_and_no_file() {
    if !need::root() {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    let host = Topology::HOST[0];
    // Names are looked for behind the ports, too, and what may bear one is lent to the agent.
    client.load(&format!(
        "ip {host} id=m\ndomain *.marked.example id=n\nurl http://marked.example/a id=u\n\
         ja3 e7d705a3286e19ea42f587b344ee6865 id=j\n"
    ));
    // It fills the packet again and again; neither we nor the log ever print it.
    let canary = CANARY.as_bytes();
    let hex: String = canary.iter().map(|byte| format!("{byte:02x}")).collect();
    topology.subscriber.run(&[
        "ping", "-c", "3", "-i", "0.2", "-s", "400", "-p", &hex, host,
    ]);
    carry(&topology, CANARY);
    let stored = || {
        client
            .get("/v1/events")
            .is_ok_and(|a| a.body["rows"][0].is_object())
    };
    assert!(sensor_tests::command::wait_until(
        Duration::from_secs(10),
        stored
    ));
    let lent = client.status()["lent"][0]["count"].as_u64();
    assert!(lent > Some(0), "nothing was lent");
    let has = |bytes: &[u8]| bytes.windows(canary.len()).any(|window| window == canary);
    let mut looked = 0;
    for bytes in memory(daemon.id()) {
        looked += bytes.len();
        assert!(!has(&bytes), "it is in the agent's memory");
    }
    assert!(looked > 1 << 20, "{looked} bytes of memory");
    assert!(!has(daemon.stderr().as_bytes()), "it is in the log");
    assert!(daemon.stop().success());
    let mut files = 0;
    each_file(&home.state(), &mut |bytes| {
        files += 1;
        assert!(!has(bytes), "it is in a file");
    });
    assert!(files >= 3, "{files} files");
}

/// Has the canary carried where names are looked for, over connections: in a head and a hello that the agent
/// is lent, of which one never ends; returns when the time of whatever is lent is over.
fn carry(topology: &Topology, canary: &str) {
    const PORTS: [u16; 2] = [80, 443];
    let host = Topology::HOST[0];
    let (listen, listens) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            topology.internet.enter();
            let ports = PORTS.map(|port| TcpListener::bind((host, port)).expect("it is free"));
            listen.send(()).expect("heard");
            for listener in ports {
                let (mut taken, _) = listener.accept().expect("a connection");
                // Until the client leaves.
                let _ = taken.read_to_end(&mut Vec::new());
            }
        });
        scope.spawn(move || {
            topology.subscriber.enter();
            listens.recv().expect("it listens");
            let [mut plain, mut secret] =
                PORTS.map(|port| TcpStream::connect((host, port)).expect("it listens"));
            for stream in [&plain, &secret] {
                stream.set_nodelay(true).expect("a socket");
            }
            let head = format!("GET /{canary} HTTP/1.1\r\nX-Y: {canary}\r\nHo");
            plain.write_all(head.as_bytes()).expect("sent");
            let mut hello = vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
            hello.extend(canary.repeat(8).bytes());
            secret.write_all(&hello).expect("sent");
            thread::sleep(Duration::from_millis(100));
            plain.write_all(b"st: other.example\r\n\r\n").expect("sent");
            // Two seconds, and the agent's next look.
            thread::sleep(Duration::from_secs(4));
        });
    });
}

/// The readable memory of a process, mapping by mapping.
fn memory(process: u32) -> Vec<Vec<u8>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("maps");
    let mut memory = fs::File::open(format!("/proc/{process}/mem")).expect("memory");
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let bound = |text: &str| u64::from_str_radix(text, 16).expect("an address");
        let (start, end) = range.split_once('-').expect("a range");
        let (start, end) = (bound(start), bound(end));
        if !rights.starts_with('r') || start >= 1 << 47 {
            continue;
        }
        let mut bytes = vec![0; (end - start) as usize];
        let read = memory
            .seek(SeekFrom::Start(start))
            .and_then(|_| memory.read_exact(&mut bytes));
        // Mappings of devices and of the kernel's own pages refuse.
        if read.is_ok() {
            found.push(bytes);
        }
    }
    found
}

fn each_file(directory: &Path, each: &mut impl FnMut(&[u8])) {
    for file in fs::read_dir(directory).expect("a directory") {
        let path = file.expect("a file").path();
        if path.is_dir() {
            each_file(&path, each);
        } else {
            each(&fs::read(&path).expect("a file"));
        }
    }
}

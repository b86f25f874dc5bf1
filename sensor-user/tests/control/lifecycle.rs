//! Binding and stopping.

use std::{
    fs,
    io::Write,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixDatagram, UnixListener, UnixStream},
    },
};

use sensor_user::{
    config::Account,
    control::{Socket, bind::Error},
};

use crate::{
    fixture::{Answer, Dir, Running, connect},
    memory::SLOW,
};

#[test]
fn two_servers_do_not_share_a_socket() {
    let door = Running::start();
    let error = Socket::bind(&door.path, None).err().expect("refused");
    assert!(matches!(error, Error::Listening(_)), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("another sensord is already listening on ")
    );
    assert_eq!(
        door.ask("GET /v1/status", b"").status,
        200,
        "the first still serves"
    );
}

#[test]
fn a_foreign_listener_is_left_alone() {
    let dir = Dir::new();
    let path = dir.0.join("control.sock");
    let foreign = UnixListener::bind(&path).expect("binds");
    assert!(matches!(
        Socket::bind(&path, None).err(),
        Some(Error::Listening(_))
    ));
    assert!(UnixStream::connect(&path).is_ok());
    drop(foreign);
}

#[test]
fn a_dead_socket_is_replaced() {
    let dir = Dir::new();
    let path = dir.0.join("control.sock");
    drop(UnixListener::bind(&path).expect("binds"));
    assert!(path.exists() && UnixStream::connect(&path).is_err(), "dead");
    let socket = Socket::bind(&path, None).expect("replaces it");
    assert!(UnixStream::connect(&path).is_ok());
    drop(socket);
    assert!(!path.exists(), "the file goes with the socket");
}

#[test]
fn nothing_but_a_dead_socket_is_removed() {
    let dir = Dir::new();
    let (file, link) = (dir.0.join("file"), dir.0.join("link"));
    fs::write(&file, "precious").expect("writes");
    std::os::unix::fs::symlink(&file, &link).expect("links");
    let datagram = dir.0.join("datagram");
    let _datagram = UnixDatagram::bind(&datagram).expect("binds");
    for path in [&file, &link, &datagram, &dir.0] {
        let error = Socket::bind(path, None).err().expect("refused");
        assert!(matches!(error, Error::NotASocket(_)), "{error}");
        assert!(path.exists());
    }
    assert_eq!(fs::read_to_string(&file).expect("reads"), "precious");
}

#[test]
fn the_socket_is_for_owner_and_group_whatever_the_umask() {
    let dir = Dir::new();
    let path = dir.0.join("run/marker-sensor/control.sock");
    let gid = rustix::process::getegid().as_raw();
    let _socket = Socket::bind(&path, Some(&Account::Id(gid))).expect("makes its directory");
    let mode = |path| fs::metadata(path).expect("exists").permissions().mode() & 0o7777;
    assert!(fs::metadata(&path).expect("exists").file_type().is_socket());
    assert_eq!(mode(path.as_path()), 0o660);
    assert_eq!(mode(path.parent().expect("parent")), 0o755);
    let unknown = Account::Name("no-such-group-here".into());
    let error = Socket::bind(&dir.0.join("b.sock"), Some(&unknown)).err();
    assert!(matches!(error, Some(Error::Group(_))));
}

#[test]
fn stopping_lets_a_request_finish() {
    let mut door = Running::start();
    let mut stream = connect(&door.path);
    let request = format!("POST /v1/interfaces/{SLOW}/attach HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sends");
    crate::fixture::eventually("it is asked", || {
        !door.service.asked.lock().expect("asked").is_empty()
    });
    door.tell_to_stop();
    assert_eq!(Answer::read(stream).status, 200);
    door.wait();
    assert!(!door.path.exists());
}

use std::io;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use super::listener::fresh_name;
use super::{Interest, Listener, Stream, wait};
use crate::sys::access_list::tests::{NotElevated, is_elevated};
use crate::sys::transport::{Address, Connection as _, Listening as _};

const LONG: Duration = Duration::from_secs(20);

fn address() -> Address {
    Address::Pipe(fresh_name("shareable-test-").unwrap())
}

fn at(address: &Address) -> Address {
    Address::parse(Listener::bind(address).unwrap().address()).unwrap()
}

/// Waits for the next connection.
fn accept(listener: &Listener) -> Stream {
    let end = Instant::now() + LONG;
    loop {
        match listener.accept() {
            Ok(stream) => return stream.unwrap(),
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::WouldBlock, "{e}"),
        }
        assert!(Instant::now() < end, "no client connected");
        wait(&[Interest::to_read(listener)], Some(LONG)).unwrap();
    }
}

fn connect(address: &Address) -> Stream {
    Stream::connect(address, Instant::now() + LONG).unwrap()
}

fn receive(stream: &Stream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let received = stream.receive(&mut bytes[filled..], Instant::now() + LONG).unwrap();
        assert_ne!(received, 0, "the end after {filled} bytes");
        filled += received;
    }
    bytes
}

#[test]
fn what_is_sent_arrives_both_ways_by_pipe_and_by_tcp() {
    for address in [address(), Address::Tcp("127.0.0.1:0".parse().unwrap())] {
        let listener = Listener::bind(&address).unwrap();
        let member = connect(&Address::parse(listener.address()).unwrap());
        let server = accept(&listener);
        assert_eq!(member.endpoint(), server.endpoint());
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        thread::scope(|scope| {
            scope.spawn(|| server.send(&text, Instant::now() + LONG).unwrap());
            assert_eq!(receive(&member, text.len()), text);
        });
        member.send(b"thanks", Instant::now() + LONG).unwrap();
        assert_eq!(receive(&server, 6), b"thanks");
    }
}

#[test]
fn the_end_of_one_side_is_an_end_to_the_other() {
    for address in [address(), Address::Tcp("127.0.0.1:0".parse().unwrap())] {
        let listener = Listener::bind(&address).unwrap();
        let member = connect(&Address::parse(listener.address()).unwrap());
        let server = accept(&listener);
        server.send(b"last words", Instant::now() + LONG).unwrap();
        drop(server);
        assert_eq!(receive(&member, 10), b"last words");
        assert_eq!(member.receive(&mut [0; 10], Instant::now() + LONG).unwrap(), 0);

        let member = connect(&Address::parse(listener.address()).unwrap());
        let server = accept(&listener);
        drop(member);
        assert_eq!(server.receive(&mut [0; 10], Instant::now() + LONG).unwrap(), 0);
    }
}

#[test]
fn a_long_conversation_is_not_interrupted() {
    let address = address();
    let listener = Listener::bind(&address).unwrap();
    let member = connect(&address);
    let server = accept(&listener);
    thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..5000_u32 {
                let said = receive(&server, 4);
                assert_eq!(said, turn.to_le_bytes());
                server.send(&said, Instant::now() + LONG).unwrap();
            }
        });
        for turn in 0..5000_u32 {
            member.send(&turn.to_le_bytes(), Instant::now() + LONG).unwrap();
            assert_eq!(receive(&member, 4), turn.to_le_bytes());
        }
    });
}

#[test]
fn a_connection_outlives_the_thread_that_has_made_it() {
    let address = address();
    let listener = Listener::bind(&address).unwrap();
    for _ in 0..100 {
        // It has begun to wait for an answer, and ends while that arrives.
        let (listens, has_listened) = channel();
        let member = thread::scope(|scope| {
            let made = scope.spawn(|| {
                let member = connect(&address);
                assert_eq!(member.try_receive(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
                listens.send(()).unwrap();
                member
            });
            let server = accept(&listener);
            has_listened.recv_timeout(LONG).unwrap();
            server.send(b"word", Instant::now() + LONG).unwrap();
            (made.join().unwrap(), server)
        });
        assert_eq!(receive(&member.0, 4), b"word");
    }
}

#[test]
fn receiving_from_a_silent_peer_waits_until_the_deadline() {
    let address = address();
    let listener = Listener::bind(&address).unwrap();
    let member = connect(&address);
    let _server = accept(&listener);
    let e = member.receive(&mut [0; 1], Instant::now() + Duration::from_millis(20)).unwrap_err();
    assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn more_can_connect_than_wait_at_once() {
    let address = address();
    let listener = Listener::bind(&address).unwrap();
    thread::scope(|scope| {
        let members: Vec<_> = (0..40).map(|_| scope.spawn(|| connect(&address))).collect();
        let servers: Vec<_> = (0..40).map(|_| accept(&listener)).collect();
        let members: Vec<_> = members.into_iter().map(|member| member.join().unwrap()).collect();
        assert_eq!(servers.len(), members.len());
    });
}

#[test]
fn connecting_to_a_closed_listener_fails() {
    let pipe = address();
    assert_eq!(Stream::connect(&pipe, Instant::now()).unwrap_err().kind(), io::ErrorKind::NotFound);
    let gone = at(&pipe);
    // A test that runs at the same time may receive the event that the system is done with it.
    let end = Instant::now() + LONG;
    while Stream::connect(&gone, Instant::now()).map_err(|e| e.kind()).err() != Some(io::ErrorKind::NotFound) {
        assert!(Instant::now() < end, "a process still listens");
        thread::yield_now();
    }
    Listener::bind(&pipe).unwrap();
}

#[test]

fn a_name_that_is_taken_is_refused() {
    let address = address();
    let _listener = Listener::bind(&address).unwrap();
    assert_eq!(Listener::bind(&address).map(drop).unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_process_that_is_not_elevated_reaches_the_manager_of_an_elevated_one_and_the_reverse() {
    if !is_elevated() {
        return;
    }
    for is_server_elevated in [true, false] {
        let listener = {
            let _not_elevated = (!is_server_elevated).then(NotElevated::new);
            Listener::bind(&address()).unwrap()
        };
        let address = Address::parse(listener.address()).unwrap();
        thread::scope(|scope| {
            let client = scope.spawn(|| {
                let _not_elevated = is_server_elevated.then(NotElevated::new);
                Stream::connect(&address, Instant::now() + LONG).unwrap()
            });
            client.join().unwrap();
        });
    }
}

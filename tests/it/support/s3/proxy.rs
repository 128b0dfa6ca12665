//! A TCP proxy before a server, which counts what passes and may close one direction of one
//! connection at some byte: whoever reads there sees an end, and the other direction stays open.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

#[derive(Default)]
struct Passed {
    to_server: u64,
    to_client: u64,
    /// The direction that ends at the first connection whose bytes reach so many in all.
    end: Option<(Direction, u64)>,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    passed: Arc<Mutex<Passed>>,
}

impl Proxy {
    /// Begins to serve, for as long as the process lives.
    pub(crate) fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let passed = Arc::<Mutex<Passed>>::default();
        let shared = Arc::clone(&passed);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                join(&client, server, &shared).ok(); // without a server the client's end is closed
            }
        });
        Proxy { address, passed }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Counts anew, and closes that direction once at that byte of all that goes there.
    pub(crate) fn end(&self, end: Option<(Direction, u64)>) {
        *self.passed.lock().expect("no panic") = Passed { end, ..Passed::default() };
    }

    /// How many bytes went there.
    pub(crate) fn passed(&self, direction: Direction) -> u64 {
        let passed = self.passed.lock().expect("no panic");
        match direction {
            Direction::ToServer => passed.to_server,
            Direction::ToClient => passed.to_client,
        }
    }

    /// Whether what was to be closed was.
    pub(crate) fn has_ended(&self) -> bool {
        self.passed.lock().expect("no panic").end.is_none()
    }
}

impl Passed {
    /// How many of these bytes pass: all, unless the end is among them or right before them.
    fn pass(&mut self, direction: Direction, bytes: u64) -> u64 {
        let count = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let before = *count;
        *count += bytes;
        match self.end {
            Some((of, at)) if of == direction && at < *count => {
                self.end = None;
                at.saturating_sub(before)
            }
            _ => bytes,
        }
    }
}

fn join(client: &TcpStream, server: SocketAddr, passed: &Arc<Mutex<Passed>>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for socket in [client, &server] {
        socket.set_nodelay(true)?;
    }
    for (from, to, direction) in
        [(client, &server, Direction::ToServer), (&server, client, Direction::ToClient)]
    {
        let (from, to, passed) = (from.try_clone()?, to.try_clone()?, Arc::clone(passed));
        thread::spawn(move || carry(from, to, direction, &passed));
    }
    Ok(())
}

/// Carries bytes until they end, or are made to.
fn carry(mut from: TcpStream, mut to: TcpStream, direction: Direction, passed: &Mutex<Passed>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let bytes = u64::try_from(read).expect("a few");
        let pass = passed.lock().expect("no panic").pass(direction, bytes);
        let pass = usize::try_from(pass).expect("a few");
        if to.write_all(&buffer[..pass]).is_err() || pass < read {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok(); // it may be gone
    io::copy(&mut from, &mut io::sink()).ok(); // what still comes goes nowhere
}

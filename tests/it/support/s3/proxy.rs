//! A TCP proxy that counts bytes and can close one direction of one connection at a given byte: the
//! receiver sees the end of the stream, while the other direction stays open.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

#[derive(Default)]
struct Passed {
    to_server: u64,
    to_client: u64,
    /// The direction to close, and after how many bytes in total over all connections.
    end: Option<(Direction, u64)>,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    passed: Arc<Mutex<Passed>>,
}

impl Proxy {
    /// Starts a proxy that serves until the process ends.
    pub(crate) fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let passed = Arc::<Mutex<Passed>>::default();
        let shared = Arc::clone(&passed);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                join(&client, server, &shared).ok(); // without a server, the client's connection is closed
            }
        });
        Proxy { address, passed }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Resets the counts, and sets where to close which direction, once.
    pub(crate) fn end(&self, end: Option<(Direction, u64)>) {
        *self.passed.lock().expect("no panic") = Passed { end, ..Passed::default() };
    }

    /// The number of bytes passed in a direction.
    pub(crate) fn passed(&self, direction: Direction) -> u64 {
        let passed = self.passed.lock().expect("no panic");
        match direction {
            Direction::ToServer => passed.to_server,
            Direction::ToClient => passed.to_client,
        }
    }

    /// Whether the direction that was set has been closed.
    pub(crate) fn has_ended(&self) -> bool {
        self.passed.lock().expect("no panic").end.is_none()
    }
}

impl Passed {
    /// The number of these bytes that pass: all, unless the end is within or right before them.
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

/// Copies bytes until they end or the direction is to be closed.
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
    to.shutdown(Shutdown::Write).ok(); // it may be closed already
    io::copy(&mut from, &mut io::sink()).ok(); // discards what is still sent
}

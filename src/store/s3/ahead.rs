//! Fetches objects before they are read: in pieces, many at once, within a bound on memory.
//!
//! - Pieces are fetched in reading order for as long as everything that is held fits into
//!   [`WINDOW`].
//! - A reader that needs a piece which was not requested yet requests it at once, outside of the
//!   window: otherwise it could wait for room that only its own progress makes. Each thread of the
//!   pool holds at most one such piece.
//! - An object that takes several responses is checked against its checksum as a whole (`whole.rs`),
//!   unless only beginnings or ranges are read.
//! - Every request names the `ETag` of the listing, so a change is an error and never a mix of two
//!   states.

use std::{
    collections::HashMap,
    io::{self, Read},
    mem,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OnceCell};

use super::client::S3;
use super::fetch::fetch;
use super::list::Object;
use super::whole::{Expected, Sum};
use crate::store::aws::AwsError;

/// The size of a piece in bytes.
pub(crate) const PIECE: u64 = 4 << 20;
/// The size of a piece in bytes if only the beginnings of objects are read.
const HEAD: u64 = 128 << 10;
/// The most bytes that are fetched ahead.
pub(crate) const WINDOW: u64 = 32 << 20;
/// The most requests at once. Many small objects need many of them, since each response takes a
/// while.
pub(crate) const REQUESTS: usize = 512;
/// How many requests are allowed at first, and at least.
const REQUESTS_FIRST: usize = 256;
const REQUESTS_MIN: usize = 32;
/// A server that takes longer to respond is sent fewer requests at once.
const SLOW: Duration = Duration::from_millis(500);
/// What a request costs besides the bytes of its piece: its buffers and a connection.
pub(crate) const REQUEST_BYTES: u64 = 64 << 10;
/// The polling interval for cancellation.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How much of the objects is going to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything.
    Whole,
    /// Usually only the beginning of each.
    Heads,
}

impl S3 {
    /// Reads a range of an object in the state in which it was listed. Its checksum is not compared.
    pub(crate) fn read_range(
        &self,
        object: &Object,
        range: Range<u64>,
    ) -> Result<Vec<u8>, AwsError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let fetched = fetch(&self.clients, object, range);
        self.session().wait(async { Ok(fetched.await?.0) })
    }
}

/// Objects that are fetched before they are read.
pub(crate) struct ReadAhead {
    shared: Arc<Shared>,
}

struct Shared {
    s3: S3,
    handle: tokio::runtime::Handle,
    /// In reading order. `None`: this input is not an object.
    objects: Vec<Option<Wanted>>,
    /// The size of a piece in bytes.
    piece: u64,
    reach: Reach,
    state: Mutex<State>,
    /// Notified when a piece has arrived, or its request has failed.
    arrived: Condvar,
    /// Notified when there may be room for another piece.
    room: Notify,
    /// The read-ahead was dropped.
    is_closed: AtomicBool,
}

/// An object, and how much of it is going to be read.
#[derive(Debug)]
pub(crate) struct Wanted {
    object: Object,
    /// The offset at which reading starts.
    from: u64,
    /// Up to which offset it is fetched ahead. What follows is fetched if it is read.
    ahead: u64,
}

impl Wanted {
    pub(crate) fn whole(object: Object) -> Wanted {
        let ahead = object.bytes;
        Wanted { object, from: 0, ahead }
    }

    /// From an offset on, and probably not beyond another.
    pub(crate) fn from(object: Object, from: u64, to: u64) -> Wanted {
        let ahead = to.min(object.bytes);
        Wanted { object, from, ahead }
    }

    fn is_whole(&self) -> bool {
        self.from == 0 && self.ahead == self.object.bytes
    }
}

/// A piece: the index of its object, and its number in the object.
type PieceId = (usize, u64);

#[derive(Default)]
struct State {
    /// The next piece in reading order.
    next: PieceId,
    pieces: HashMap<PieceId, Piece>,
    /// The checksums of the objects that take several responses.
    expected: HashMap<usize, Arc<OnceCell<Expected>>>,
    /// The first piece of each object that may still be needed.
    needed_from: Vec<u64>,
    /// The cost in bytes of all pieces that are in flight, fetched, or held by a reader.
    held: u64,
    in_flight: usize,
    /// How many requests may be in flight.
    in_flight_max: usize,
}

enum Piece {
    InFlight,
    Fetched(Fetched),
    Failed(AwsError),
}

/// The bytes of a piece.
struct Fetched {
    bytes: Vec<u8>,
    /// If the object is checked as a whole: by this checksum, with this CRC of the piece.
    sum: Option<(Expected, u64)>,
}

impl ReadAhead {
    /// Begins to fetch objects, which are in reading order. An entry is `None` for an input that is
    /// not one.
    pub(crate) fn new(
        s3: &S3,
        objects: Vec<Option<Wanted>>,
        reach: Reach,
    ) -> Result<ReadAhead, AwsError> {
        let needed_from = vec![0; objects.len()];
        let state = State { needed_from, in_flight_max: REQUESTS_FIRST, ..State::default() };
        let shared = Arc::new(Shared {
            handle: s3.session().handle()?,
            s3: s3.clone(),
            objects,
            piece: if reach == Reach::Whole { PIECE } else { HEAD },
            reach,
            state: Mutex::new(state),
            arrived: Condvar::new(),
            room: Notify::new(),
            is_closed: AtomicBool::new(false),
        });
        shared.handle.spawn(fetch_in_order(Arc::clone(&shared)));
        Ok(ReadAhead { shared })
    }

    /// Opens an object by its index, to be read from where it is wanted.
    pub(crate) fn open(&self, object: usize) -> ObjectReader {
        let shared = Arc::clone(&self.shared);
        if let Some(needed_from) = shared.state().needed_from.get_mut(object) {
            *needed_from = 0;
        }
        ObjectReader { shared, object, next: 0, piece: Vec::new(), at: 0, cost: 0, sum: None }
    }

    /// Whether an object took several responses and its server has no checksum of it.
    pub(crate) fn is_unchecked(&self, object: usize) -> bool {
        let state = self.shared.state();
        let expected = state.expected.get(&object).and_then(|expected| expected.get());
        expected == Some(&Expected::None) || !self.shared.is_whole(object)
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        self.shared.room.notify_one();
    }
}

/// Requests pieces in reading order whenever there is room.
async fn fetch_in_order(shared: Arc<Shared>) {
    while !shared.is_closed.load(Ordering::Relaxed) && !shared.fill_window() {
        shared.room.notified().await;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests the pieces that there is room for. Returns whether those were the last.
    fn fill_window(self: &Arc<Self>) -> bool {
        let mut state = self.state();
        while let Some(piece) = self.next_piece(&mut state) {
            self.request(&mut state, piece);
        }
        self.objects.len() <= state.next.0
    }

    /// The next piece in reading order that was not requested yet, if there is room for it.
    fn next_piece(&self, state: &mut State) -> Option<PieceId> {
        loop {
            let (object, number) = state.next;
            if self.objects.len() <= object || state.in_flight_max <= state.in_flight {
                return None;
            }
            let pieces = match self.reach {
                Reach::Whole => self.pieces_ahead(object),
                Reach::Heads => self.pieces_ahead(object).min(1),
            };
            if pieces <= number {
                state.next = (object + 1, 0);
                continue;
            }
            let is_read = state.needed_from.get(object).is_none_or(|needed| number < *needed);
            if is_read || state.pieces.contains_key(&(object, number)) {
                state.next = (object, number + 1);
                continue;
            }
            if WINDOW < state.held + self.cost((object, number)) {
                return None;
            }
            state.next = (object, number + 1);
            return Some((object, number));
        }
    }

    fn wanted(&self, object: usize) -> Option<&Wanted> {
        self.objects.get(object).and_then(Option::as_ref)
    }

    fn is_whole(&self, object: usize) -> bool {
        self.wanted(object).is_none_or(Wanted::is_whole)
    }

    /// The number of pieces from where reading starts to the end of the object.
    fn piece_count(&self, object: usize) -> u64 {
        self.pieces_up_to(object, |wanted| wanted.object.bytes)
    }

    /// The number of those that are fetched ahead.
    fn pieces_ahead(&self, object: usize) -> u64 {
        self.pieces_up_to(object, |wanted| wanted.ahead)
    }

    fn pieces_up_to(&self, object: usize, end: impl Fn(&Wanted) -> u64) -> u64 {
        let bytes = self.wanted(object).map(|wanted| end(wanted).saturating_sub(wanted.from));
        bytes.unwrap_or(0).div_ceil(self.piece)
    }

    /// The bytes of the object that a piece has.
    fn range(&self, (object, number): PieceId) -> Range<u64> {
        let wanted = self.wanted(object);
        let start = wanted.map_or(0, |wanted| wanted.from) + number * self.piece;
        start..wanted.map_or(0, |wanted| wanted.object.bytes).min(start + self.piece)
    }

    /// What a piece counts for in the window, in bytes.
    fn cost(&self, piece: PieceId) -> u64 {
        let range = self.range(piece);
        range.end.saturating_sub(range.start) + REQUEST_BYTES
    }

    /// Requests a piece.
    fn request(self: &Arc<Self>, state: &mut State, piece: PieceId) {
        let Some(object) = self.wanted(piece.0).map(|wanted| &wanted.object) else { return };
        state.held += self.cost(piece);
        state.in_flight += 1;
        state.pieces.insert(piece, Piece::InFlight);
        let (shared, object, range) = (Arc::clone(self), object.clone(), self.range(piece));
        if self.is_checked(piece.0) {
            self.expect(state, piece.0, &object);
        }
        self.handle.spawn(async move {
            let sent = Instant::now();
            let fetched = shared.fetch(piece.0, &object, range).await;
            shared.receive(piece, fetched, sent.elapsed());
        });
    }

    /// Whether an object is checked as a whole, since it has several pieces.
    fn is_checked(&self, number: usize) -> bool {
        self.reach == Reach::Whole && self.is_whole(number) && 1 < self.piece_count(number)
    }

    /// Requests the checksum of an object, unless it was requested before.
    fn expect(self: &Arc<Self>, state: &mut State, number: usize, object: &Object) {
        state.expected.entry(number).or_insert_with(|| {
            let expected = Arc::<OnceCell<Expected>>::default();
            let (shared, object, cell) = (Arc::clone(self), object.clone(), Arc::clone(&expected));
            // The first piece arrives meanwhile, and then asks for the result.
            self.handle.spawn(async move { shared.expected(&cell, &object).await.is_ok() });
            expected
        });
    }

    async fn expected(
        &self,
        cell: &OnceCell<Expected>,
        object: &Object,
    ) -> Result<Expected, AwsError> {
        let request = || Expected::request(&self.s3.clients, object);
        cell.get_or_try_init(request).await.copied()
    }

    async fn fetch(
        &self,
        number: usize,
        object: &Object,
        range: Range<u64>,
    ) -> Result<Fetched, AwsError> {
        let (bytes, is_one_response) = fetch(&self.s3.clients, object, range).await?;
        // A whole object that comes in one response is checked by the SDK.
        let was_resumed = !is_one_response && self.reach == Reach::Whole && self.is_whole(number);
        if !was_resumed && !self.is_checked(number) {
            return Ok(Fetched { bytes, sum: None });
        }
        let cell = Arc::clone(self.state().expected.entry(number).or_default());
        let expected = self.expected(&cell, object).await?;
        let sum = Some((expected, expected.crc_of(&bytes)));
        Ok(Fetched { bytes, sum })
    }

    /// Keeps a piece that has arrived, unless its reader is gone.
    fn receive(&self, piece: PieceId, fetched: Result<Fetched, AwsError>, took: Duration) {
        let mut state = self.state();
        state.in_flight -= 1;
        state.in_flight_max = adjust_max(state.in_flight_max, took);
        if state.needed_from.get(piece.0).is_some_and(|needed| piece.1 < *needed) {
            state.pieces.remove(&piece);
            state.held -= self.cost(piece);
        } else {
            state.pieces.insert(piece, fetched.map_or_else(Piece::Failed, Piece::Fetched));
        }
        drop(state);
        self.arrived.notify_all();
        self.room.notify_one();
    }

    /// Waits for a piece. It counts in the window until [`Shared::release`].
    fn take(self: &Arc<Self>, piece: PieceId) -> Result<Fetched, AwsError> {
        let mut state = self.state();
        loop {
            match state.pieces.get(&piece) {
                None => self.request(&mut state, piece),
                Some(Piece::InFlight) => {
                    let waited = self.arrived.wait_timeout(state, POLL_INTERVAL);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    if self.s3.session().is_stopped() {
                        return Err(AwsError::stopped());
                    }
                }
                Some(Piece::Failed(error)) => {
                    self.s3.session().note(error);
                    return Err(error.clone());
                }
                Some(Piece::Fetched(_)) => {
                    let Some(Piece::Fetched(fetched)) = state.pieces.remove(&piece) else {
                        continue;
                    };
                    if let Some(needed_from) = state.needed_from.get_mut(piece.0) {
                        *needed_from = piece.1 + 1;
                    }
                    return Ok(fetched);
                }
            }
        }
    }

    /// Makes room for `cost` more bytes.
    fn release(&self, cost: u64) {
        if 0 < cost {
            let mut state = self.state();
            state.held -= cost;
            drop(state);
            self.room.notify_one();
        }
    }

    /// Drops the pieces of an object that nobody reads any more.
    fn close(&self, object: usize) {
        let mut state = self.state();
        if let Some(needed_from) = state.needed_from.get_mut(object) {
            *needed_from = u64::MAX;
        }
        // Those in flight are dropped when they arrive.
        let arrived = |piece: &Piece| !matches!(piece, Piece::InFlight);
        let of_object = state.pieces.iter().filter(|(id, piece)| id.0 == object && arrived(piece));
        let unread: Vec<PieceId> = of_object.map(|(id, _)| *id).collect();
        for piece in unread {
            state.pieces.remove(&piece);
            state.held -= self.cost(piece);
        }
        drop(state);
        self.room.notify_one();
    }
}

/// How many requests may be in flight after one of them took this long.
fn adjust_max(in_flight_max: usize, took: Duration) -> usize {
    let next = if took < SLOW { in_flight_max + 1 } else { in_flight_max - 1 };
    next.clamp(REQUESTS_MIN, REQUESTS)
}

/// Reads an object from where it is wanted.
pub(crate) struct ObjectReader {
    shared: Arc<Shared>,
    object: usize,
    /// The number of the next piece.
    next: u64,
    /// The current piece.
    piece: Vec<u8>,
    /// How many bytes of it were read.
    at: usize,
    /// What it counts for in the window, in bytes.
    cost: u64,
    /// The checksum of the pieces so far. `None` before the first, or if there is only one.
    sum: Option<Sum>,
}

impl ObjectReader {
    /// Takes the next piece. Fails if it is the last one and the object has another checksum.
    fn take_next(&mut self) -> Result<(), AwsError> {
        let next = (self.object, self.next);
        let Fetched { bytes, sum } = self.shared.take(next)?;
        self.cost = self.shared.cost(next);
        self.next += 1;
        if let Some((expected, crc)) = sum {
            let sum = self.sum.get_or_insert_with(|| Sum::new(expected));
            sum.add(&bytes, crc);
            if self.next == self.shared.piece_count(self.object)
                && let Some(wanted) = self.shared.wanted(self.object)
            {
                sum.check(&wanted.object)?;
            }
        }
        self.piece = bytes;
        Ok(())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            self.shared.release(mem::take(&mut self.cost));
            self.piece = Vec::new();
            self.at = 0;
            if self.shared.piece_count(self.object) <= self.next {
                return Ok(0);
            }
            self.take_next().map_err(io::Error::other)?;
        }
        let count = self.piece.get(self.at..).unwrap_or(&[]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        self.shared.release(mem::take(&mut self.cost));
        self.shared.close(self.object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_server_is_sent_fewer_requests_at_once() {
        let after = |count: usize, took: u64| {
            let took = Duration::from_millis(took);
            (0..count).fold(REQUESTS_FIRST, |max, _| adjust_max(max, took))
        };
        assert_eq!(after(1, 50), REQUESTS_FIRST + 1);
        assert_eq!(after(1, 5000), REQUESTS_FIRST - 1);
        assert_eq!(after(1000, 50), REQUESTS);
        assert_eq!(after(1000, 5000), REQUESTS_MIN);
    }
}

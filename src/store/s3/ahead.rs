//! Reads objects before they are asked for, in pieces, many at once and within a bound.
//!
//! - Pieces are fetched in reading order as long as all that is held stays under [`WINDOW`]; one
//!   that is asked for and not yet on its way is fetched at once, so nobody waits for what waits
//!   for them. At most each thread of the pool holds one such piece beside the window.
//! - Each request is pinned to the `ETag` that the listing gave: a change is an error, never a mix.
//! - A read that breaks off goes on at its byte, after a pause that grows, a number of times.

use std::{
    collections::HashMap,
    io::{self, Read},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::client::{Clients, S3};
use super::fetch::fetch;
use super::list::Object;
use crate::store::aws::AwsError;

/// Bytes of a piece, and of a first piece where only beginnings are read.
pub(crate) const PIECE: u64 = 4 << 20;
const HEAD: u64 = 128 << 10;
/// Bytes that are held ahead of whoever reads.
pub(crate) const WINDOW: u64 = 32 << 20;
/// Requests at once at most: for many small objects, whose answers are far and come all the same.
pub(crate) const REQUESTS: usize = 512;
/// How many there are at first, and at least.
const REQUESTS_FIRST: usize = 256;
const REQUESTS_LEAST: usize = 32;
/// A server that takes longer to answer is not helped by more of them.
const QUICK: Duration = Duration::from_millis(500);
/// What a piece costs beside its bytes: a request, its answer and a connection.
pub(crate) const REQUEST_BYTES: u64 = 64 << 10;
/// How long a signal waits at most.
const SIGNAL: Duration = Duration::from_millis(100);

/// What will be read of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Whole,
    /// Their beginnings, as a rule.
    Heads,
}

/// Objects that are read ahead; none where there is no such input at that place.
pub(crate) struct ReadAhead {
    shared: Arc<Shared>,
}

struct Shared {
    s3: Arc<Clients>,
    handle: tokio::runtime::Handle,
    stop: S3Stop,
    objects: Vec<Option<Object>>,
    piece: u64,
    reach: Reach,
    state: Mutex<ReadAheadState>,
    /// A piece has come, or failed.
    came: Condvar,
    /// There is room to fetch more.
    room: Notify,
    is_closed: AtomicBool,
}

type S3Stop = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Default)]
struct ReadAheadState {
    /// The next piece in reading order.
    next: (usize, u64),
    pieces: HashMap<(usize, u64), Slot>,
    /// Of each object, the first piece that somebody may still want.
    wanted: Vec<u64>,
    /// Bytes on their way, waiting, or in the hands of a reader.
    held: u64,
    on_their_way: usize,
    /// Requests that may be made at once now.
    at_once: usize,
}

enum Slot {
    OnItsWay,
    Here(Vec<u8>),
    Failed(AwsError),
}

impl ReadAhead {
    /// Begins to read these objects, which stand in reading order.
    pub(crate) fn new(
        s3: &S3,
        objects: Vec<Option<Object>>,
        reach: Reach,
    ) -> Result<ReadAhead, AwsError> {
        let at_once = REQUESTS_FIRST;
        let state =
            ReadAheadState { wanted: vec![0; objects.len()], at_once, ..ReadAheadState::default() };
        let stop = s3.clone();
        let shared = Arc::new(Shared {
            s3: Arc::clone(&s3.clients),
            handle: s3.session().handle()?,
            stop: Arc::new(move || stop.session().is_stopped()),
            objects,
            piece: if reach == Reach::Whole { PIECE } else { HEAD },
            reach,
            state: Mutex::new(state),
            came: Condvar::new(),
            room: Notify::new(),
            is_closed: AtomicBool::new(false),
        });
        shared.handle.spawn(drive(Arc::clone(&shared)));
        Ok(ReadAhead { shared })
    }

    /// The bytes of one of the objects.
    pub(crate) fn open(&self, object: usize) -> ObjectReader {
        let shared = Arc::clone(&self.shared);
        if let Some(wanted) = shared.state().wanted.get_mut(object) {
            *wanted = 0;
        }
        ObjectReader { shared, object, next: 0, piece: Vec::new(), at: 0, cost: 0 }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        self.shared.room.notify_one();
    }
}

/// Fetches in reading order while there is room.
async fn drive(shared: Arc<Shared>) {
    while !shared.is_closed.load(Ordering::Relaxed) && !shared.begin_what_fits() {
        shared.room.notified().await;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, ReadAheadState> {
        // Nothing panics while it holds the state, and each change of it is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends on their way what there is room for; true if that is the last of it.
    fn begin_what_fits(self: &Arc<Self>) -> bool {
        let mut state = self.state();
        while let Some(place) = self.next_place(&mut state) {
            self.begin(&mut state, place);
        }
        self.objects.len() <= state.next.0
    }

    /// The next piece in reading order that nobody has fetched, if there is room for it.
    fn next_place(&self, state: &mut ReadAheadState) -> Option<(usize, u64)> {
        loop {
            let (object, number) = state.next;
            let is_all = self.objects.len() <= object;
            if is_all || state.at_once <= state.on_their_way {
                return None;
            }
            let pieces = match self.reach {
                Reach::Whole => self.pieces(object),
                Reach::Heads => self.pieces(object).min(1),
            };
            if pieces <= number {
                state.next = (object + 1, 0);
                continue;
            }
            let is_passed = state.wanted.get(object).is_none_or(|wanted| number < *wanted);
            if is_passed || state.pieces.contains_key(&(object, number)) {
                state.next = (object, number + 1);
                continue;
            }
            if WINDOW < state.held + self.cost(object, number) {
                return None;
            }
            state.next = (object, number + 1);
            return Some((object, number));
        }
    }

    fn pieces(&self, object: usize) -> u64 {
        let bytes = self.objects.get(object).and_then(Option::as_ref).map_or(0, |o| o.bytes);
        bytes.div_ceil(self.piece)
    }

    fn range(&self, object: usize, number: u64) -> std::ops::Range<u64> {
        let bytes = self.objects.get(object).and_then(Option::as_ref).map_or(0, |o| o.bytes);
        let start = number * self.piece;
        start..bytes.min(start + self.piece)
    }

    fn cost(&self, object: usize, number: u64) -> u64 {
        let range = self.range(object, number);
        range.end.saturating_sub(range.start) + REQUEST_BYTES
    }

    /// Sends a piece on its way.
    fn begin(self: &Arc<Self>, state: &mut ReadAheadState, place: (usize, u64)) {
        let (object, number) = place;
        let Some(Some(found)) = self.objects.get(object) else { return };
        state.held += self.cost(object, number);
        state.on_their_way += 1;
        state.pieces.insert(place, Slot::OnItsWay);
        let (shared, found, range) = (Arc::clone(self), found.clone(), self.range(object, number));
        self.handle.spawn(async move {
            let asked = Instant::now();
            let fetched = fetch(&shared.s3, &found, range).await;
            let mut state = shared.state();
            state.on_their_way -= 1;
            state.at_once = paced(state.at_once, asked.elapsed());
            if state.wanted.get(object).is_some_and(|wanted| number < *wanted) {
                // Its reader has gone.
                state.pieces.remove(&place);
                state.held -= shared.cost(object, number);
            } else {
                state.pieces.insert(place, fetched.map_or_else(Slot::Failed, Slot::Here));
            }
            drop(state);
            shared.came.notify_all();
            shared.room.notify_one();
        });
    }

    /// Waits for a piece; it stays counted until [`Shared::release`].
    fn take(self: &Arc<Self>, place: (usize, u64)) -> Result<Vec<u8>, AwsError> {
        let mut state = self.state();
        loop {
            match state.pieces.get(&place) {
                None => self.begin(&mut state, place),
                Some(Slot::OnItsWay) => {
                    let waited = self.came.wait_timeout(state, SIGNAL);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    if (self.stop)() {
                        return Err(AwsError::stopped());
                    }
                }
                Some(Slot::Failed(error)) => return Err(error.clone()),
                Some(Slot::Here(_)) => {
                    let Some(Slot::Here(bytes)) = state.pieces.remove(&place) else { continue };
                    if let Some(wanted) = state.wanted.get_mut(place.0) {
                        *wanted = place.1 + 1;
                    }
                    return Ok(bytes);
                }
            }
        }
    }

    fn release(&self, cost: u64) {
        if 0 < cost {
            let mut state = self.state();
            state.held -= cost;
            drop(state);
            self.room.notify_one();
        }
    }

    /// Nobody reads this object any more.
    fn close(&self, object: usize) {
        let mut state = self.state();
        if let Some(wanted) = state.wanted.get_mut(object) {
            *wanted = u64::MAX;
        }
        let is_waiting = |slot: &Slot| !matches!(slot, Slot::OnItsWay);
        let done: Vec<(usize, u64)> = state
            .pieces
            .iter()
            .filter(|((of, _), slot)| *of == object && is_waiting(slot))
            .map(|(place, _)| *place)
            .collect();
        for place in done {
            state.pieces.remove(&place);
            state.held -= self.cost(place.0, place.1);
        }
        drop(state);
        self.room.notify_one();
    }
}

/// How many requests may be made at once after one of so many took so long.
fn paced(at_once: usize, took: Duration) -> usize {
    let next = if took < QUICK { at_once + 1 } else { at_once - 1 };
    next.clamp(REQUESTS_LEAST, REQUESTS)
}

/// The bytes of one object, from its start.
pub(crate) struct ObjectReader {
    shared: Arc<Shared>,
    object: usize,
    /// The piece after this one.
    next: u64,
    piece: Vec<u8>,
    /// What of the piece is read.
    at: usize,
    /// What the piece is counted for.
    cost: u64,
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            self.shared.release(std::mem::take(&mut self.cost));
            self.piece = Vec::new();
            self.at = 0;
            if self.shared.pieces(self.object) <= self.next {
                return Ok(0);
            }
            let place = (self.object, self.next);
            self.piece = self.shared.take(place).map_err(io::Error::other)?;
            self.cost = self.shared.cost(self.object, self.next);
            self.next += 1;
        }
        let count = self.piece.get(self.at..).unwrap_or(&[]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        self.shared.release(std::mem::take(&mut self.cost));
        self.shared.close(self.object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_slow_is_asked_less_at_once() {
        let after = |count: usize, took: u64| {
            let took = Duration::from_millis(took);
            (0..count).fold(REQUESTS_FIRST, |at_once, _| paced(at_once, took))
        };
        assert_eq!(after(1, 50), REQUESTS_FIRST + 1);
        assert_eq!(after(1, 5000), REQUESTS_FIRST - 1);
        assert_eq!(after(1000, 50), REQUESTS);
        assert_eq!(after(1000, 5000), REQUESTS_LEAST);
    }
}

//! A reader whose bytes are produced ahead of the thread that reads them.
//!
//! Inflating an archive takes longer than reading a plain file, so it must not hold up the one
//! thread that reads the inputs. [`ReadAhead`] wraps the inflating reader (the *source*), and jobs
//! of the thread pool read pieces from it while records of earlier pieces are processed. With
//! several archives open, several are inflated at the same time.
//!
//! No thread is reserved for it. One job of the pool produces one piece and schedules the next job,
//! until [`READY_MAX`] pieces wait to be read. Whoever holds the source works; everyone else finds
//! it missing and leaves. A reader that finds no piece ready produces one itself if the source is
//! free; otherwise it does other work of the pool or waits.
//!
//! Invariants:
//!
//! - Pieces are read in the order of the source, because only the holder of the source appends one.
//! - All pieces but the last have [`PIECE_BYTES`], so what is read before an error does not depend
//!   on the number of threads or on timing.
//! - At most [`PIECES_MAX`] pieces exist, and their buffers are reused.

use std::{
    collections::VecDeque,
    io::{self, Read},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use rayon::Yield;

use super::error::Panicked;

/// The size of a piece: a fraction of a millisecond of work.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// The number of pieces that may wait to be read.
const READY_MAX: usize = 4;
/// The number of pieces that may exist: those that wait, the one being read and the one being
/// produced.
pub(super) const PIECES_MAX: usize = READY_MAX + 2;

pub(super) struct ReadAhead {
    shared: Arc<Shared>,
    piece: Vec<u8>,
    /// How much of the piece has been read.
    at: usize,
}

struct Shared {
    state: Mutex<State>,
    /// Notified when a piece is ready or the source is back.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` while a thread reads from it, and after its end.
    source: Option<Box<dyn Read + Send>>,
    ready: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// How the source ended.
    end: Option<io::Result<()>>,
    /// Whether a job is scheduled that has not begun.
    is_scheduled: bool,
}

impl ReadAhead {
    /// Starts to read `source` ahead.
    pub(super) fn new(source: Box<dyn Read + Send>) -> ReadAhead {
        let state = State { source: Some(source), ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        shared.schedule();
        ReadAhead { shared, piece: Vec::new(), at: 0 }
    }

    /// Moves on to the next piece. Returns false at the end.
    fn next_piece(&mut self) -> io::Result<bool> {
        loop {
            let mut state = self.shared.state();
            if let Some(next) = state.ready.pop_front() {
                state.spare.push(std::mem::replace(&mut self.piece, next));
                self.at = 0;
                drop(state);
                self.shared.schedule();
                return Ok(true);
            }
            if let Some(end) = &mut state.end {
                return std::mem::replace(end, Ok(())).map(|()| false);
            }
            let is_free = state.source.is_some();
            drop(state);
            if is_free {
                self.shared.produce_piece();
            } else if rayon::yield_now() != Some(Yield::Executed) {
                self.shared.wait();
            }
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !self.next_piece()? {
            return Ok(0);
        }
        let count = self.piece.get(self.at..).unwrap_or(&[]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and every change leaves the state consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Schedules a job that produces the next piece, if there is room for one. Outside a pool
    /// nothing is scheduled, and the reader produces the pieces.
    fn schedule(self: &Arc<Self>) {
        let mut state = self.state();
        let has_room =
            state.source.is_some() && state.ready.len() < READY_MAX && !state.is_scheduled;
        if has_room && rayon::current_thread_index().is_some() {
            state.is_scheduled = true;
            let shared = Arc::clone(self);
            rayon::spawn(move || {
                shared.state().is_scheduled = false;
                shared.produce_piece();
                shared.schedule();
            });
        }
    }

    /// Produces a piece, if there is room for one and no other thread has the source.
    fn produce_piece(&self) {
        let mut state = self.state();
        if READY_MAX <= state.ready.len() {
            return;
        }
        let Some(mut source) = state.source.take() else { return };
        let mut piece = state.spare.pop().unwrap_or_default();
        drop(state);
        // A panic in a job of the pool would abort the process. It becomes an error of the run.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| fill(&mut source, &mut piece)));
        let mut state = self.state();
        if !piece.is_empty() {
            state.ready.push_back(piece);
        }
        match outcome {
            Ok(Ok(true)) => state.source = Some(source),
            Ok(Ok(false)) => state.end = Some(Ok(())),
            Ok(Err(error)) => state.end = Some(Err(error)),
            Err(_) => state.end = Some(Err(io::Error::other(Panicked))),
        }
        self.changed.notify_all();
    }

    /// Waits until the thread that has the source is done with its piece.
    fn wait(&self) {
        let is_busy = |state: &mut State| {
            state.ready.is_empty() && state.end.is_none() && state.source.is_none()
        };
        // The caller looks at the state again, so the guard is of no use here.
        drop(self.changed.wait_while(self.state(), is_busy));
    }
}

/// Fills a piece. Returns false if the source ended. What was read before an error stays in it.
fn fill(source: &mut dyn Read, piece: &mut Vec<u8>) -> io::Result<bool> {
    piece.clear();
    let want = u64::try_from(PIECE_BYTES).expect("a piece is small");
    source.take(want).read_to_end(piece)?;
    Ok(piece.len() == PIECE_BYTES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns bytes in portions of odd sizes, and then fails if `fails`.
    struct Odd {
        bytes: Vec<u8>,
        at: usize,
        portion: usize,
        fails: bool,
    }

    impl Read for Odd {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let rest = self.bytes.get(self.at..).unwrap_or(&[]);
            if rest.is_empty() && self.fails {
                return Err(io::Error::other("broken"));
            }
            let count = rest.len().min(self.portion).min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.at += count;
            Ok(count)
        }
    }

    fn read_all(len: usize, portion: usize, fails: bool, threads: usize) -> (Vec<u8>, bool) {
        let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let read = || {
            let mut found = Vec::new();
            let odd = Odd { bytes: bytes.clone(), at: 0, portion, fails };
            let outcome = ReadAhead::new(Box::new(odd)).read_to_end(&mut found);
            (found, outcome.is_err())
        };
        let (found, has_failed) = pool.install(read);
        assert_eq!(found, bytes);
        (found, has_failed)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_bytes_are_those_of_the_source(
            len in 0_usize..4 * PIECE_BYTES,
            portion in 1000_usize..PIECE_BYTES * 2,
            fails in any::<bool>(),
            threads in 1_usize..4,
        ) {
            let (_, has_failed) = read_all(len, portion, fails, threads);
            prop_assert_eq!(has_failed, fails);
        }
    }

    #[test]
    fn a_panic_of_the_source_is_an_error() {
        struct Panics;
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("no value here")
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| ReadAhead::new(Box::new(Panics)).read(&mut [0; 9])).expect_err("it failed");
    }
}

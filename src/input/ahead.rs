//! A reader whose bytes are made ahead of whoever reads them, by any thread of the pool that has
//! time: so an archive is inflated while its records are processed, and several side by side.
//!
//! There is no thread that only inflates. A job of the pool makes one piece and asks for the next,
//! until some wait to be read; whoever needs one that nobody has begun makes it at once. The
//! pieces have one size, so what is read before a fault does not depend on who read it.

use std::{
    collections::VecDeque,
    io::{self, Read},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use rayon::Yield;

use super::error::Panicked;

/// Bytes of a piece: a fraction of a millisecond of work.
pub(crate) const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait to be read.
const PIECES_MAX: usize = 4;
/// Pieces that exist: those that wait, the one being read, and the one being made.
pub(crate) const PIECES_IN_ALL: usize = PIECES_MAX + 2;

pub(crate) struct Ahead {
    shared: Arc<Shared>,
    piece: Vec<u8>,
    /// What of the piece is read.
    at: usize,
}

struct Shared {
    state: Mutex<InflateState>,
    /// Something is ready, or the maker is back.
    changed: Condvar,
}

#[derive(Default)]
struct InflateState {
    /// Here unless somebody works with it, or it has ended.
    maker: Option<Box<dyn Read + Send>>,
    ready: VecDeque<Vec<u8>>,
    used: Vec<Vec<u8>>,
    end: Option<io::Result<()>>,
    /// A job waits to begin.
    is_asked: bool,
}

impl Ahead {
    /// Makes the bytes of `maker` ahead, from now on.
    pub(crate) fn new(maker: Box<dyn Read + Send>) -> Ahead {
        let state = InflateState { maker: Some(maker), ..InflateState::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        shared.ask();
        Ahead { shared, piece: Vec::new(), at: 0 }
    }

    /// The next piece; false at the end.
    fn next_piece(&mut self) -> io::Result<bool> {
        loop {
            let mut state = self.shared.state();
            if let Some(next) = state.ready.pop_front() {
                state.used.push(std::mem::replace(&mut self.piece, next));
                self.at = 0;
                drop(state);
                self.shared.ask();
                return Ok(true);
            }
            if let Some(end) = &mut state.end {
                return std::mem::replace(end, Ok(())).map(|()| false);
            }
            let is_here = state.maker.is_some();
            drop(state);
            if is_here {
                self.shared.make_piece();
            } else if rayon::yield_now() != Some(Yield::Executed) {
                self.shared.wait();
            }
        }
    }
}

impl Read for Ahead {
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
    fn state(&self) -> MutexGuard<'_, InflateState> {
        // Nothing panics while it holds the state, and each change of it is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a thread of the pool make the next piece when it has time. Outside of a pool, whoever
    /// reads makes it.
    fn ask(self: &Arc<Self>) {
        let mut state = self.state();
        let is_wanted = state.maker.is_some() && state.ready.len() < PIECES_MAX && !state.is_asked;
        if is_wanted && rayon::current_thread_index().is_some() {
            state.is_asked = true;
            let shared = Arc::clone(self);
            rayon::spawn(move || {
                shared.state().is_asked = false;
                shared.make_piece();
                shared.ask();
            });
        }
    }

    /// Makes a piece, if one is wanted and nobody makes it.
    fn make_piece(&self) {
        let mut state = self.state();
        if PIECES_MAX <= state.ready.len() {
            return;
        }
        let Some(mut maker) = state.maker.take() else { return };
        let mut piece = state.used.pop().unwrap_or_default();
        drop(state);
        // A panic in a job would end the process: it ends the run as others do.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| fill(&mut maker, &mut piece)));
        let mut state = self.state();
        if !piece.is_empty() {
            state.ready.push_back(piece);
        }
        match outcome {
            Ok(Ok(true)) => state.maker = Some(maker),
            Ok(Ok(false)) => state.end = Some(Ok(())),
            Ok(Err(error)) => state.end = Some(Err(error)),
            Err(_) => state.end = Some(Err(io::Error::other(Panicked))),
        }
        self.changed.notify_all();
    }

    /// Waits until another thread has made what it is making.
    fn wait(&self) {
        let is_busy = |state: &mut InflateState| {
            state.ready.is_empty() && state.end.is_none() && state.maker.is_none()
        };
        // Whoever is woken looks at the state again.
        drop(self.changed.wait_while(self.state(), is_busy));
    }
}

/// Fills a piece; false where the end comes first. What was read before a fault stands.
fn fill(maker: &mut dyn Read, piece: &mut Vec<u8>) -> io::Result<bool> {
    piece.clear();
    let want = u64::try_from(PIECE_BYTES).expect("a piece is small");
    maker.take(want).read_to_end(piece)?;
    Ok(piece.len() == PIECE_BYTES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives bytes in odd portions, and then a fault.
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
            let outcome = Ahead::new(Box::new(odd)).read_to_end(&mut found);
            (found, outcome.is_err())
        };
        let (found, has_failed) = pool.install(read);
        assert_eq!(found, bytes);
        (found, has_failed)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_bytes_are_the_makers(
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
    fn a_panic_of_the_maker_is_an_error() {
        struct Panics;
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("no value here")
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| Ahead::new(Box::new(Panics)).read(&mut [0; 9])).expect_err("it failed");
    }
}

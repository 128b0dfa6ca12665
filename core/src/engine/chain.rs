//! Work that must be done in order, one piece after the other, while other work goes on beside it.
//!
//! A digest such as SHA-256 is a chain: the next piece of the bytes can't be digested before the
//! last one was. A [`Chain`] does its pieces in the order in which they were added, each on whatever
//! thread of the pool is free. Several chains run side by side.
//!
//! At most one job of a chain is in the pool. It takes pieces until none is waiting, and never
//! waits itself.

use std::{
    collections::VecDeque,
    fmt, mem,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, SyncSender},
    },
    thread,
};

use super::deferred::{Deferred, start};

/// A value that pieces of work change one after the other.
pub struct Chain<S>(Arc<Mutex<State<S>>>);

struct State<S> {
    /// `None` while a piece is being done.
    value: Option<S>,
    waiting: VecDeque<Piece<S>>,
    /// Whether a job of this chain is in the pool.
    has_job: bool,
}

struct Piece<S> {
    work: Box<dyn FnOnce(&mut S) + Send>,
    done: SyncSender<thread::Result<()>>,
}

impl<S: Send + 'static> Chain<S> {
    pub fn new(value: S) -> Chain<S> {
        let state = State { value: Some(value), waiting: VecDeque::new(), has_job: false };
        Chain(Arc::new(Mutex::new(state)))
    }

    /// Adds a piece of work. The result is there once it and all pieces before it are done; what the
    /// work owns is dropped before that.
    pub fn add(&self, work: impl FnOnce(&mut S) + Send + 'static) -> Deferred<()> {
        let (done, receiver) = mpsc::sync_channel(1);
        let mut state = lock(&self.0);
        state.waiting.push_back(Piece { work: Box::new(work), done });
        let had_job = mem::replace(&mut state.has_job, true);
        drop(state);
        if !had_job {
            let chain = Arc::clone(&self.0);
            start(move || run(&chain));
        }
        Deferred::new(receiver)
    }

    /// The value, after the results of all pieces were waited for.
    ///
    /// # Panics
    ///
    /// If a piece is still being done.
    pub fn finish(self) -> S {
        lock(&self.0).value.take().expect("the caller waited for all pieces")
    }
}

/// Does the pieces that are waiting.
fn run<S>(chain: &Mutex<State<S>>) {
    while let Some((Piece { work, done }, mut value)) = next(chain) {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(&mut value)));
        lock(chain).value = Some(value);
        // The receiver is gone only if the run has already failed.
        done.send(outcome).ok();
    }
}

/// Takes the next piece and the value; `None` if no piece is waiting, and the job is over.
fn next<S>(chain: &Mutex<State<S>>) -> Option<(Piece<S>, S)> {
    let mut state = lock(chain);
    let piece = state.waiting.pop_front();
    state.has_job = piece.is_some();
    Some((piece?, state.value.take()?))
}

/// Nothing panics while a chain is locked.
fn lock<S>(chain: &Mutex<State<S>>) -> MutexGuard<'_, State<S>> {
    chain.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> fmt::Debug for Chain<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pool<O: Send>(threads: usize, work: impl FnOnce() -> O + Send) -> O {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
    }

    #[test]
    fn pieces_are_done_in_order_on_any_number_of_threads() {
        let work = || {
            let chains: Vec<Chain<Vec<usize>>> = (0..3).map(|_| Chain::new(Vec::new())).collect();
            let mut added = VecDeque::new();
            for number in 0..500 {
                let chain = chains.get(number % 3).expect("one of three");
                added.push_back(chain.add(move |done| done.push(number)));
                if 10 < added.len() {
                    added.pop_front().into_iter().for_each(Deferred::wait);
                }
            }
            added.into_iter().for_each(Deferred::wait);
            chains.into_iter().map(Chain::finish).collect::<Vec<_>>()
        };
        for done in [work(), in_pool(1, work), in_pool(4, work)] {
            for (first, done) in done.into_iter().enumerate() {
                assert_eq!(done, (first..500).step_by(3).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_a_piece_owns_is_dropped_before_its_result_is_there() {
        in_pool(2, || {
            let chain = Chain::new(());
            for _ in 0..200 {
                let owned = Arc::new(());
                let piece = Arc::clone(&owned);
                chain.add(move |()| drop(piece)).wait();
                assert_eq!(Arc::strong_count(&owned), 1);
            }
        });
    }

    #[test]
    #[should_panic(expected = "in a piece")]
    fn a_panic_continues_in_the_thread_that_waits() {
        let chain = Chain::new(0);
        let first = chain.add(|_| panic!("in a piece"));
        chain.add(|value| *value += 1).wait();
        first.wait();
    }
}

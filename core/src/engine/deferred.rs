//! Work that is started now and whose result is needed later.
//!
//! # Who may wait
//!
//! A thread that waits does other work of the pool meanwhile, on top of its stack. If that other
//! work waited too, for work that is suspended further down on the same stack, neither could go
//! on. So only a thread on whose stack there is no work of the pool may wait: the coordinator of
//! [`map_ordered`](super::map_ordered), which enters the pool before there is any work in it.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc,
    thread,
};

use rayon::Yield;

/// The result of deferred work, which may not be there yet.
pub struct Deferred<O>(mpsc::Receiver<thread::Result<O>>);

/// Starts work in the current thread's pool. Outside a pool, the work is done before this returns.
/// What the work owns is dropped before its result is there.
pub fn defer<O: Send + 'static>(work: impl FnOnce() -> O + Send + 'static) -> Deferred<O> {
    let (sender, receiver) = mpsc::sync_channel(1);
    start(move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(work));
        // The receiver is gone only if the run has already failed.
        sender.send(outcome).ok();
    });
    Deferred(receiver)
}

/// Starts work in the current thread's pool. Outside a pool, the work is done before this returns.
pub(super) fn start(work: impl FnOnce() + Send + 'static) {
    match rayon::current_thread_index() {
        Some(_) => rayon::spawn(work),
        None => work(),
    }
}

impl<O> Deferred<O> {
    /// The result that will be sent through this channel.
    pub(super) fn new(receiver: mpsc::Receiver<thread::Result<O>>) -> Deferred<O> {
        Deferred(receiver)
    }

    /// Returns the result. Until it is there, this thread does other work of the pool.
    ///
    /// # Panics
    ///
    /// If the work panicked, the panic continues here.
    pub fn wait(self) -> O {
        loop {
            if let Ok(outcome) = self.0.try_recv() {
                return super::resume(outcome);
            }
            // If there is no other work, another thread is busy with this: block until it is done.
            if rayon::yield_now() != Some(Yield::Executed) {
                return super::resume(self.0.recv().expect("the work sends once"));
            }
        }
    }
}

impl<O> std::fmt::Debug for Deferred<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deferred")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_inside_and_outside_a_pool() {
        assert_eq!(defer(|| 1).wait(), 1);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let sum = pool.install(|| {
                let begun: Vec<Deferred<u64>> =
                    (0..10).map(|number| defer(move || number)).collect();
                begun.into_iter().map(Deferred::wait).sum::<u64>()
            });
            assert_eq!(sum, 45);
        }
    }

    #[test]
    #[should_panic(expected = "in the work")]
    fn a_panic_continues_in_the_thread_that_waits() {
        defer(|| panic!("in the work")).wait();
    }
}

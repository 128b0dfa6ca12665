//! One piece of work that is begun now and asked for later.
//!
//! A thread that waits does other work meanwhile, and whatever waits inside of work may be such
//! other work. So only what no work stands on may wait here: the thread that coordinates, which
//! entered the pool before there was any. Else it could wait for what lies below it on its stack.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc,
    thread,
};

use rayon::Yield;

/// What another thread of the pool makes.
pub struct Deferred<O>(mpsc::Receiver<thread::Result<O>>);

/// Lets the pool that this is called in do some work. Outside of a pool it is done at once.
pub fn defer<O: Send + 'static>(work: impl FnOnce() -> O + Send + 'static) -> Deferred<O> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let work = move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(work));
        // The receiver is gone only when the run has already failed.
        sender.send(outcome).ok();
    };
    match rayon::current_thread_index() {
        Some(_) => rayon::spawn(work),
        None => work(),
    }
    Deferred(receiver)
}

impl<O> Deferred<O> {
    /// The outcome; until it is there, this thread does other work of the pool. A panic in the
    /// work is raised again here.
    pub fn wait(self) -> O {
        loop {
            if let Ok(outcome) = self.0.try_recv() {
                return super::unwound(outcome);
            }
            // With nothing left to work on, the work is in the hands of another thread.
            if rayon::yield_now() != Some(Yield::Executed) {
                return super::unwound(self.0.recv().expect("the work sends once"));
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
    fn work_is_done_in_and_outside_of_a_pool() {
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
    fn a_panic_is_raised_where_the_outcome_is_asked_for() {
        defer(|| panic!("in the work")).wait();
    }
}

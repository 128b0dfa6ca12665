//! An ordered parallel map with bounded memory, deferred work, and cancellation.
//!
//! # The ordered map
//!
//! [`map_ordered`] applies a function to every item of an iterator on all threads of a pool, and
//! passes the results on in the order of the items. One thread, the *coordinator*, takes items from
//! the iterator and passes results on. It keeps a queue with an entry for each item that is *in
//! flight*: it was taken, and its result has not been passed on yet.
//!
//! ```text
//! items ──▶ coordinator ──▶ work(4), work(5), work(6)     on any thread of the pool
//!               │                      │
//!               │ queue: [ 4 | 5 | 6 ] ◀── each result goes to the one-slot channel of its entry
//!               ▼
//!             emit(3)                                     in order
//! ```
//!
//! - **Order needs no sorting.** The results of 5 and 6 may be there before that of 4: they stay in
//!   their channels until the coordinator has passed 4 on.
//! - **Memory is bounded.** The queue is the only buffer. Once it holds `in_flight_max` entries,
//!   the coordinator passes one result on before it takes another item. So a slow `emit` slows down
//!   the reading as well.
//! - **The coordinator does not sit idle.** While the oldest result is missing, it does other work
//!   of the pool. A pool of n threads keeps n cores busy and no more, and with one thread the map is
//!   a plain loop.
//! - **The queue is filled first.** Passing on every result that is ready, instead of one for each
//!   item taken, left the other threads without work: two threads were 1.64 times as fast as one,
//!   and 1.94 times with the present order (the main job of `benches/`).
//!
//! # Deferred work
//!
//! [`defer`] starts one piece of work in the pool, and [`Deferred::wait`] returns its result. A run
//! encodes one row group of Parquet in this way while the next one gathers.
//!
//! A [`Chain`] is deferred work that must be done in order, one piece after the other: a digest of a
//! part, say. Its pieces are done on any thread, beside everything else.
//!
//! This module knows nothing about records, files or stores.

mod advance;
mod cancel;
mod chain;
mod deferred;

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    panic::{self, AssertUnwindSafe},
    sync::mpsc,
    thread,
};

pub use advance::Advance;
pub use cancel::{Cancel, Cancelled};
pub use chain::Chain;
pub use deferred::{Deferred, defer};
use rayon::{ThreadPool, Yield};

/// Applies `work` to each input in parallel and passes the outputs to `emit` in input order.
///
/// `inputs` and `emit` run on one thread of the pool, in turns. At most `in_flight_max` inputs or
/// outputs exist at once.
///
/// # Errors
///
/// The first error from `inputs` or `emit`. Work that has begun is finished, but its output is
/// dropped.
///
/// # Panics
///
/// If `work` panics, the panic continues here.
pub fn map_ordered<I, O, E>(
    pool: &ThreadPool,
    in_flight_max: NonZeroUsize,
    inputs: impl Iterator<Item = Result<I, E>> + Send,
    work: impl Fn(I) -> O + Sync,
    emit: impl FnMut(O) -> Result<(), E> + Send,
) -> Result<(), E>
where
    I: Send,
    O: Send,
    E: Send,
{
    let work = &work;
    pool.install(move || map_ordered_here(in_flight_max, inputs, work, emit))
}

/// The same on the pool of the current thread.
///
/// # Errors
///
/// Those of [`map_ordered`], and it panics as that does.
pub fn map_ordered_here<I, O, E>(
    in_flight_max: NonZeroUsize,
    inputs: impl Iterator<Item = Result<I, E>> + Send,
    work: impl Fn(I) -> O + Sync,
    emit: impl FnMut(O) -> Result<(), E> + Send,
) -> Result<(), E>
where
    I: Send,
    O: Send,
    E: Send,
{
    let work = &work;
    rayon::scope_fifo(move |scope| {
        let (mut inputs, mut emit) = (inputs, emit);
        let mut pending = VecDeque::with_capacity(in_flight_max.get());
        loop {
            if pending.len() == in_flight_max.get() {
                emit_oldest(&mut pending, &mut emit)?;
            }
            let Some(input) = inputs.next().transpose()? else {
                break;
            };
            let (sender, receiver) = mpsc::sync_channel(1);
            scope.spawn_fifo(move |_| {
                let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(input)));
                // The receiver is gone only if the map has already failed.
                sender.send(outcome).ok();
            });
            pending.push_back(receiver);
        }
        while !pending.is_empty() {
            emit_oldest(&mut pending, &mut emit)?;
        }
        Ok(())
    })
}

type Pending<O> = VecDeque<mpsc::Receiver<thread::Result<O>>>;

/// Emits the oldest output. Does other work of the pool until it is there.
fn emit_oldest<O, E>(
    pending: &mut Pending<O>,
    emit: &mut impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    let oldest = pending.pop_front().expect("the caller checked the length");
    let outcome = loop {
        if let Ok(outcome) = oldest.try_recv() {
            break outcome;
        }
        // If there is no other work, another thread is busy with the oldest. Block until it is done.
        if rayon::yield_now() != Some(Yield::Executed) {
            break oldest.recv().expect("every job sends once");
        }
    };
    emit(resume(outcome))
}

/// Returns the result of caught work, or continues its panic.
fn resume<O>(outcome: thread::Result<O>) -> O {
    outcome.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn pool(threads: usize) -> ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    fn run(threads: usize, limit: usize, inputs: &[u64]) -> Vec<u64> {
        let mut outputs = Vec::new();
        map_ordered(
            &pool(threads),
            NonZeroUsize::new(limit).unwrap(),
            inputs.iter().copied().map(Ok::<_, ()>),
            |input| {
                // Uneven work, so that jobs end out of order.
                (0..(input % 7) * 1000).for_each(|step| {
                    std::hint::black_box(step);
                });
                input
            },
            |output| {
                outputs.push(output);
                Ok(())
            },
        )
        .unwrap();
        outputs
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn equals_the_plain_map(
            inputs in proptest::collection::vec(any::<u64>(), 0..200),
            threads in 1_usize..5,
            limit in 1_usize..9,
        ) {
            prop_assert_eq!(run(threads, limit, &inputs), inputs);
        }
    }

    #[test]
    fn no_more_than_the_limit_is_in_flight() {
        let (begun, ended, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let inputs = (0..500).map(|input: usize| {
            let count = begun.fetch_add(1, Ordering::SeqCst) + 1 - ended.load(Ordering::SeqCst);
            most.fetch_max(count, Ordering::SeqCst);
            Ok::<_, ()>(input)
        });
        map_ordered(
            &pool(3),
            NonZeroUsize::new(4).unwrap(),
            inputs,
            |input| input,
            |_| {
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(())
            },
        )
        .unwrap();
        assert!(most.load(Ordering::SeqCst) <= 4);
    }

    #[test]
    fn the_first_error_stops_it() {
        let inputs = (0..100).map(|n| if n == 50 { Err("input") } else { Ok(n) });
        let mut seen = 0;
        let result = map_ordered(
            &pool(2),
            NonZeroUsize::new(4).unwrap(),
            inputs,
            |n| n,
            |_| {
                seen += 1;
                Ok(())
            },
        );
        assert_eq!(result, Err("input"));
        let result = map_ordered(
            &pool(2),
            NonZeroUsize::new(4).unwrap(),
            (0..100).map(Ok),
            |n| n,
            |n| if n == 10 { Err("emit") } else { Ok(()) },
        );
        assert_eq!(result, Err("emit"));
        assert!(seen <= 50);
    }

    #[test]
    fn a_panic_in_the_work_continues_in_the_caller() {
        let caught = panic::catch_unwind(|| {
            map_ordered(
                &pool(2),
                NonZeroUsize::new(2).unwrap(),
                (0..9).map(Ok::<_, ()>),
                |n| assert!(n != 5, "no value here"),
                |()| Ok(()),
            )
        });
        assert!(caught.is_err());
    }
}

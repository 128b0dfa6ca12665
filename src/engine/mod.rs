//! Runs a pure function over a stream on every core, and keeps the order.
//!
//! The caller's closure runs inside the pool, reads inputs and emits outputs; the pool's threads
//! do the work in between. The queue of pending outputs is the only buffer, so at most
//! `in_flight_max` inputs exist at once: memory has a bound, and a slow output stops the
//! reading without any other signal.
//!
//! Order costs nothing extra. Each job gets its own one-slot channel, and the channels wait in
//! a queue in input order, so there is nothing to sort.
//!
//! A thread that waits for the oldest output works on younger ones meanwhile. So a pool of n
//! threads uses n cores and no more, and a pool of one thread is a plain loop.
//!
//! This module knows nothing about records, files or stores.

mod cancel;
mod deferred;

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    panic::{self, AssertUnwindSafe},
    sync::mpsc,
    thread,
};

pub use cancel::{Cancel, Cancelled};
pub use deferred::{Deferred, defer};
use rayon::{ThreadPool, Yield};

/// Applies `work` to each input in parallel and gives the outputs to `emit` in input order.
///
/// `inputs` and `emit` run on one thread of the pool, by turns. Stops at the first error from
/// either; work already begun is finished and dropped. A panic in `work` is raised again here.
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
    pool.scope_fifo(move |scope| {
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
                // The receiver is gone only when the run has already failed.
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

/// Emits the oldest output, working on others until it is done.
fn emit_oldest<O, E>(
    pending: &mut Pending<O>,
    emit: &mut impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    let oldest = pending.pop_front().expect("the caller checked the length");
    let outcome = loop {
        if let Ok(outcome) = oldest.try_recv() {
            break outcome;
        }
        // With nothing left to work on, the oldest is in the hands of another thread: wait.
        if rayon::yield_now() != Some(Yield::Executed) {
            break oldest.recv().expect("every job sends once");
        }
    };
    emit(unwound(outcome))
}

fn unwound<O>(outcome: thread::Result<O>) -> O {
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
    fn a_panic_in_the_work_is_raised_again() {
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

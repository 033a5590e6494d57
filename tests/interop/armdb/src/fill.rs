//! Many deterministic keys at once, on as many threads as there are cores.

use std::ops::Range;
use std::thread;

use crate::store::{Answer, Store};

const LEAST_FOR_THREADS: u64 = 10_000;

/// Puts keys `range` of the seed. Each shard is written by one thread and in ascending order of i, so that which
/// slot a key gets does not depend on the threads.
pub fn fill(store: &dyn Store, seed: u64, round: u64, range: Range<u64>) -> Answer<()> {
    let few = range.end - range.start < LEAST_FOR_THREADS;
    let threads = if few { 1 } else { thread::available_parallelism().map_or(1, usize::from) };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let range = range.clone();
                scope.spawn(move || fill_part(store, seed, round, range, (worker, threads)))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => Err("a fill thread panicked".into()),
        })
    })
}

fn fill_part(
    store: &dyn Store,
    seed: u64,
    round: u64,
    mut range: Range<u64>,
    (worker, threads): (usize, usize),
) -> Answer<()> {
    range.try_for_each(|i| {
        if store.shard_of_filled(seed, i) % threads == worker {
            store.put_filled(seed, i, round)?;
        }
        Ok(())
    })
}

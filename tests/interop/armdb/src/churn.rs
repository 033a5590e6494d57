//! Random puts and deletes over the keys of `fill`: paced in a background thread, or a burst at full speed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::keys::splitmix64;
use crate::output::event;
use crate::store::{Answer, Store};

/// What to write: keys 0..keyspace of `seed`, and how often a delete instead of a put.
#[derive(Clone, Copy)]
pub struct Mix {
    pub keyspace: u64,
    pub seed: u64,
    pub delete_percent: u64,
}

/// The number of the next operation: goes on over all bursts and churns of an open store.
pub type OperationNumbers = Arc<AtomicU64>;

/// How fast and how long; rate 0 is unpaced, 0 seconds is until it is stopped.
pub struct Pace {
    pub rate: f64,
    pub seconds: f64,
}

/// Does operation `n`. True if it wrote: a delete of an absent key does not.
fn operate(store: &dyn Store, mix: &Mix, n: u64) -> Answer<bool> {
    let base = splitmix64(mix.seed ^ 0x6368_7572_6E21_6F70).wrapping_add(n.wrapping_mul(2));
    let i = splitmix64(base) % mix.keyspace;
    if splitmix64(base.wrapping_add(1)) % 100 < mix.delete_percent {
        return store.delete_filled(mix.seed, i);
    }
    store.put_filled(mix.seed, i, n + 1)?;
    Ok(true)
}

/// Does `count` operations; answers how many of them wrote.
pub fn burst(store: &dyn Store, mix: &Mix, numbers: &AtomicU64, count: u64) -> Answer<u64> {
    let mut written = 0;
    for _ in 0..count {
        let n = numbers.fetch_add(1, Ordering::Relaxed);
        written += u64::from(operate(store, mix, n)?);
    }
    Ok(written)
}

/// A running churn. It holds the store until it has been stopped.
pub struct Churn {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Answer<u64>>,
}

impl Churn {
    /// Starts the thread; `event churned WRITTEN` follows when its time is up, not when it was stopped.
    pub fn start(store: Arc<dyn Store>, mix: Mix, numbers: OperationNumbers, pace: Pace) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let result = run(store.as_ref(), &mix, &numbers, &pace, &stopped);
            // Let go before the event: whoever reads it may close the store.
            drop(store);
            match &result {
                Ok(written) if !stopped.load(Ordering::Acquire) => event(&format!("churned {written}")),
                Ok(_) => {}
                Err(message) => event(&format!("churn-failed {message}")),
            }
            result
        });
        Self { stop, thread }
    }

    /// Whether its time is up.
    pub fn finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Stops it; answers how many operations wrote.
    pub fn stop(self) -> Answer<u64> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap_or_else(|_| Err("the churn thread panicked".into()))
    }
}

fn run(store: &dyn Store, mix: &Mix, numbers: &AtomicU64, pace: &Pace, stop: &AtomicBool) -> Answer<u64> {
    let started = Instant::now();
    let (mut done, mut written) = (0u64, 0u64);
    while !stop.load(Ordering::Acquire) {
        let elapsed = started.elapsed().as_secs_f64();
        let over = pace.seconds > 0.0 && elapsed >= pace.seconds;
        let upto = if over { pace.seconds } else { elapsed };
        let due = if pace.rate > 0.0 { (upto * pace.rate) as u64 } else { done + 256 };
        if pace.rate > 0.0 || !over {
            // At most 4,096 at once, so that a stop is seen while it is behind.
            let now = due.saturating_sub(done).min(4096);
            written += burst(store, mix, numbers, now)?;
            done += now;
        }
        if over && (pace.rate == 0.0 || done >= due) {
            break;
        }
        if pace.rate > 0.0 && done >= due {
            thread::sleep(Duration::from_micros(500));
        }
    }
    Ok(written)
}

//! A recorder for the `metrics` crate: keeps the counters and gauges that armdb itself counts with, so that a
//! test sees what the leader really sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

type Table = Mutex<HashMap<Key, Arc<AtomicU64>>>;

/// All counters and gauges since the process started; cheap to clone.
#[derive(Clone, Default)]
pub struct Counters {
    counters: Arc<Table>,
    gauges: Arc<Table>,
}

impl Counters {
    /// Makes a table and installs it as the recorder of this process.
    pub fn install() -> Self {
        let counters = Self::default();
        if metrics::set_global_recorder(counters.clone()).is_err() {
            panic!("a metrics recorder is installed already");
        }
        counters
    }

    /// The sum of a counter over all its labels; 0 if it was never touched.
    pub fn sum(&self, name: &str) -> u64 {
        let table = self.counters.lock().unwrap();
        let of_name = table.iter().filter(|(key, _)| key.name() == name);
        of_name.map(|(_, cell)| cell.load(Ordering::Acquire)).sum()
    }

    /// `name{label=value,...}=number` for each, sorted, separated by spaces.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        for (key, cell) in self.counters.lock().unwrap().iter() {
            parts.push(format!("{}={}", label(key), cell.load(Ordering::Acquire)));
        }
        for (key, cell) in self.gauges.lock().unwrap().iter() {
            parts.push(format!("{}={}", label(key), f64::from_bits(cell.load(Ordering::Acquire))));
        }
        parts.sort();
        parts.join(" ")
    }
}

fn label(key: &Key) -> String {
    let labels: Vec<String> = key.labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

fn cell(table: &Table, key: &Key) -> Arc<AtomicU64> {
    let mut table = table.lock().unwrap();
    if let Some(cell) = table.get(key) {
        return cell.clone();
    }
    table.entry(key.clone()).or_default().clone()
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(cell(&self.counters, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(cell(&self.gauges, key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

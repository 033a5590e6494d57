//! The key and value lengths that this program was compiled for.

use std::path::Path;
use std::sync::Arc;

use crate::store::{Answer, OpenOptions, Store, TypedStore};

macro_rules! shapes {
    ($(($key:literal, $value:literal)),* $(,)?) => {
        /// All lengths, for messages.
        pub const SHAPES: &[(usize, usize)] = &[$(($key, $value)),*];

        /// Opens a store of the lengths `shape`, written `KxV`.
        pub fn open(dir: &Path, shape: &str, options: &OpenOptions) -> Answer<Arc<dyn Store>> {
            match parse(shape) {
                $(Some(($key, $value)) => TypedStore::<$key, $value>::open(dir, options),)*
                _ => Err(format!("unknown shape {shape}, there are: {}", names())),
            }
        }
    };
}

shapes![
    (1, 0),
    (1, 1),
    (2, 6),
    (3, 5),
    (4, 4),
    (8, 0),
    (8, 8),
    (8, 16),
    (8, 100),
    (8, 1000),
    (8, 65000),
    (8, 65512),
    (16, 16),
    (16, 100),
    (20, 3),
    (32, 256),
    (100, 20),
    (200, 8),
    (300, 8),
];

fn parse(shape: &str) -> Option<(usize, usize)> {
    let (key, value) = shape.split_once('x')?;
    Some((key.parse().ok()?, value.parse().ok()?))
}

fn names() -> String {
    let names: Vec<String> = SHAPES.iter().map(|(key, value)| format!("{key}x{value}")).collect();
    names.join(" ")
}

//! An open armdb store with its key and value lengths erased: they are compile-time constants in armdb.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use armdb::fixed_replication::{ArcEngine, FixedReplicationTarget};
use armdb::{FixedConfig, FixedTree};

use crate::hex::push_hex;
use crate::keys::{fill_key, fill_value};

/// What a command may answer: text after `ok`, or text after `error`.
pub type Answer<T> = Result<T, String>;

/// What `open` is told besides the directory and the lengths.
pub struct OpenOptions {
    pub shards: usize,
    pub prefix_bits: usize,
    pub grow_step: u32,
}

/// The operations of an open store, whatever its lengths.
pub trait Store: Send + Sync {
    fn len(&self) -> usize;
    fn put(&self, key: &[u8], value: &[u8]) -> Answer<()>;
    fn get(&self, key: &[u8]) -> Answer<Option<Vec<u8>>>;
    /// False if the key was absent: armdb then writes nothing and sends nothing.
    fn delete(&self, key: &[u8]) -> Answer<bool>;
    fn shard_of(&self, key: &[u8]) -> Answer<usize>;
    fn shard_of_filled(&self, seed: u64, i: u64) -> usize;
    fn put_filled(&self, seed: u64, i: u64, round: u64) -> Answer<()>;
    fn delete_filled(&self, seed: u64, i: u64) -> Answer<bool>;
    /// Writes `hexkey hexvalue` lines, sorted by key; answers their number.
    fn dump(&self, file: &Path) -> Answer<u64>;
    fn flush(&self) -> Answer<()>;
    fn engine(&self) -> ArcEngine;
    fn target(&self) -> Arc<dyn FixedReplicationTarget>;
    /// armdb's clean close. Fails if anything still uses the store.
    fn close(self: Arc<Self>) -> Answer<()>;
}

/// A store of keys of K bytes and values of V bytes.
pub struct TypedStore<const K: usize, const V: usize> {
    tree: Arc<FixedTree<[u8; K], V>>,
}

impl<const K: usize, const V: usize> TypedStore<K, V> {
    /// Opens the directory, or makes it. armdb clears the clean flag at once.
    pub fn open(dir: &Path, options: &OpenOptions) -> Answer<Arc<dyn Store>> {
        let tree = FixedTree::<[u8; K], V>::open(dir, config(options)).map_err(text)?;
        Ok(Arc::new(Self { tree: Arc::new(tree) }))
    }

    fn key(&self, bytes: &[u8]) -> Answer<[u8; K]> {
        bytes.try_into().map_err(|_| format!("key of {} bytes, not {K}", bytes.len()))
    }
}

fn config(options: &OpenOptions) -> FixedConfig {
    FixedConfig {
        shard_count: options.shards,
        shard_prefix_bits: options.prefix_bits,
        grow_step: options.grow_step,
        // armdb would sync after so many writes; a killed process loses nothing without it, and fill is faster.
        sync_interval: Duration::from_secs(24 * 3600),
        sync_batch_size: u32::MAX,
        #[cfg(feature = "protocol2")]
        reversed: false,
        ..FixedConfig::test()
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl<const K: usize, const V: usize> Store for TypedStore<K, V> {
    fn len(&self) -> usize {
        self.tree.len()
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Answer<()> {
        let value: &[u8; V] =
            value.try_into().map_err(|_| format!("value of {} bytes, not {V}", value.len()))?;
        self.tree.put(&self.key(key)?, value).map_err(text)?;
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Answer<Option<Vec<u8>>> {
        Ok(self.tree.get(&self.key(key)?).map(|value| value.to_vec()))
    }

    fn delete(&self, key: &[u8]) -> Answer<bool> {
        Ok(self.tree.delete(&self.key(key)?).map_err(text)?.is_some())
    }

    fn shard_of(&self, key: &[u8]) -> Answer<usize> {
        Ok(self.tree.shard_for(&self.key(key)?))
    }

    fn shard_of_filled(&self, seed: u64, i: u64) -> usize {
        let mut key = [0u8; K];
        fill_key(seed, i, &mut key);
        self.tree.shard_for(&key)
    }

    fn put_filled(&self, seed: u64, i: u64, round: u64) -> Answer<()> {
        let mut key = [0u8; K];
        let mut value = [0u8; V];
        fill_key(seed, i, &mut key);
        fill_value(seed, i, round, &mut value);
        self.tree.put(&key, &value).map_err(text)?;
        Ok(())
    }

    fn delete_filled(&self, seed: u64, i: u64) -> Answer<bool> {
        let mut key = [0u8; K];
        fill_key(seed, i, &mut key);
        Ok(self.tree.delete(&key).map_err(text)?.is_some())
    }

    fn dump(&self, file: &Path) -> Answer<u64> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(file).map_err(text)?);
        let mut previous: Option<[u8; K]> = None;
        let mut lines = 0;
        let mut line = Vec::with_capacity(2 * (K + V) + 2);
        for (key, value) in self.tree.iter() {
            // Ascending by the configuration; a dump out of order must not pass as a sorted one.
            if previous.is_some_and(|previous| previous >= key) {
                return Err("armdb's iterator is not ascending".into());
            }
            previous = Some(key);
            line.clear();
            push_hex(&mut line, &key);
            line.push(b' ');
            push_hex(&mut line, &value);
            line.push(b'\n');
            out.write_all(&line).map_err(text)?;
            lines += 1;
        }
        out.flush().map_err(text)?;
        Ok(lines)
    }

    fn flush(&self) -> Answer<()> {
        self.tree.flush().map_err(text)
    }

    fn engine(&self) -> ArcEngine {
        self.tree.fixed_engine_access()
    }

    fn target(&self) -> Arc<dyn FixedReplicationTarget> {
        self.tree.clone()
    }

    fn close(self: Arc<Self>) -> Answer<()> {
        let store = Arc::try_unwrap(self).map_err(|_| "the store is still in use")?;
        let tree = Arc::try_unwrap(store.tree).map_err(|_| "the tree is still in use")?;
        tree.close().map_err(text)
    }
}

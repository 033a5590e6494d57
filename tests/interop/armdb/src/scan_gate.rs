//! The engine as the leader sees it, with a gate in its catch-up scan: everything goes straight to armdb's own
//! engine, but a scan can be held at a slot, so that a test can act in the middle of one without racing it.

use std::sync::{Arc, Condvar, Mutex};

use armdb::DbResult;
use armdb::fixed_replication::{ArcEngine, FixedEngineAccess, FixedReplicationEvent};

use crate::output::event;

/// Shared between the commands and the engine that the leader reads.
#[derive(Default)]
pub struct Gate {
    hold_from: Mutex<Option<u32>>,
    changed: Condvar,
}

impl Gate {
    /// From now on a scan waits before it reads the first chunk that begins at `slot` or after it.
    pub fn hold(&self, slot: u32) {
        *self.hold_from.lock().unwrap() = Some(slot);
    }

    /// Lets every held scan go on, and holds none any more.
    pub fn release(&self) {
        *self.hold_from.lock().unwrap() = None;
        self.changed.notify_all();
    }

    fn pass(&self, shard_id: usize, slot: u32) {
        let mut hold_from = self.hold_from.lock().unwrap();
        if hold_from.is_some_and(|from| slot >= from) {
            event(&format!("scan-held {shard_id} {slot}"));
        }
        while hold_from.is_some_and(|from| slot >= from) {
            hold_from = self.changed.wait(hold_from).unwrap();
        }
    }
}

/// armdb's engine behind the gate. No lock of the store is held while a scan waits.
pub struct GatedEngine {
    pub engine: ArcEngine,
    pub gate: Arc<Gate>,
}

impl FixedEngineAccess for GatedEngine {
    fn shard_count(&self) -> usize {
        self.engine.shard_count()
    }

    fn key_len(&self) -> usize {
        self.engine.key_len()
    }

    fn value_len(&self) -> usize {
        self.engine.value_len()
    }

    fn slot_size(&self) -> u16 {
        self.engine.slot_size()
    }

    fn current_slot_count(&self, shard_id: usize) -> u32 {
        self.engine.current_slot_count(shard_id)
    }

    fn shard_prefix_bits(&self) -> u8 {
        self.engine.shard_prefix_bits()
    }

    fn read_shard_chunk(&self, shard_id: usize, start_slot: u32, count: usize) -> DbResult<Vec<u8>> {
        self.gate.pass(shard_id, start_slot);
        self.engine.read_shard_chunk(shard_id, start_slot, count)
    }

    fn install_replication_producers(&self, producers: Vec<rtrb::Producer<FixedReplicationEvent>>) {
        self.engine.install_replication_producers(producers);
    }

    // Called once for each Ack: what a follower has confirmed, even in a scan that never ends.
    fn update_min_replicated_version(&self, shard_id: usize, version: u32) {
        metrics::counter!("peer.acks", "shard" => shard_id.to_string()).increment(1);
        self.engine.update_min_replicated_version(shard_id, version);
    }

    #[cfg(feature = "protocol2")]
    fn take_dropped(&self, shard_id: usize) -> bool {
        self.engine.take_dropped(shard_id)
    }
}

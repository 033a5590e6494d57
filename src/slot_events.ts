/**
 * A decoded batch of slot changes: the form in which a source hands them to a store.
 *
 * Columns over one buffer, so that a batch costs no object per event. The arrays belong to the decoder and
 * are valid until it decodes the next batch; only the first `count` entries mean anything.
 */
export interface SlotEvents extends EventBytes {
  /** Number of events. */
  count: number;
  /** Slot id of each event. */
  slots: Uint32Array;
  /** Meta of each event: OCCUPIED carries key and value, DELETED a key, FREE (a reset) neither. */
  metas: Uint32Array;
  /** Offset of each event's key in `bytes`; the value follows the key. Meaningless for FREE. */
  keyAt: Uint32Array;
}

/** Keys and values, as bytes and through a view: a word at any offset costs one load, four bytes cost four. */
export interface EventBytes {
  /** The bytes that `keyAt` points into. */
  bytes: Uint8Array;
  /** The same bytes. */
  view: DataView;
}

/** Bytes with the view that {@link EventBytes} wants. */
export function eventBytes(bytes: Uint8Array): EventBytes {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Gives events a copy of the bytes that were lent to them: it stays as it is. */
export function keepBytes(events: SlotEvents): void {
  Object.assign(events, eventBytes(events.bytes.slice()));
}

/** What all shards of a store have in common; a leader and its follower must agree on it. */
export interface Shape {
  /** Number of shards, 1 to 255. */
  shardCount: number;
  /** Bytes of a key, 1 and more. */
  keyLength: number;
  /** Bytes of a value, 0 and more. */
  valueLength: number;
  /** Leading bits of a key that choose its shard; 0 means all of them. */
  prefixBits: number;
}

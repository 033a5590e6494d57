/** `fixed.versions`, the metas of a clean shard, in steps: for ten million slots it has 40 MB. */

import { crc32 } from "../fixed/crc32.ts";
import { sealSidecar, SIDECAR_TRAILER_BYTES, sidecarDefect } from "../fixed/layout.ts";
import type { MetaTable } from "../fixed/meta_table.ts";
import type { Files } from "../runtime/runtime.ts";
import type { TimeSlice } from "../time_slice.ts";
import { requireInTime } from "./deadline.ts";

/** Bytes that are read and summed in one step. */
const STEP_BYTES = 256 << 10;

/**
 * The sidecar of a shard whose metas do not change meanwhile. Rejects with StorageError once `deadline` (performance
 * clock) has passed: a leader's mere claim of 2^28 slots makes it a gigabyte, and seconds of work.
 */
export async function encodeSidecar(
  metas: MetaTable,
  slice: TimeSlice,
  deadline = Infinity,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(metas.length * 4 + SIDECAR_TRAILER_BYTES);
  let at = 0;
  let crc = 0;
  slice.begin();
  for (let page = 0; page < metas.pageCount; page++) {
    requireInTime(deadline);
    const length = metas.copyPageTo(page, bytes);
    crc = crc32(bytes, at, length, crc);
    at += length;
    if (slice.isOver) await slice.yield();
  }
  sealSidecar(bytes, metas.length, crc);
  return bytes;
}

/** The sidecar at a path, or undefined where it is not good: then every slot is read instead. */
export async function loadSidecar(
  files: Files,
  path: string,
  { slotCount, slice }: { slotCount: number; slice: TimeSlice },
): Promise<Uint8Array | undefined> {
  if (!files.exists(path)) return undefined;
  const file = files.open(path, "read");
  try {
    const metaBytes = slotCount * 4;
    // First, since a header may claim more slots than there is memory for.
    if (files.size(file) !== metaBytes + SIDECAR_TRAILER_BYTES) return undefined;
    const bytes = new Uint8Array(metaBytes + SIDECAR_TRAILER_BYTES);
    let crc = 0;
    slice.begin();
    for (let at = 0; at < metaBytes; at += STEP_BYTES) {
      const length = Math.min(STEP_BYTES, metaBytes - at);
      files.read(file, bytes, at, length, at);
      crc = crc32(bytes, at, length, crc);
      if (slice.isOver) await slice.yield();
    }
    files.read(file, bytes, metaBytes, SIDECAR_TRAILER_BYTES, metaBytes);
    return sidecarDefect(bytes, slotCount, crc) === undefined ? bytes : undefined;
  } finally {
    files.close(file);
  }
}

/** What must hold of a replica after a power cut, whenever it came. */

import { COMPLETENESS_FILE, readCompleteness } from "../../../src/directory/completeness.ts";
import { verifyDirectory } from "../../../src/directory/verify.ts";
import { crc32OfView } from "../../../src/fixed/crc32.ts";
import { sidecarDefect } from "../../../src/fixed/layout.ts";
import { OCCUPIED, statusOf } from "../../../src/fixed/meta.ts";
import type { Files } from "../../../src/runtime/runtime.ts";
import { NOBODY } from "../../fakes/followed.ts";
import { keyOf } from "../../fakes/leader_frames.ts";
import { until } from "../../harness/until.ts";
import { CutLife, DIR, type Floor, type LifeOptions } from "./cut_life.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { cutPower } from "./power_cut.ts";
import { dump, HEADER_BYTES, SLOT_BYTES } from "./stage.ts";

/** What a cut left, in a word. */
export type CutOutcome = "nothing" | "unfinished" | "incomplete" | "complete";

/** Cuts the power behind so many operations, and throws unless all holds. */
export async function checkCut(
  life: CutLife,
  ops: number,
  options: LifeOptions & { random: () => number },
): Promise<CutOutcome> {
  const disk = new MemoryDisk(cutPower(life.disk, ops, options.random));
  const promised = life.floors.findLast(({ op }) => op <= ops)?.floor;
  const outcome = whatIsLeft(disk.files);
  if (outcome === "nothing" || outcome === "unfinished") {
    if (promised !== undefined) throw new Error(`${outcome} is left of what was durable`);
  } else {
    for (const shard of [0, 1]) checkCleanFlag(disk.files, shard);
    await checkOffline(life, disk, options, promised);
  }
  await checkConverges(life, disk, options);
  return outcome;
}

function whatIsLeft(files: Files): CutOutcome {
  if (!files.exists(DIR)) return "nothing";
  if (!files.exists(`${DIR}/db.meta`)) return "unfinished";
  const { shards } = readCompleteness(files, `${DIR}/${COMPLETENESS_FILE}`, 2);
  const isWhole = shards.every((shard) => shard.wholeScanAtMs !== null && shard.scanningSinceMs === null);
  return isWhole ? "complete" : "incomplete";
}

/** A flag that is set, beside a sidecar that is good, says of every slot what the slot itself says. */
function checkCleanFlag(files: Files, shard: number): void {
  const folder = `${DIR}/shard_00${shard}`;
  const data = files.readFile(`${folder}/fixed.data`)!;
  if (data[17] !== 1) return;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const slotCount = view.getUint32(8, true);
  const sidecar = files.readFile(`${folder}/fixed.versions`);
  if (sidecar === undefined || sidecarDefect(sidecar, slotCount) !== undefined) return;
  const metas = new DataView(sidecar.buffer, sidecar.byteOffset, sidecar.length);
  for (let slot = 0; slot < slotCount; slot++) {
    const at = HEADER_BYTES + slot * SLOT_BYTES;
    const meta = view.getUint32(at, true);
    if (metas.getUint32(4 * slot, true) !== meta) {
      throw new Error(`the clean flag lies: meta of slot ${slot}`);
    }
    if (statusOf(meta) !== OCCUPIED) continue;
    const crc = crc32OfView(view, at + 8, SLOT_BYTES - 8, crc32OfView(view, at, 4, 0));
    if (crc !== view.getInt32(at + 4, true)) throw new Error(`the clean flag lies: CRC of slot ${slot}`);
  }
}

/** Without a leader: nothing is served that the leader did not have, and nothing older than what was promised. */
async function checkOffline(
  life: CutLife,
  disk: MemoryDisk,
  options: LifeOptions,
  promised: Floor | undefined,
): Promise<void> {
  const scans = readCompleteness(disk.files, `${DIR}/${COMPLETENESS_FILE}`, 2).shards;
  const follower = await CutLife.follow(disk, NOBODY, options);
  try {
    const { shards } = follower.status();
    for (const [key, values] of life.history.entries()) {
      const { found, value, shard } = follower.lookup(keyOf(key));
      const scanned = shards[shard].complete
        ? life.scans.get(`${scans[shard].wholeScanAtMs}/${shard}`)?.[key] ?? 0
        : 0;
      const allowed = values.slice(Math.max(promised?.[key] ?? 0, scanned));
      const told = `key ${key} of shard ${shard}: ${found} ${value?.[0] ?? ""}, allowed ${allowed}`;
      if (found === "yes" && !allowed.includes(value![0])) {
        throw new Error(`older than promised, or wrong: ${told}`);
      }
      if (found === "no" && !allowed.includes(undefined)) throw new Error(`wrong "no": ${told}`);
      if (found !== "unknown") continue;
      if (shards[shard].complete) throw new Error(`unknown in a complete shard: ${told}`);
      if (shards[shard].slots.unverified > 0 || promised === undefined) continue;
      if (!allowed.includes(undefined)) throw new Error(`lost what was durable: ${told}`);
    }
    for (const [key, value] of follower.entries()) {
      const id = new DataView(key.buffer, key.byteOffset).getUint32(4);
      if (!life.history[id]?.includes(value[0])) {
        throw new Error(`never at the leader: key ${id} = ${value[0]}`);
      }
    }
  } finally {
    await follower.close();
  }
  for (const shard of [0, 1]) checkCleanFlag(disk.files, shard);
}

/** With its leader it becomes equal, without a contradiction, and closes cleanly. */
async function checkConverges(life: CutLife, disk: MemoryDisk, options: LifeOptions): Promise<void> {
  const follower = await CutLife.follow(disk, life.leader.address, options);
  try {
    await follower.caughtUp();
    const wanted = life.dump;
    await until(() => follower.status().complete && dump(follower.entries()) === wanted, 4000, "converged");
  } finally {
    await follower.close();
  }
  // The second call answers the same.
  const dirty = await follower.close();
  if (dirty.length > 0) throw new Error(`shards ${dirty} could not be closed`);
  const { damage } = await verifyDirectory(disk.files, DIR);
  if (damage.total > 0) throw new Error(`damage: ${JSON.stringify(damage.listed)}`);
}

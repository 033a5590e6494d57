/**
 * `deno task crash [--kills 1000] [--storage resident|positional|mapped] [--runtime deno|bun] [--leader 1|2] [--seed S]
 * [--keep DIR]`: kills followers at random moments while a real leader churns. All storages and both runtimes if not
 * told; `--keep` leaves the directories of a failure there.
 */
import process from "node:process";
import { parseArgs } from "node:util";

import { STORAGE_KINDS, type StorageKind } from "../../../src/storage/slot_file.ts";
import { findBun, type RuntimeName } from "../../harness/runtimes.ts";
import type { PeerVersion } from "../../interop/armdb_peer.ts";
import { runCrashes } from "./crash_run.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    storage: { type: "string" },
    runtime: { type: "string" },
    leader: { type: "string", default: "2" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    keep: { type: "string" },
  },
});
const storages = STORAGE_KINDS.filter((kind) => (values.storage ?? kind) === kind);
const runtimes = (["deno", "bun"] as const).filter((name) => (values.runtime ?? name) === name);
const [kills, seed, leader] = [values.kills, values.seed, values.leader].map(Number);
if (storages.length * runtimes.length === 0 || !(kills > 0) || !(seed >= 0) || ![1, 2].includes(leader)) {
  throw new Error("Cannot run: an argument has a value that is not allowed, see the head of this file");
}
if (runtimes.includes("bun")) process.env.SLOTCASK_BUN ??= findBun();

/** One storage under one runtime. Answers whether nothing was wrong. */
async function run(storage: StorageKind, runtime: RuntimeName): Promise<boolean> {
  const started = performance.now();
  const name = `${storage}, ${runtime}, armdb of protocol ${leader}, seed ${seed}`;
  const onKill = ({ kills }: { kills: number }) => {
    if (kills % 100 === 0) console.error(`${name}: ${kills} kills on a lane`);
  };
  const options = { kills, storage, runtime, seed, leader: leader as PeerVersion, keep: values.keep, onKill };
  try {
    const report = await runCrashes(options);
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `${name}: ${report}; ${seconds.toFixed(1)} s, ${(kills / seconds).toFixed(2)} kills a second`,
    );
    return true;
  } catch (error) {
    console.log(`${name}: FAILED: ${(error as Error).message}`);
    return false;
  }
}

for (const storage of storages) {
  for (const runtime of runtimes) {
    if (!await run(storage, runtime)) process.exitCode = 1;
  }
}

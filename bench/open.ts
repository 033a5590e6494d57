/** Opening a directory that was closed cleanly, against armdb's own open. */
import { cpSync } from "node:fs";
import { join } from "node:path";

import type { StorageKind } from "../src/storage/slot_file.ts";
import { ArmdbPeer } from "../tests/interop/armdb_peer.ts";
import type { Bench, Contender, Figures, Prepared, RuntimeName, Setup } from "./bench.ts";
import { runChild } from "./child.ts";
import { eachStorage, slotcaskName } from "./followers.ts";
import { withDirectory } from "./rounds.ts";

const SLOTS = 4_000_000;
const QUICK_SLOTS = 100_000;
/** Slots by which armdb's files grow. */
const GROW_STEP = 16_384;
const SHAPE = "8x16 1 0";
/** One takes about a quarter of a minute. */
const ARMDB_ROUNDS = 3;

/** The files are in the system's cache for all contenders. */
export const OPEN_BENCH: Bench = {
  name: "open",
  title: `open a clean directory of ${SLOTS / 1e6} M slots of 8+16 in 1 shard`,
  prepare,
};

async function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const slots = quick ? QUICK_SLOTS : SLOTS;
  const clean = join(dir, "clean");
  await fill(clean, slots);
  // Ours close it cleanly again, so one copy serves all rounds.
  const ours = join(dir, "ours");
  cpSync(clean, ours, { recursive: true });
  return {
    contenders: [
      ...eachStorage(runtimes).map((which) => slotcaskOpen(ours, slots, which)),
      armdbOpen(dir, clean),
    ],
    ratios: runtimes.map((runtime) => ({
      figure: "open s",
      of: slotcaskName(runtime),
      against: "armdb",
      atMost: true,
      must: 0.1,
      reach: 0.03,
    })),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function fill(dir: string, slots: number): Promise<void> {
  await using peer = await ArmdbPeer.start(2);
  await peer.command(`open ${dir} ${SHAPE} ${GROW_STEP}`);
  await peer.command(`fill ${slots} 1`);
  await peer.command("close");
}

/** `openStore`, until a key can be read. */
function slotcaskOpen(
  dir: string,
  slots: number,
  { runtime, storage }: { runtime: RuntimeName; storage: StorageKind },
): Contender {
  const measure = () => runChild(runtime, "open.ts", [dir, storage, String(slots)]) as Promise<Figures>;
  return { name: slotcaskName(runtime, storage), measure };
}

/** The peer's command `open`, a store of its own in every round: opening takes the clean flag away. */
function armdbOpen(dir: string, clean: string): Contender {
  const measure = () =>
    withDirectory(join(dir, "armdb"), async (path) => {
      const copy = join(path, "store");
      cpSync(clean, copy, { recursive: true });
      await using peer = await ArmdbPeer.start(2);
      const started = performance.now();
      await peer.command(`open ${copy} ${SHAPE} ${GROW_STEP}`);
      return { "open s": (performance.now() - started) / 1000 };
    });
  return { name: "armdb", rounds: ARMDB_ROUNDS, measure };
}

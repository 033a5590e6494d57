/** Opens a directory that was closed cleanly, and closes it cleanly again: `open.ts DIR STORAGE SLOTS`. */
import { closeSync, openSync, readSync } from "node:fs";
import process from "node:process";

import { openStore, type StorageKind } from "../../mod.ts";
import { fillKey } from "../../tests/interop/armdb_keys.ts";
import { processMemory } from "../process_memory.ts";
import { say } from "./answer.ts";

const CLEAN_FLAG_AT = 17;

function isClean(dir: string): boolean {
  const file = openSync(`${dir}/shard_000/fixed.data`, "r");
  const flag = new Uint8Array(1);
  readSync(file, flag, 0, 1, CLEAN_FLAG_AT);
  closeSync(file);
  return flag[0] === 1;
}

const [dir, storage, slots] = process.argv.slice(2);
if (!isClean(dir)) throw new Error(`Cannot measure the open of ${dir}: it is not clean`);
const key = fillKey("8x16", 1, Number(slots) - 1);
const started = performance.now();
const store = await openStore(dir, undefined, { storage: storage as StorageKind });
const value = store.get(key);
const seconds = (performance.now() - started) / 1000;
if (value === undefined || store.size !== Number(slots)) {
  throw new Error(`Cannot trust this open: ${store.size} keys are there, not ${slots}`);
}
const { rssMb } = processMemory();
const closing = performance.now();
const dirty = await store.close();
if (dirty.length > 0) throw new Error("Cannot measure the next open: this one could not be closed cleanly");
say({ "open s": seconds, "close s": (performance.now() - closing) / 1000, "rss MB": rssMb });
process.exit(0);

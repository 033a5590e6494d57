/**
 * Maps files, where a mistake would kill the process: `map_files.ts WHAT PATH`. Says what happened, a line each.
 *
 * `full`: a disk of 2 MiB is filled, by growth and by a file of holes. `views`: the file goes, a view of it stays.
 * `denied`: the process may not map files.
 */

import process from "node:process";
import { readFileSync } from "node:fs";
import { errorCode } from "../../../src/error_code.ts";
import { openStore } from "../../../src/open_store.ts";
import { detectRuntime } from "../../../src/runtime/mod.ts";
import { MappedFile } from "../../../src/storage/mapped.ts";
import { nextTurn } from "../../../src/time_slice.ts";
import { collectGarbage } from "../../harness/collect_garbage.ts";

const { files } = detectRuntime();
const [what, path] = process.argv.slice(2);
const HEADER = 4096, BYTES = 32;

function open(recordCount: number, readOnly = false): MappedFile {
  return new MappedFile({ files, path, readOnly, headerBytes: HEADER, recordBytes: BYTES, recordCount });
}

function makeHoles(recordCount: number): void {
  const file = files.open(path, "create");
  files.truncate(file, HEADER + recordCount * BYTES);
  files.close(file);
}

function errorOf(act: () => void): string {
  try {
    act();
    return "none";
  } catch (error) {
    return `${errorCode(error)} ${(error as Error).message}`;
  }
}

function stage(file: MappedFile, record: number): void {
  const offset = file.stage(record);
  file.window.fill(record & 0xff, offset, offset + BYTES);
}

/** Grows by 1,000 records, and writes them. */
function grow(file: MappedFile): void {
  const first = file.recordCount;
  file.extend(first + 1000);
  for (let i = first; i < file.recordCount; i++) stage(file, i);
  file.flush();
}

function fillDisk(): void {
  makeHoles(0);
  const file = open(0);
  let error = "none";
  while (error === "none") error = errorOf(() => grow(file));
  console.log(`growth ${error}`);
  const last = file.recordCount - 1;
  const offset = file.at(last);
  console.log(`held ${file.recordCount > 60_000} ${file.window[offset] === (last & 0xff)}`);
  file.syncNow();
  file.close();
  files.remove(path);
  makeHoles(1 << 20);
  console.log(`holes ${errorOf(() => open(1 << 20))}`);
}

/** Maps the file so many times, and holds a few bytes of one mapping. */
function holdView(times: number): Uint8Array {
  makeHoles(10);
  let view: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < times; i++) {
    const file = open(10);
    stage(file, 9);
    file.flush();
    const offset = file.at(9);
    view = file.window.subarray(offset, offset + 3);
    file.close();
  }
  files.remove(path);
  return view;
}

function countMappings(): number {
  return readFileSync("/proc/self/maps", "utf8").split("\n").filter((line) => line.includes(path)).length;
}

async function collectUntil(isDone: () => boolean): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    collectGarbage();
    await nextTurn();
    if (isDone()) return true;
  }
  return false;
}

if (what === "full") fillDisk();
else if (what === "views") {
  const times = 20;
  const view = holdView(times);
  console.log(`mapped ${countMappings() > 0}`);
  console.log(`collected ${await collectUntil(() => countMappings() <= 3)}`);
  await collectUntil(() => countMappings() === 0);
  console.log(`view ${[...view]} ${countMappings() > 0}`);
} else {
  const shape = { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 };
  await openStore(path, shape, { storage: "mapped" }).catch((error) =>
    console.log(`${error.name} ${error.remedy} ${error.message}`)
  );
  console.log(`made ${files.exists(path)}`);
  const store = await openStore(path, shape, { storage: "resident" });
  await store.close();
  console.log("resident");
}

/** A leader in the test's own process, and directories to follow it into. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { lead, type Leader, openStore, type OwnStore, type Shape } from "../../mod.ts";

/** The shape of the tests: 2 shards, keys of 8 bytes, values of 16. */
export const SHAPE: Shape = { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 };

/** A leader with its store, and a folder for the test; dispose it. */
export class Leading implements AsyncDisposable {
  private constructor(readonly folder: string, readonly store: OwnStore, readonly leader: Leader) {}

  /** Leads a store of so many keys on a free port. */
  static async start(keys: number): Promise<Leading> {
    const folder = mkdtempSync(`${tmpdir()}/slotcask-cli-`);
    const store = await filledStore(`${folder}/leader`, { keys });
    return new Leading(folder, store, await lead(store, "127.0.0.1:0"));
  }

  /** The port that it listens on. */
  get port(): number {
    return this.leader.address.port;
  }

  /** The address that it listens on. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** A path in the test's folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Stops it and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.leader.close();
    await this.store.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** A store with keys 0 to `keys`; each value begins with its key's number plus `add`. */
export async function filledStore(
  dir: string,
  { keys, shape = SHAPE, add = 0 }: { keys: number; shape?: Shape; add?: number },
): Promise<OwnStore> {
  const store = await openStore(dir, shape, { sync: "none" });
  for (let id = 0; id < keys; id++) store.put(keyOf(id, shape.keyLength), keyOf(id + add, shape.valueLength));
  return store;
}

/** A number as bytes, big-endian in the first four. */
export function keyOf(id: number, length: number): Uint8Array {
  const key = new Uint8Array(length);
  new DataView(key.buffer).setUint32(0, id);
  return key;
}

/** All keys and values of a directory that nobody holds, as sorted text. */
export async function dumpOf(dir: string): Promise<string[]> {
  await using store = await openStore(dir);
  return entriesOf(store);
}

/** All keys and values of a store, as sorted text. */
export function entriesOf(store: OwnStore): string[] {
  return [...store.entries()].map(([key, value]) => `${key} ${value}`).sort();
}

/** Whether every shard of a directory was closed cleanly: the flag of fixed.data, and the sidecar beside it. */
export function isClean(dir: string, shardCount = 2): boolean {
  return Array.from({ length: shardCount }, (_, id) => `${dir}/shard_${String(id).padStart(3, "0")}`)
    .every((shard) => readFileSync(`${shard}/fixed.data`)[17] === 1 && existsSync(`${shard}/fixed.versions`));
}

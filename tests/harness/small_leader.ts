/** A leader with a few keys, in this process and on a free port: for tests of the product as a whole. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { lead, openStore, type OwnStore } from "../../mod.ts";

/** A leader that runs until it is disposed of, which removes its directory, too. */
export interface SmallLeader extends AsyncDisposable {
  /** host:port. */
  readonly address: string;
  /** What it leads from: keys of 8 bytes, values of 16. */
  readonly store: OwnStore;
}

/** Starts a leader of two shards that holds the keys user:000 to user:099. */
export async function startSmallLeader(): Promise<SmallLeader> {
  const dir = mkdtempSync(`${tmpdir()}/slotcask-leader-`);
  const store = await openStore(dir, { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 });
  for (let i = 0; i < 100; i++) putUser(store, i);
  const leader = await lead(store, "127.0.0.1:0");
  return {
    address: `127.0.0.1:${leader.address.port}`,
    store,
    async [Symbol.asyncDispose]() {
      await leader.close();
      await store.close();
      rmSync(dir, { recursive: true });
    },
  };
}

/** Writes user:`i` with a value that is another one each time. */
export function putUser(store: OwnStore, i: number): void {
  const value = crypto.getRandomValues(new Uint8Array(16));
  store.put(new TextEncoder().encode(`user:${String(i).padStart(3, "0")}`), value);
}

/** lmdb-js, from where bench/get_peers.ts installed it. */
import { createRequire } from "node:module";

/** What is used of it: https://github.com/kriszyp/lmdb-js. */
export interface Lmdb {
  /** Fast: the bytes are valid until the next call. */
  getBinaryFast(key: Uint8Array): Uint8Array | undefined;
  /** A copy. */
  getBinary(key: Uint8Array): Uint8Array | undefined;
  putSync(key: Uint8Array, value: Uint8Array): boolean;
  transactionSync(change: () => void): unknown;
  close(): Promise<void>;
}

/** Opens a database, or makes it: plain bytes as keys and values, nothing compressed, nothing synced. */
export function openLmdb(peers: string, path: string): Lmdb {
  const { open } = createRequire(`${peers}/package.json`)("lmdb");
  return open({
    path,
    encoding: "binary",
    keyEncoding: "binary",
    noSync: true,
    overlappingSync: false,
    compression: false,
    cache: false,
    mapSize: 2 ** 30,
  });
}

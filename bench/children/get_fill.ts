/**
 * Makes what `get` is measured on: `get_fill.ts LEADER DIR PEERS` follows a leader into DIR/replica, and writes the
 * same keys and values to DIR/lmdb and DIR/sqlite, and the keys in the order of the calls to DIR/hits and DIR/misses.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";

import { follow } from "../../mod.ts";
import { say } from "./answer.ts";
import { KEY_BYTES, shuffle, VALUE_BYTES } from "./get_keys.ts";
import { openLmdb } from "./get_lmdb_open.ts";
import { openSqlite } from "./get_sqlite_calls.ts";

const ENTRY_BYTES = KEY_BYTES + VALUE_BYTES;

/** Calls with each record's key and value, which it may not keep. */
function forEach(entries: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => void): void {
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    const entry = Buffer.from(entries.buffer, at, ENTRY_BYTES);
    visit(entry.subarray(0, KEY_BYTES), entry.subarray(KEY_BYTES));
  }
}

/** Follows until all is there; answers keys and values, in an order that looks random. */
async function replicate(leader: string, dir: string): Promise<Uint8Array> {
  await using follower = await follow(leader, { dir });
  await follower.caughtUp();
  const entries = new Uint8Array(follower.size * ENTRY_BYTES);
  let at = 0;
  for (const [key, value] of follower.entries()) {
    entries.set(key, at);
    entries.set(value, at + KEY_BYTES);
    at += ENTRY_BYTES;
  }
  shuffle(entries, ENTRY_BYTES);
  return entries;
}

function writeKeys(dir: string, entries: Uint8Array): void {
  const hits: Uint8Array[] = [];
  forEach(entries, (key) => hits.push(key));
  const keys = Buffer.concat(hits);
  writeFileSync(`${dir}/hits`, keys);
  // The leader's keys are random: of a million, none is the complement of another.
  writeFileSync(`${dir}/misses`, keys.map((byte) => ~byte));
}

async function fillLmdb(peers: string, path: string, entries: Uint8Array): Promise<void> {
  const lmdb = openLmdb(peers, path);
  lmdb.transactionSync(() => forEach(entries, (key, value) => lmdb.putSync(key, value)));
  await lmdb.close();
}

async function fillSqlite(path: string, entries: Uint8Array): Promise<void> {
  const sqlite = await openSqlite(path);
  sqlite.exec("CREATE TABLE t (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID; BEGIN");
  const insert = sqlite.prepare("INSERT INTO t VALUES (?, ?)");
  forEach(entries, (key, value) => insert.run(key, value));
  sqlite.exec("COMMIT; VACUUM");
  sqlite.close();
}

const [leader, dir, peers] = process.argv.slice(2);
const entries = await replicate(leader, `${dir}/replica`);
writeKeys(dir, entries);
await fillLmdb(peers, `${dir}/lmdb`, entries);
await fillSqlite(`${dir}/sqlite`, entries);
say({ keys: entries.length / ENTRY_BYTES });
process.exit(0);

/**
 * What stands in a directory before it is opened: nothing, an unfinished creation, or the files of a store.
 */

import { DamagedDirectoryError, ForeignDirectoryError } from "../errors.ts";
import {
  checkHeader,
  type DataHeader,
  decodeDbMeta,
  decodeHeader,
  FileName,
  HEADER_BYTES,
  shardFolder,
} from "../fixed/layout.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { LOCK_FILE } from "../storage/dir_lock.ts";
import { COMPLETENESS_FILE } from "./completeness.ts";

/** One shard's data file as found: no header where its creation crashed. */
export interface FoundShard {
  /** Path of fixed.data. */
  path: string;
  /** Bytes of the file. */
  bytes: number;
  /** Its header; undefined where the file is empty or begins with zeros. */
  header: DataHeader | undefined;
}

/** A directory with a db.meta. */
export interface FoundDirectory {
  /** The shape; undefined where no shard has a header to tell the lengths. */
  shape: Shape | undefined;
  /** Shards and prefix bits, as db.meta has them. */
  dbMeta: Pick<Shape, "shardCount" | "prefixBits">;
  /** All shards. */
  shards: FoundShard[];
}

/**
 * Looks at a directory; undefined where a store may be created in it: it is missing or empty, or holds an
 * unfinished creation. Throws ForeignDirectoryError and DamagedDirectoryError.
 */
export function examineDirectory(files: Files, path: string): FoundDirectory | undefined {
  const bytes = files.readFile(`${path}/${FileName.dbMeta}`);
  if (bytes === undefined) {
    requireCreatable(files, path);
    return undefined;
  }
  const dbMeta = decodeDbMeta(bytes, `${path}/${FileName.dbMeta}`);
  const shards = Array.from({ length: dbMeta.shardCount }, (_, shard) => examineShard(files, path, shard));
  return { shape: commonShape(dbMeta, shards), dbMeta, shards };
}

function examineShard(files: Files, directory: string, shard: number): FoundShard {
  const path = `${directory}/${shardFolder(shard)}/${FileName.data}`;
  if (!files.exists(path)) {
    throw new DamagedDirectoryError(
      `Cannot open ${path}: it is missing, db.meta counts ${shard + 1} shards or more`,
    );
  }
  const { head, bytes } = readHead(files, path);
  if (head.every((byte) => byte === 0) && (bytes === 0 || bytes >= HEADER_BYTES)) {
    return { path, bytes, header: undefined };
  }
  const header = decodeHeader(head, path);
  checkHeader(header, shard, bytes, path);
  return { path, bytes, header };
}

/** The first bytes of a data file, at most a header, and the length of the whole. Throws the runtime's error. */
export function readHead(files: Files, path: string): { head: Uint8Array; bytes: number } {
  const file = files.open(path, "read");
  try {
    const head = new Uint8Array(HEADER_BYTES);
    const length = files.read(file, head, 0, HEADER_BYTES, 0);
    return { head: head.subarray(0, length), bytes: files.size(file) };
  } finally {
    files.close(file);
  }
}

function commonShape(dbMeta: FoundDirectory["dbMeta"], shards: FoundShard[]): Shape | undefined {
  const first = shards.find((shard) => shard.header !== undefined);
  if (first === undefined) return undefined;
  const { keyLength, valueLength } = first.header!;
  for (const { path, header } of shards) {
    if (header === undefined || (header.keyLength === keyLength && header.valueLength === valueLength)) {
      continue;
    }
    throw new DamagedDirectoryError(
      `Cannot open ${path}: its records are ${header.keyLength}+${header.valueLength} bytes, ` +
        `those of ${first.path} are ${keyLength}+${valueLength}`,
    );
  }
  return { ...dbMeta, keyLength, valueLength };
}

/** Throws where creating a store would take over, or bury, what somebody else put there. */
function requireCreatable(files: Files, path: string): void {
  for (const name of files.list(path) ?? []) {
    if (/^shard_\d{3}$/.test(name)) {
      requireNeverWritten(files, `${path}/${name}/${FileName.data}`);
    } else if (![LOCK_FILE, COMPLETENESS_FILE].some((known) => name === known || name === `${known}.tmp`)) {
      if (name === `${FileName.dbMeta}.tmp`) continue;
      throw new ForeignDirectoryError(
        `Cannot create a replica in ${path}: it holds "${name}", which is not ours`,
      );
    }
  }
}

function requireNeverWritten(files: Files, path: string): void {
  if (!files.exists(path)) return;
  const file = files.open(path, "read");
  try {
    const piece = new Uint8Array(64 << 10);
    for (let position = HEADER_BYTES;; position += piece.length) {
      const length = files.read(file, piece, 0, piece.length, position);
      if (piece.subarray(0, length).some((byte) => byte !== 0)) {
        throw new DamagedDirectoryError(
          `Cannot open ${path}: it holds slots, but ${FileName.dbMeta} is missing`,
        );
      }
      if (length < piece.length) return;
    }
  } finally {
    files.close(file);
  }
}

/**
 * What stands in a directory, problems included: unlike `examineDirectory` it goes on behind a damaged shard, for
 * the commands that look and do not serve.
 */

import { errorCode } from "../error_code.ts";
import { DamagedDirectoryError, ForeignDirectoryError, SlotcaskError } from "../errors.ts";
import {
  checkHeader,
  CLEAN_FLAG_AT,
  type DataHeader,
  decodeDbMeta,
  decodeHeader,
  FileName,
  HEADER_BYTES,
  shardFolder,
  sidecarDefect,
} from "../fixed/layout.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { openSlotFile } from "../storage/open_slot_file.ts";
import type { SlotFile } from "../storage/slot_file.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import type { TimeSlice } from "../time_slice.ts";
import { examineDirectory, readHead } from "./layout_check.ts";

/** What can be wrong with a data file before a slot of it is read. */
export type FileProblemKind = "missing" | "unreadable" | "header" | "truncated";

/** One problem of a data file. */
export interface FileProblem {
  /** What kind. */
  kind: FileProblemKind;
  /** The same in words, with field and values. */
  text: string;
}

/** One shard's data file. */
export interface ShardFile {
  /** The shard. */
  shard: number;
  /** Path of its folder. */
  folder: string;
  /** Path of fixed.data. */
  path: string;
  /** Bytes of the file; 0 where it is missing. */
  bytes: number;
  /** Its header; undefined where it has none that can be used. */
  header: DataHeader | undefined;
  /** Slots that the file really has room for, at most those of the header. */
  slots: number;
  /** What is wrong. */
  problems: FileProblem[];
}

/** See the head of this file. */
export interface Survey {
  /** The directory. */
  path: string;
  /** The shape; undefined where no shard has a header to tell the lengths. */
  shape: Shape | undefined;
  /** All shards that db.meta counts. */
  shards: ShardFile[];
}

/** Looks at a directory. Throws ForeignDirectoryError, StorageError, and DamagedDirectoryError without a db.meta. */
export function surveyDirectory(files: Files, path: string): Survey {
  try {
    return survey(files, path);
  } catch (error) {
    throw errorCode(error) === "ENOTDIR" ? noStore(path) : wrapStorageError(error, "open", path);
  }
}

function survey(files: Files, path: string): Survey {
  const bytes = files.readFile(`${path}/${FileName.dbMeta}`);
  if (bytes === undefined) throw whyNoStore(files, path);
  const dbMeta = decodeDbMeta(bytes, `${path}/${FileName.dbMeta}`);
  const shards = Array.from({ length: dbMeta.shardCount }, (_, shard) => surveyShard(files, path, shard));
  const first = shards.find((shard) => shard.header !== undefined);
  if (first === undefined) return { path, shape: undefined, shards };
  const { keyLength, valueLength } = first.header!;
  for (const shard of shards) requireLengths(shard, first);
  return { path, shape: { ...dbMeta, keyLength, valueLength }, shards };
}

/** A directory that holds slots, but no db.meta, is damaged; any other is none of ours, or not yet. */
function whyNoStore(files: Files, path: string): SlotcaskError {
  try {
    examineDirectory(files, path);
  } catch (error) {
    if (error instanceof DamagedDirectoryError) return error;
    if (!(error instanceof ForeignDirectoryError)) throw error;
  }
  return noStore(path);
}

/** The error of a command that wants a store where there is none. */
export function noStore(path: string): ForeignDirectoryError {
  return new ForeignDirectoryError(`Cannot open ${path}: there is no armdb fixed store in it`);
}

function surveyShard(files: Files, directory: string, shard: number): ShardFile {
  const folder = `${directory}/${shardFolder(shard)}`;
  const path = `${folder}/${FileName.data}`;
  const found: ShardFile = { shard, folder, path, bytes: 0, header: undefined, slots: 0, problems: [] };
  try {
    if (files.exists(path)) surveyFile(files, found);
    else found.problems.push({ kind: "missing", text: `${path} is missing` });
  } catch (error) {
    found.problems.push({ kind: "unreadable", text: wrapStorageError(error, "read", path).message });
  }
  return found;
}

function surveyFile(files: Files, found: ShardFile): void {
  const { head, bytes } = readHead(files, found.path);
  found.bytes = bytes;
  if (head.every((byte) => byte === 0) && (bytes === 0 || bytes >= HEADER_BYTES)) {
    return surveyBlank(files, found);
  }
  const header = attempt(found, "header", () => {
    const decoded = decodeHeader(head, found.path);
    checkHeader(decoded, found.shard, Infinity, found.path);
    return decoded;
  });
  if (header === undefined) return;
  found.header = header;
  found.slots = Math.min(header.slotCount, Math.max(0, Math.floor((bytes - HEADER_BYTES) / header.slotSize)));
  attempt(found, "truncated", () => checkHeader(header, found.shard, bytes, found.path));
  const flag = head[CLEAN_FLAG_AT];
  if (flag > 1) {
    found.problems.push({
      kind: "header",
      text: `clean flag of ${found.path} is ${flag}, known are 0 and 1`,
    });
  }
}

/** A file without a header is a creation that crashed, and started afresh: unless slots follow. */
function surveyBlank(files: Files, found: ShardFile): void {
  const file = files.open(found.path, "read");
  try {
    const piece = new Uint8Array(64 << 10);
    for (let position = HEADER_BYTES; position < found.bytes; position += piece.length) {
      const length = files.read(file, piece, 0, piece.length, position);
      if (piece.subarray(0, length).every((byte) => byte === 0)) continue;
      found.problems.push({ kind: "header", text: `header of ${found.path} is zero, and slots follow it` });
      return;
    }
  } finally {
    files.close(file);
  }
}

function attempt<T>(found: ShardFile, kind: FileProblemKind, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof SlotcaskError)) throw error;
    found.problems.push({ kind, text: error.message });
    return undefined;
  }
}

function requireLengths(shard: ShardFile, first: ShardFile): void {
  const { header } = shard;
  const wanted = first.header!;
  if (header === undefined) return;
  if (header.keyLength === wanted.keyLength && header.valueLength === wanted.valueLength) return;
  shard.problems.push({
    kind: "header",
    text: `records of ${shard.path} are ${header.keyLength}+${header.valueLength} bytes, ` +
      `those of ${first.path} are ${wanted.keyLength}+${wanted.valueLength}`,
  });
  shard.header = undefined;
  shard.slots = 0;
}

/** Opens a shard's slots for reading, none of which stays in memory. Throws the runtime's error. */
export function openSlots(files: Files, { path, header, slots }: ShardFile): SlotFile {
  return openSlotFile("positional", {
    files,
    path,
    readOnly: true,
    headerBytes: HEADER_BYTES,
    recordBytes: header!.slotSize,
    recordCount: slots,
  });
}

/** The sidecar of a shard: `bytes` where it counts and is good, `defect` where it counts and is not. */
export function readSidecar(files: Files, shard: ShardFile): { bytes?: Uint8Array; defect?: string } {
  if (!shard.header?.clean) return {};
  const bytes = files.readFile(`${shard.folder}/${FileName.sidecar}`);
  if (bytes === undefined) return { defect: "it is missing, and the clean flag is set" };
  const defect = sidecarDefect(bytes, shard.header.slotCount);
  return defect === undefined ? { bytes } : { defect };
}

/** Slots between two looks at the clock. */
const STEP_SLOTS = 1024;

/** Visits all slots of a file in ascending ranges that are loaded, in steps. */
export async function eachRange(
  file: SlotFile,
  slice: TimeSlice,
  visit: (first: number, end: number) => void | Promise<void>,
): Promise<void> {
  slice.begin();
  for (let first = 0; first < file.recordCount;) {
    const end = first + file.load(first, Math.min(STEP_SLOTS, file.recordCount - first));
    const wait = visit(first, end);
    if (wait !== undefined) await wait;
    if (slice.isOver) await slice.yield();
    first = end;
  }
}

/** Makes the files of a store. db.meta comes last: where it stands, all the others do. */

import { dirname } from "node:path";

import { checkShape, encodeDbMeta, encodeHeader, FileName, shardFolder, slotSize } from "../fixed/layout.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { writeFileAtomic } from "../storage/atomic_file.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import { COMPLETENESS_FILE } from "./completeness.ts";

/** Makes an empty store in a directory that `examineDirectory` found creatable. Throws ShapeError, StorageError. */
export function createStoreFiles(files: Files, directory: string, shape: Shape): void {
  checkShape(shape);
  forgetScans(files, directory);
  for (let shard = 0; shard < shape.shardCount; shard++) {
    files.makeDirectory(`${directory}/${shardFolder(shard)}`);
    createDataFile(files, directory, shard, shape);
  }
  files.syncDirectory(directory);
  writeFileAtomic(files, `${directory}/${FileName.dbMeta}`, encodeDbMeta(shape));
}

/**
 * Makes the name of a directory durable, and those of its parents, which may be new too. As far as they may be read:
 * Deno need not be given more than the directory itself.
 */
export async function syncParents(files: Files, directory: string): Promise<void> {
  for (let path = dirname(directory), below = directory; path !== below; below = path, path = dirname(path)) {
    try {
      await files.syncDirectoryAsync(path);
    } catch {
      return;
    }
  }
}

/** What an older store in this directory had scanned says nothing of a new one: its slotcask.json goes, durably. */
function forgetScans(files: Files, directory: string): void {
  const path = `${directory}/${COMPLETENESS_FILE}`;
  try {
    if (!files.exists(path)) return;
    files.remove(path);
    files.syncDirectory(directory);
  } catch (error) {
    throw wrapStorageError(error, "remove", path);
  }
}

/**
 * Makes, or makes afresh, the data file of one shard: a header and no slots. The file is never absent meanwhile: an
 * empty one is made afresh by the next open, a missing one is refused.
 */
export function createDataFile(files: Files, directory: string, shard: number, shape: Shape): void {
  const folder = `${directory}/${shardFolder(shard)}`;
  const path = `${folder}/${FileName.data}`;
  const header = encodeHeader({
    slotSize: slotSize(shape),
    slotCount: 0,
    keyLength: shape.keyLength,
    valueLength: shape.valueLength,
    shard,
    clean: false,
  });
  try {
    const file = files.open(path, "create");
    try {
      files.truncate(file, 0);
      files.write(file, header, 0, header.length, 0);
      files.syncNow(file);
    } finally {
      files.close(file);
    }
    files.syncDirectory(folder);
  } catch (error) {
    throw wrapStorageError(error, "create", path);
  }
}

/** Makes the files of a store. db.meta comes last: where it stands, all the others do. */

import { checkShape, encodeDbMeta, encodeHeader, FileName, shardFolder, slotSize } from "../fixed/layout.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { writeFileAtomic } from "../storage/atomic_file.ts";
import { wrapStorageError } from "../storage/storage_error.ts";

/** Makes an empty store in a directory that `examineDirectory` found creatable. Throws ShapeError, StorageError. */
export function createStoreFiles(files: Files, directory: string, shape: Shape): void {
  checkShape(shape);
  for (let shard = 0; shard < shape.shardCount; shard++) {
    files.makeDirectory(`${directory}/${shardFolder(shard)}`);
    createDataFile(files, directory, shard, shape);
  }
  files.syncDirectory(directory);
  writeFileAtomic(files, `${directory}/${FileName.dbMeta}`, encodeDbMeta(shape));
}

/** Makes, or makes afresh, the data file of one shard: a header and no slots. */
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
    files.remove(path);
    const file = files.open(path, "create");
    try {
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

/** The files of {@link SimDisk} as one process sees them; what a dead one still does changes nothing any more. */

import type { FileLock, Files } from "../../src/runtime/runtime.ts";
import { folderOf, type SimDisk } from "./disk.ts";

/** The files of one process: it is dead from the moment at which `isDead` says so. */
export function filesOf(disk: SimDisk, isDead: () => boolean): Partial<Files> {
  const changes = (what: () => void): void => {
    if (isDead()) return;
    disk.mayFail("write");
    what();
    disk.countWrite();
  };
  const later = (run: () => void): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    disk.clock.processWork(0.05 + disk.random.skewed(0, disk.temper.syncMs), () => {
      try {
        if (!isDead()) run();
        resolve();
      } catch (error) {
        reject(error);
      }
    });
    return promise;
  };
  return {
    open: (path, mode) => {
      if (mode === "create" && !disk.hasName(path)) disk.mayFail("write");
      return disk.openInode(path, mode);
    },
    close: (file) => disk.close(file),
    read: (file, bytes, at, length, position) => {
      disk.mayFail("read");
      const part = disk.inode(file).content.bytes.subarray(position, position + length);
      bytes.set(part, at);
      return part.length;
    },
    write: (file, bytes, at, length, position) =>
      changes(() => {
        const copy = bytes.slice(at, at + length);
        disk.change(disk.inode(file), { position, bytes: copy, size: undefined });
      }),
    size: (file) => disk.inode(file).content.size,
    truncate: (file, size) =>
      changes(() => disk.change(disk.inode(file), { position: 0, bytes: undefined, size })),
    sync: (file) => {
      const inode = disk.inode(file);
      const count = inode.changes.length;
      return later(() => disk.syncInode(inode, Math.min(count, inode.changes.length)));
    },
    syncNow: (file) => {
      if (isDead()) return;
      const inode = disk.inode(file);
      disk.syncInode(inode, inode.changes.length);
    },
    syncDirectory: (path) => {
      if (!isDead()) disk.syncNames(path);
    },
    syncDirectoryAsync: (path) => later(() => disk.syncNames(path)),
    readFile: (path) => {
      const inode = disk.named(path);
      if (inode === undefined) return undefined;
      disk.mayFail("read");
      return inode.content.bytes.slice();
    },
    exists: (path) => disk.hasName(path),
    list: (path) => {
      if (!disk.hasName(path)) return undefined;
      const inside = [...disk.names()].filter((name) => folderOf(name) === path);
      return inside.map((name) => name.slice(path.length + 1));
    },
    makeDirectory: (path) => {
      if (disk.hasName(path)) return;
      changes(() => disk.changeName(path, (names) => void names.set(path, undefined)));
    },
    rename: (from, to) =>
      changes(() => {
        const inode = disk.named(from);
        disk.changeName(to, (names) => {
          names.set(to, inode);
          names.delete(from);
        });
      }),
    remove: (path) => {
      if (disk.hasName(path)) changes(() => disk.changeName(path, (names) => void names.delete(path)));
    },
    lock: (path) => {
      if (!disk.lock(path)) return undefined;
      const file = disk.openInode(path, "create");
      let isHeld = true;
      const release = () => {
        if (!isHeld) return;
        isHeld = false;
        disk.close(file);
        disk.unlock(path);
      };
      return { file, release } satisfies FileLock;
    },
    isLocked: (path) => disk.isLocked(path),
  };
}

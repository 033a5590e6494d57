/** A real file system of a size, in memory, where this process may mount one. */

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";

import { TemporaryDirectory } from "../../fakes/followed.ts";

/** See the head of this file. */
export class SmallDisk implements Disposable {
  readonly path: string;
  readonly #temporary = new TemporaryDirectory();

  private constructor() {
    this.path = this.#temporary.of("small");
  }

  /** Mounts one of so many KiB. Throws where that is not allowed. */
  static mount(kib: number): SmallDisk {
    const disk = new SmallDisk();
    mkdirSync(disk.path);
    const { status, stderr } = run("mount", "-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", disk.path);
    if (status === 0) return disk;
    disk.#temporary[Symbol.dispose]();
    throw new Error(`Cannot mount a tmpfs: ${stderr}`);
  }

  /** Why none can be mounted here; undefined where one can. */
  static get missing(): string | undefined {
    try {
      SmallDisk.mount(64)[Symbol.dispose]();
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Leaves no byte free. */
  fill(): void {
    for (let bytes = 1 << 20; bytes >= 1; bytes = Math.floor(bytes / 2)) {
      try {
        for (let i = 0;; i++) writeFileSync(`${this.path}/ballast-${bytes}-${i}`, new Uint8Array(bytes));
      } catch {
        // Full, for pieces of that size.
      }
    }
  }

  /** Gives back what {@link fill} took. */
  free(): void {
    run("sh", "-c", `rm -f "${this.path}"/ballast-*`);
  }

  [Symbol.dispose](): void {
    run("umount", "-l", this.path);
    rmSync(this.path, { recursive: true, force: true });
    this.#temporary[Symbol.dispose]();
  }
}

function run(command: string, ...args: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(command, args);
  return { status, stderr: String(stderr ?? "").trim() };
}

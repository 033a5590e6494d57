/** Files in memory that write down the order of calls, and fail at one of them. */

import { errorWithCode } from "../../src/error_code.ts";
import type { FileDescriptor, FileLock, Files } from "../../src/runtime/runtime.ts";

/** As many of {@link Files} as atomic files and the directory lock use. */
export class RecordingFiles implements Partial<Files> {
  /** Every call, as "name path". */
  readonly calls: string[] = [];
  /** Content by path. */
  readonly contents = new Map<string, Uint8Array>();
  /** Paths that somebody else holds. */
  readonly taken = new Set<string>();
  /** The call (its text in {@link calls}) that fails, and every one after it to the same effect. */
  failing: string | undefined;
  /** The code that it fails with. */
  code = "EIO";

  readonly #open = new Map<FileDescriptor, string>();
  #next = 3;

  /** How many files are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** This, as the whole interface: a test fails that needs more. */
  get files(): Files {
    return this as unknown as Files;
  }

  open(path: string, mode: "read" | "write" | "create"): FileDescriptor {
    this.#record(`open ${mode} ${path}`);
    if (!this.contents.has(path)) this.contents.set(path, new Uint8Array());
    this.#open.set(this.#next, path);
    return this.#next++;
  }

  close(file: FileDescriptor): void {
    this.calls.push(`close ${this.#pathOf(file)}`);
    this.#open.delete(file);
  }

  write(file: FileDescriptor, bytes: Uint8Array, at: number, length: number, position: number): void {
    const path = this.#pathOf(file);
    this.#record(`write ${path}`);
    const old = this.contents.get(path)!;
    const content = new Uint8Array(Math.max(old.length, position + length));
    content.set(old);
    content.set(bytes.subarray(at, at + length), position);
    this.contents.set(path, content);
  }

  truncate(file: FileDescriptor, size: number): void {
    const path = this.#pathOf(file);
    this.#record(`truncate ${path}`);
    this.contents.set(path, this.contents.get(path)!.slice(0, size));
  }

  sync(file: FileDescriptor): Promise<void> {
    return this.#later(() => this.#record(`sync ${this.#pathOf(file)}`));
  }

  syncNow(file: FileDescriptor): void {
    this.#record(`sync ${this.#pathOf(file)}`);
  }

  syncDirectory(path: string): void {
    this.#record(`syncDirectory ${path}`);
  }

  syncDirectoryAsync(path: string): Promise<void> {
    return this.#later(() => this.#record(`syncDirectory ${path}`));
  }

  rename(from: string, to: string): void {
    this.#record(`rename ${from} ${to}`);
    this.contents.set(to, this.contents.get(from)!);
    this.contents.delete(from);
  }

  remove(path: string): void {
    this.#record(`remove ${path}`);
    this.contents.delete(path);
  }

  readFile(path: string): Uint8Array | undefined {
    return this.contents.get(path);
  }

  lock(path: string): FileLock | undefined {
    this.#record(`lock ${path}`);
    if (this.taken.has(path)) return undefined;
    const file = this.open(path, "create");
    return { file, release: () => this.close(file) };
  }

  isLocked(path: string): boolean {
    this.#record(`isLocked ${path}`);
    return this.taken.has(path);
  }

  #pathOf(file: FileDescriptor): string {
    const path = this.#open.get(file);
    if (path === undefined) throw errorWithCode(`file ${file} is not open`, "EBADF");
    return path;
  }

  #record(call: string): void {
    this.calls.push(call);
    if (call === this.failing) throw errorWithCode(`${call} failed`, this.code);
  }

  // deno-lint-ignore require-await -- so that a failure is a rejection
  async #later(act: () => void): Promise<void> {
    act();
  }
}

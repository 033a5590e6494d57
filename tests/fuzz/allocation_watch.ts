/** Watches how much memory is asked for, so that no length that a file or a peer names makes it more than it should be. */

const WATCHED = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Int32Array",
  "Float64Array",
  "BigUint64Array",
] as const;

// deno-lint-ignore no-explicit-any
type Constructor = new (...args: any[]) => object;
const globals = globalThis as unknown as Record<string, Constructor>;

/** Stands in for the constructors of buffers and typed arrays while it is on. */
export class AllocationWatch {
  /** The largest buffer that was asked for by its length, in bytes. */
  largest = 0;
  /** Bytes asked for since {@link begin}. */
  total = 0;
  readonly #limit: number;
  readonly #originals = new Map<string, Constructor>();

  /** Not before {@link begin}. One that asks for more than `limit` bytes at once gets a RangeError, as from a full machine. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Stands in for the constructors, and begins to count anew. */
  begin(): void {
    this.largest = this.total = 0;
    for (const name of WATCHED) {
      const original = globals[name];
      this.#originals.set(name, original);
      const unit = (original as unknown as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
      globals[name] = new Proxy(original, {
        construct: (target, args, newTarget) => {
          if (typeof args[0] === "number") this.#note(args[0] * unit);
          return Reflect.construct(target, args, newTarget);
        },
      });
    }
  }

  /** Puts the constructors back. */
  end(): void {
    for (const [name, original] of this.#originals) globals[name] = original;
    this.#originals.clear();
  }

  #note(bytes: number): void {
    if (bytes > this.#limit) throw new RangeError(`${bytes} bytes at once, the limit is ${this.#limit}`);
    if (bytes > this.largest) this.largest = bytes;
    this.total += bytes;
  }
}

/**
 * How a value lies in bytes: what all types of `slotcask/values` are, and what a type of your own must be.
 *
 * Nothing is aligned and nothing is padded: a struct is its fields, one behind the other.
 */
export interface ValueType<T> {
  /** What messages call it: `u32be`. */
  readonly name: string;
  /** Bytes of a value. */
  readonly length: number;
  /** Whether two values compare as their bytes do, first byte first: only then do ranges of keys mean anything. */
  readonly ordered?: boolean;
  /** The value at an offset. It must not keep the view: that is used again. */
  read(view: DataView, at: number): T;
  /** Writes a value at an offset: all `length` bytes, as what lies there may be of another value. */
  write(view: DataView, at: number, value: T): void;
}

/** The TypeScript type of what a {@link ValueType} reads and writes. */
export type TypeOf<V> = V extends { read(view: DataView, at: number): infer T } ? T : never;

/** Floating-point numbers, with NaN and both infinities. */

import { refused } from "./field_error.ts";
import type { ValueType } from "./value_type.ts";

interface Layout {
  length: 4 | 8;
  read(view: DataView, at: number): number;
  store(view: DataView, at: number, value: number): void;
}

function float(name: string, { length, read, store }: Layout): ValueType<number> {
  return {
    name,
    length,
    read,
    write(view, at, value) {
      if (typeof value !== "number") throw refused(name, value, "numbers");
      if (length === 4 && Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
        throw refused(name, value, "numbers up to 3.4028234663852886e38");
      }
      store(view, at, value);
    },
  };
}

/** A number of 32 bits, little-endian: what is written is rounded to it. */
export const f32le: ValueType<number> = float("f32le", {
  length: 4,
  read: (view, at) => view.getFloat32(at, true),
  store: (view, at, value) => view.setFloat32(at, value, true),
});

/** A number of 32 bits, big-endian: what is written is rounded to it. */
export const f32be: ValueType<number> = float("f32be", {
  length: 4,
  read: (view, at) => view.getFloat32(at),
  store: (view, at, value) => view.setFloat32(at, value),
});

/** A number of 64 bits, little-endian: every JavaScript number. */
export const f64le: ValueType<number> = float("f64le", {
  length: 8,
  read: (view, at) => view.getFloat64(at, true),
  store: (view, at, value) => view.setFloat64(at, value, true),
});

/** A number of 64 bits, big-endian: every JavaScript number. */
export const f64be: ValueType<number> = float("f64be", {
  length: 8,
  read: (view, at) => view.getFloat64(at),
  store: (view, at, value) => view.setFloat64(at, value),
});

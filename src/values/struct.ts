/** Types made of other types: fields with names, and elements in a row. */

import { UsageError } from "../errors.ts";
import { refused, within } from "./field_error.ts";
import { checkedLength, type SkipType } from "./plain.ts";
import type { TypeOf, ValueType } from "./value_type.ts";

/** Fields of a struct, in the order in which they lie. */
export type Fields = Readonly<Record<string, ValueType<unknown>>>;

/** The object that a struct of these fields reads and writes: all of them but what is skipped. */
export type StructOf<F extends Fields> = {
  -readonly [Name in keyof F as F[Name] extends SkipType ? never : Name]: TypeOf<F[Name]>;
};

/** A type of objects: see {@link struct}. */
export interface StructType<F extends Fields> extends ValueType<StructOf<F>> {
  /** Its fields, in the order in which they lie. */
  readonly fields: F;
}

/**
 * Fields one behind the other, as Rust's `#[repr(C, packed)]`: nothing is aligned, so name padding with `skip(n)`.
 *
 * ```ts
 * struct({ balance: i64le, updatedMs: asNumber(u64le), pad: skip(4) }) // { balance: bigint; updatedMs: number }
 * ```
 *
 * A name that looks like a number is refused: JavaScript would put it before the others.
 */
export function struct<F extends Fields>(fields: F): StructType<F> {
  const list = layOut(fields);
  const shownFields = list.filter(({ isSkipped }) => !isSkipped);
  const last = list.at(-1);
  return {
    name: "struct",
    length: checkedLength("struct", last === undefined ? 0 : last.at + last.type.length),
    ordered: list.every(({ type }) => type.ordered),
    fields,
    read: (view, at) => readFields(shownFields, view, at) as StructOf<F>,
    write: (view, at, value) => writeFields(list, view, at, value as Record<string, unknown>),
  };
}

/** So many values of a type in a row. */
export function array<T>(type: ValueType<T>, count: number): ValueType<T[]> {
  const name = `array(${type.name}, ${checkedLength("array", count)})`;
  return {
    name,
    length: checkedLength(name, type.length * count),
    ordered: type.ordered,
    read(view, at) {
      const values: T[] = [];
      try {
        for (let i = 0; i < count; i++) values.push(type.read(view, at + i * type.length));
      } catch (error) {
        throw within(`[${values.length}]`, error);
      }
      return values;
    },
    write(view, at, value) {
      if (!Array.isArray(value) || value.length !== count) throw refused(name, value, `arrays of ${count}`);
      let i = 0;
      try {
        for (; i < count; i++) type.write(view, at + i * type.length, value[i]);
      } catch (error) {
        throw within(`[${i}]`, error);
      }
    },
  };
}

/** A field at its place. */
interface Placed {
  name: string;
  type: ValueType<unknown>;
  at: number;
  isSkipped: boolean;
}

function layOut(fields: Fields): Placed[] {
  let at = 0;
  return Object.entries(fields).map(([name, type]) => {
    if (/^\d+$/.test(name) || name === "__proto__") {
      throw new UsageError(
        `Cannot make this type: struct has the field ${JSON.stringify(name)}, allowed are names, no numbers`,
      );
    }
    const placed = { name, type, at, isSkipped: "skipped" in type };
    at += type.length;
    return placed;
  });
}

/** Code made for each struct would take 18 ns for two fields instead of 50, but some hosts allow none (CSP). */
function readFields(fields: Placed[], view: DataView, start: number): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  let i = 0;
  try {
    for (; i < fields.length; i++) {
      const { name, type, at } = fields[i];
      read[name] = type.read(view, start + at);
    }
  } catch (error) {
    throw within(fields[i].name, error);
  }
  return read;
}

function writeFields(fields: Placed[], view: DataView, start: number, value: Record<string, unknown>): void {
  if (typeof value !== "object" || value === null) throw refused("struct", value, "objects");
  let i = 0;
  try {
    for (; i < fields.length; i++) {
      const { name, type, at } = fields[i];
      type.write(view, start + at, value[name]);
    }
  } catch (error) {
    throw within(fields[i].name, error);
  }
}

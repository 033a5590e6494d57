import { FieldError, shown } from "./field_error.ts";
import type { ValueType } from "./value_type.ts";

/** The bytes of a value. Throws UsageError where the type cannot hold it. */
export function encode<T>(type: ValueType<T>, value: T): Uint8Array<ArrayBuffer> {
  const encoded = new Uint8Array(type.length);
  type.write(new DataView(encoded.buffer), 0, value);
  return encoded;
}

/** The value of bytes. Throws UsageError where they are not as many as the type has, or not a value of it. */
export function decode<T>(type: ValueType<T>, encoded: Uint8Array): T {
  if (encoded.length !== type.length) {
    throw new FieldError("decode", `${shown(encoded)} were given, ${type.name} has ${type.length}`);
  }
  return type.read(new DataView(encoded.buffer, encoded.byteOffset, encoded.length), 0);
}

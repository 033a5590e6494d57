/** Text in a fixed number of bytes: UTF-8, and hexadecimal digits for bytes. */

import { FieldError, refused, shown } from "./field_error.ts";
import { checkedLength, writeZeros } from "./plain.ts";
import type { ValueType } from "./value_type.ts";

/** Options of {@link text}. */
export interface TextOptions {
  /** Read bytes that are not UTF-8 as U+FFFD instead of throwing: for texts that were cut within a character. */
  lossy?: boolean;
}

/** Longer texts are the decoder's. */
const MOST_ASCII = 32;

const ENCODER = new TextEncoder();
// A byte order mark is a character like any other: without it the text would not be what was written.
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LOSSY = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * UTF-8 in so many bytes, with zeros behind it. Read without the zeros at its end; zeros before that stay.
 *
 * Bytes that are not UTF-8 are a UsageError unless `lossy`. A text is refused where it would not come back as it was:
 * longer than the bytes, ending with U+0000, or with half a surrogate pair. Byte order is that of code points.
 */
export function text(length: number, options: TextOptions = {}): ValueType<string> {
  const name = `text(${checkedLength("text", length)})`;
  return {
    name,
    length,
    ordered: true,
    read(view, at) {
      const used = usedBytes(view, at, length);
      return asciiText(view, at, used) ?? decoded(name, bytesAt(view, at, used), options);
    },
    write(view, at, value) {
      if (typeof value !== "string" || !value.isWellFormed() || value.endsWith("\0")) {
        throw refused(name, value, "whole characters, the last not U+0000");
      }
      const { read, written } = ENCODER.encodeInto(value, bytesAt(view, at, length));
      if (read < value.length) throw tooLong(name, value, length);
      writeZeros(view, at + written, length - written);
    },
  };
}

/** So many bytes as twice as many hexadecimal digits: lower case when read, either when written. */
export function hex(length: number): ValueType<string> {
  const name = `hex(${checkedLength("hex", length)})`;
  const digits = new RegExp(`^[0-9a-fA-F]{${2 * length}}$`);
  return {
    name,
    length,
    ordered: true,
    read(view, at) {
      let read = "";
      for (let i = 0; i < length; i++) read += DIGITS[view.getUint8(at + i)];
      return read;
    },
    write(view, at, value) {
      if (typeof value !== "string" || !digits.test(value)) {
        throw refused(name, value, `${2 * length} hexadecimal digits`);
      }
      for (let i = 0; i < length; i++) view.setUint8(at + i, parseInt(value.slice(2 * i, 2 * i + 2), 16));
    },
  };
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function bytesAt(view: DataView, at: number, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + at, length);
}

/** Bytes without the zeros at the end. */
function usedBytes(view: DataView, at: number, length: number): number {
  while (length > 0 && view.getUint8(at + length - 1) === 0) length--;
  return length;
}

/**
 * The text, if all its bytes are below 128. ns in Deno / Bun: 60 / 63 for 8 characters, 120 / 145 for 24, where the
 * decoder takes 290 / 90 for any.
 */
function asciiText(view: DataView, at: number, length: number): string | undefined {
  if (length > MOST_ASCII) return undefined;
  let read = "";
  for (let i = 0; i < length; i++) {
    const byte = view.getUint8(at + i);
    if (byte > 127) return undefined;
    read += String.fromCharCode(byte);
  }
  return read;
}

function decoded(name: string, encoded: Uint8Array<ArrayBuffer>, { lossy }: TextOptions): string {
  if (lossy) return LOSSY.decode(encoded);
  try {
    return STRICT.decode(encoded);
  } catch {
    const problem = `${name} is ${shown(LOSSY.decode(encoded))}, and its bytes are not UTF-8`;
    throw new FieldError("decode", `${problem}: see its option lossy`);
  }
}

function tooLong(name: string, value: string, length: number): FieldError {
  const bytes = ENCODER.encode(value).length;
  return new FieldError(
    "encode",
    `${name} is ${shown(value)} of ${bytes} bytes, there is room for ${length}`,
  );
}

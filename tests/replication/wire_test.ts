import { expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import {
  readU16,
  readU32,
  readU64,
  requireLengths,
  writeU16,
  writeU32,
  writeU64,
} from "../../src/replication/wire.ts";

const MOST = 65_535;

test.each([[1, 0], [MOST, 0], [1, MOST], [MOST, MOST]])(
  "keys of %d and values of %d bytes fit their fields",
  (keyLength, valueLength) => expect(() => requireLengths({ keyLength, valueLength })).not.toThrow(),
);

test.each([
  ["keyLength", { keyLength: MOST + 1, valueLength: 0 }],
  ["valueLength", { keyLength: 1, valueLength: MOST + 1 }],
])("%s over a u16 is refused", (field, lengths) => {
  expect(() => requireLengths(lengths)).toThrow(UsageError);
  expect(() => requireLengths(lengths)).toThrow(
    `Cannot use ${field}: current value is 65536, allowed is an integer from 0 to 65535`,
  );
});

test("keys of no bytes are refused", () => {
  expect(() => requireLengths({ keyLength: 0, valueLength: 1 })).toThrow("keyLength: current value is 0");
});

test.each([
  ["u16", writeU16, readU16, 0xf2f1, [0xf1, 0xf2]],
  ["u32", writeU32, readU32, 0xf4f3_f2f1, [0xf1, 0xf2, 0xf3, 0xf4]],
  ["u64", writeU64, readU64, 0x1d_f6f5_f4f3_f2f1, [0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0x1d, 0]],
])("a %s is little-endian, and every bit of it counts", (_name, write, read, value, written) => {
  const bytes = new Uint8Array(12);
  write(bytes, 2, value);
  expect([...bytes]).toEqual([0, 0, ...written, ...new Array(10 - written.length).fill(0)]);
  expect(read(bytes, 2)).toBe(value);
});

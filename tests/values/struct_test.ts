import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  array,
  asNumber,
  bool,
  bytes,
  decode,
  encode,
  i16be,
  i64le,
  skip,
  struct,
  text,
  type TypeOf,
  u32be,
  u64be,
  u64le,
  u8,
  type ValueType,
} from "../../src/values/mod.ts";
import { bytesOf, errorOf, hexOf, refusal, roundTrip } from "./kit.ts";

const ACCOUNT = struct({
  id: u8,
  balance: i64le,
  flags: array(bool, 2),
  gap: skip(2),
  owner: struct({ name: text(4), age: i16be }),
});

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : never;

describe("struct", () => {
  test("is its fields one behind the other, without gaps", () => {
    expect(ACCOUNT.length).toBe(1 + 8 + 2 + 2 + 6);
    const account = { id: 1, balance: -2n, flags: [true, false], owner: { name: "ab", age: 0x102 } };
    const encoded = "01 fe ff ff ff ff ff ff ff 01 00 00 00 61 62 00 00 01 02";
    expect(hexOf(encode(ACCOUNT, account))).toBe(encoded);
    expect(decode(ACCOUNT, bytesOf(encoded))).toEqual(account);
  });

  test("has the fields of its object in order, without what is skipped", () => {
    const read = decode(ACCOUNT, bytesOf("01 fe ff ff ff ff ff ff ff 01 00 07 07 61 62 00 00 01 02"));
    expect(Object.keys(read)).toEqual(["id", "balance", "flags", "owner"]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });

  test("comes back as it was", () => {
    const accounts = fc.record({
      id: fc.nat(255),
      balance: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      flags: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
      owner: fc.record({
        name: fc.string({ unit: "grapheme-ascii", maxLength: 4 }),
        age: fc.integer({ min: -32768, max: 32767 }),
      }, { noNullPrototype: true }),
    }, { noNullPrototype: true });
    fc.assert(fc.property(accounts, (each) => expect(roundTrip(ACCOUNT, each)).toEqual(each)));
  });

  test("infers its type", () => {
    const same: Same<TypeOf<typeof ACCOUNT>, {
      id: number;
      balance: bigint;
      flags: boolean[];
      owner: { name: string; age: number };
    }> = true;
    const plain = decode(ACCOUNT, new Uint8Array(ACCOUNT.length));
    // @ts-expect-error: a skipped field is none
    const skipped: unknown = plain.gap;
    // @ts-expect-error: a bigint is no number
    const wrong: number = plain.balance;
    // @ts-expect-error: a field is missing
    const missing = () => encode(ACCOUNT, { id: 1, balance: 0n, flags: [true, true] });
    const key: ValueType<{ user: number }> = struct({ user: asNumber(u64be) });
    expect([same, skipped, typeof wrong, typeof missing, key.length])
      .toEqual([true, undefined, "bigint", "function", 8]);
  });

  test("names the field of a value that it refuses", () => {
    const account = { id: 1, balance: 0n, flags: [true, false], owner: { name: "ab", age: 7 } };
    expect(refusal(ACCOUNT, { ...account, id: 300 }))
      .toBe("UsageError: Cannot encode id: u8 is 300, allowed are integers from 0 to 255");
    expect(refusal(ACCOUNT, { ...account, flags: [true, 3] }))
      .toBe("UsageError: Cannot encode flags[1]: bool is 3, allowed are true and false");
    expect(refusal(ACCOUNT, { ...account, owner: { name: "abcde", age: 7 } }))
      .toBe('UsageError: Cannot encode owner.name: text(4) is "abcde" of 5 bytes, there is room for 4');
    expect(refusal(ACCOUNT, { ...account, owner: undefined }))
      .toBe("UsageError: Cannot encode owner: struct is undefined, allowed are objects");
    expect(refusal(ACCOUNT, {})).toContain("Cannot encode id: u8 is undefined");
  });

  test("names the field of bytes that are no value", () => {
    expect(errorOf(() => decode(ACCOUNT, new Uint8Array(19).fill(1, 9, 10).fill(9, 10, 11))))
      .toBe("UsageError: Cannot decode flags[1]: bool is the byte 9, allowed are 0 and 1");
    const list = array(struct({ at: asNumber(u64le) }), 2);
    expect(errorOf(() => decode(list, new Uint8Array(16).fill(255, 8))))
      .toContain("Cannot decode [1].at: u64le is 18446744073709551615, exact");
  });

  test("lets an error of a type of one's own pass", () => {
    const own: ValueType<string> = {
      name: "own",
      length: 1,
      read: () => {
        throw new TypeError("mine");
      },
      write: () => {},
    };
    expect(() => decode(struct({ own }), new Uint8Array(1))).toThrow(new TypeError("mine"));
  });

  test.each(["0", "17", "__proto__"])("refuses a field named %s", (name) => {
    expect(errorOf(() => struct(Object.fromEntries([[name, u8]])))).toBe(
      `UsageError: Cannot make this type: struct has the field "${name}", allowed are names, no numbers`,
    );
  });

  test("of no fields has no bytes", () => {
    expect([struct({}).length, decode(struct({}), new Uint8Array(0))]).toEqual([0, {}]);
  });

  test("compares as its bytes do if all its fields do", () => {
    expect([struct({ a: u32be, b: bytes(2) }).ordered, struct({ a: u32be, b: u64le }).ordered])
      .toEqual([true, false]);
  });
});

describe("array", () => {
  test("is its elements one behind the other", () => {
    expect(hexOf(encode(array(i16be, 3), [1, -1, 258]))).toBe("00 01 ff ff 01 02");
    expect(roundTrip(array(array(u8, 2), 2), [[1, 2], [3, 4]])).toEqual([[1, 2], [3, 4]]);
    expect(roundTrip(array(u8, 0), [])).toEqual([]);
  });

  test("is refused in any other number", () => {
    expect(refusal(array(u8, 3), [1, 2]))
      .toBe("UsageError: Cannot encode: array(u8, 3) is an array of 2, allowed are arrays of 3");
    expect(refusal(array(u8, 3), "abc"))
      .toBe('UsageError: Cannot encode: array(u8, 3) is "abc", allowed are arrays of 3');
  });
});

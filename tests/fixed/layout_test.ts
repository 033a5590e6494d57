import { describe, expect, test } from "bun:test";
import { DamagedDirectoryError, ForeignDirectoryError, ShapeError, SlotcaskError } from "../../src/errors.ts";
import { crc32 } from "../../src/fixed/crc32.ts";
import {
  checkHeader,
  checkShape,
  decodeDbMeta,
  decodeHeader,
  describeShape,
  encodeDbMeta,
  encodeHeader,
  HEADER_BYTES,
  requireSameShape,
  sealSidecar,
  shardFolder,
  sidecarDefect,
  slotSize,
} from "../../src/fixed/layout.ts";
import { thrownBy } from "../harness/failures.ts";

/**
 * A directory of armdb, byte for byte the same from 0.1.14 and from 0.15.0: keys of 8 bytes and values of 16, one
 * shard that grows by 4 slots; put 11.., put 22.., put 11.. again, put 33.., delete 22.., a clean close.
 */
const RECORDED = {
  dbMeta: "41524d44020101000000000000000000",
  header: "464958440200200004000000080010000001",
  sidecar: "090000000a000000050000000000000004000000122c1b14",
};

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}

function headerOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(bytesOfHex(hex));
  return bytes;
}

const HEADER = { slotSize: 32, slotCount: 4, keyLength: 8, valueLength: 16, shard: 0, clean: true };

describe("db.meta", () => {
  test("is what armdb writes", () => {
    expect(encodeDbMeta({ shardCount: 1, prefixBits: 0 })).toEqual(bytesOfHex(RECORDED.dbMeta));
    expect(decodeDbMeta(bytesOfHex(RECORDED.dbMeta), "db.meta")).toEqual({ shardCount: 1, prefixBits: 0 });
  });

  test("carries shards and prefix bits", () => {
    const bytes = encodeDbMeta({ shardCount: 255, prefixBits: 12 });
    expect(bytes).toEqual(bytesOfHex("41524d440201ff0c0000000000000000"));
    expect(decodeDbMeta(bytes, "p")).toEqual({ shardCount: 255, prefixBits: 12 });
  });

  test.each([
    ["41524d4402010100", "it has 8 bytes, an armdb db.meta has 16"],
    ["41524d4402010100000000000000000000", "it has 17 bytes, an armdb db.meta has 16"],
    ["00524d44020101000000000000000000", 'it begins with ".RMD", not with "ARMD"'],
    ["41524d44010101000000000000000000", "format version is 1, known is 2"],
    ["41524d44020201000000000000000000", "backend is 2, a fixed store has 1"],
    ["41524d44020100000000000000000000", "shard count is 0, allowed are 1 to 255"],
    ["41524d44020101000100000000000000", "flags or reserved bytes are not zero"],
    ["41524d44020101000000000000000001", "flags or reserved bytes are not zero"],
  ])("%s is refused: %s", (hex, why) => {
    const error = thrownBy<SlotcaskError>(() => decodeDbMeta(bytesOfHex(hex), "DIR/db.meta"));
    expect(error).toBeInstanceOf(ForeignDirectoryError);
    expect(error.message).toBe(`Cannot open DIR/db.meta: ${why}`);
  });
});

describe("header of fixed.data", () => {
  test("is what armdb writes", () => {
    expect(encodeHeader(HEADER)).toEqual(headerOfHex(RECORDED.header));
    expect(decodeHeader(headerOfHex(RECORDED.header), "p")).toEqual(HEADER);
  });

  test("has each field in its place, unsigned", () => {
    const header = {
      slotSize: 0xfff8,
      slotCount: 0xfedc_ba98,
      keyLength: 0xffe0,
      valueLength: 0x8001,
      shard: 254,
      clean: false,
    };
    const bytes = headerOfHex("46495844" + "0200" + "f8ff" + "98badcfe" + "e0ff" + "0180" + "fe" + "00");
    expect(encodeHeader(header)).toEqual(bytes);
    expect(decodeHeader(bytes, "p")).toEqual(header);
  });

  test("bytes behind it are not looked at, and it may stand anywhere in a buffer", () => {
    const bytes = new Uint8Array(HEADER_BYTES + 10).fill(0xff);
    bytes.set(bytesOfHex(RECORDED.header), 5);
    expect(decodeHeader(bytes.subarray(5), "p")).toEqual(HEADER);
  });

  test("a short, foreign or newer one is refused, each with its own error", () => {
    const short = thrownBy<SlotcaskError>(() => decodeHeader(new Uint8Array(4095), "F"));
    expect(short).toBeInstanceOf(DamagedDirectoryError);
    expect(short.message).toBe("Cannot open F: it has 4095 bytes, its header alone has 4096");
    const foreign = thrownBy<SlotcaskError>(() => decodeHeader(headerOfHex("46495845"), "F"));
    expect(foreign).toBeInstanceOf(ForeignDirectoryError);
    expect(foreign.message).toBe('Cannot open F: it begins with "FIXE", not with "FIXD"');
    const newer = thrownBy<SlotcaskError>(() => decodeHeader(headerOfHex("464958440300"), "F"));
    expect(newer).toBeInstanceOf(ForeignDirectoryError);
    expect(newer.message).toBe("Cannot open F: format version is 3, known is 2");
  });

  test("only 1 is clean", () => {
    for (const flag of ["00", "02", "ff"]) {
      const bytes = headerOfHex(RECORDED.header.slice(0, -2) + flag);
      expect(decodeHeader(bytes, "p").clean).toBe(false);
    }
  });
});

describe("checkHeader", () => {
  const size = HEADER_BYTES + 4 * 32;

  test("takes a file of its length, and a longer one", () => {
    checkHeader(HEADER, 0, size, "F");
    checkHeader(HEADER, 0, size + 1000, "F");
    checkHeader({ ...HEADER, slotCount: 0 }, 0, HEADER_BYTES, "F");
  });

  test.each([
    [{ shard: 3 }, size, "shard id is 3 in the header, and 0 by its folder"],
    [{ keyLength: 0 }, size, "key length is 0, the least is 1"],
    [{ slotSize: 40 }, size, "slot size is 40 in the header, and 32 by key and value length"],
    [{}, size - 1, "it has 4223 bytes, its 4 slots need 4224: it was truncated"],
    [
      { slotCount: 0xffff_ffff },
      size,
      "it has 4224 bytes, its 4294967295 slots need 137438957536: it was truncated",
    ],
  ])("%j of %d bytes: %s", (change, bytes, why) => {
    const error = thrownBy<SlotcaskError>(() => checkHeader({ ...HEADER, ...change }, 0, bytes, "F"));
    expect(error).toBeInstanceOf(DamagedDirectoryError);
    expect(error.message).toBe(`Cannot open F: ${why}`);
  });
});

describe("sidecar", () => {
  const metas = bytesOfHex(RECORDED.sidecar.slice(0, 32));

  test("is what armdb writes", () => {
    const bytes = new Uint8Array(24);
    bytes.set(metas);
    sealSidecar(bytes, 4, crc32(metas, 0, 16));
    expect(bytes).toEqual(bytesOfHex(RECORDED.sidecar));
    expect(sidecarDefect(bytes, 4)).toBeUndefined();
  });

  test("of no slots", () => {
    const bytes = new Uint8Array(8);
    sealSidecar(bytes, 0, 0);
    expect(bytes).toEqual(bytesOfHex("000000001cdf4421"));
    expect(sidecarDefect(bytes, 0)).toBeUndefined();
  });

  test("wrong length, count and CRC are told apart", () => {
    const good = bytesOfHex(RECORDED.sidecar);
    expect(sidecarDefect(good.subarray(1), 4)).toBe("it has 23 bytes, 4 slots need 24");
    expect(sidecarDefect(good, 3)).toBe("it has 24 bytes, 3 slots need 20");
    const miscounted = good.slice();
    miscounted[16] = 5;
    expect(sidecarDefect(miscounted, 4)).toBe("slot count is 5, and 4 in the header");
    for (let i = 0; i < 16; i++) {
      const broken = good.slice();
      broken[i] ^= 0x10;
      expect(sidecarDefect(broken, 4)).toMatch(/^CRC is 0x141b2c12, its bytes give 0x[0-9a-f]{8}$/);
    }
  });
});

describe("shape", () => {
  test.each([[1, 0, 16], [1, 7, 16], [1, 8, 24], [8, 16, 32], [20, 3, 32], [8, 65_512, 65_528]])(
    "a slot of %d+%d bytes has %d",
    (keyLength, valueLength, bytes) => expect(slotSize({ keyLength, valueLength })).toBe(bytes),
  );

  test("takes what armdb takes, to the bounds", () => {
    const shape = { shardCount: 1, keyLength: 1, valueLength: 0, prefixBits: 0 };
    checkShape(shape);
    checkShape({ ...shape, shardCount: 255, prefixBits: 255 });
    checkShape({ ...shape, keyLength: 65_520 });
    checkShape({ ...shape, valueLength: 65_519 });
  });

  test.each([
    [{ shardCount: 0 }, "shard count is 0, allowed are 1 to 255"],
    [{ shardCount: 256 }, "shard count is 256, allowed are 1 to 255"],
    [{ shardCount: 1.5 }, "shard count is 1.5, allowed are 1 to 255"],
    [{ keyLength: 0 }, "key length is 0, allowed are 1 to 65535"],
    [{ valueLength: -1 }, "value length is -1, allowed are 0 to 65535"],
    [{ valueLength: NaN }, "value length is NaN, allowed are 0 to 65535"],
    [{ prefixBits: 256 }, "prefix bits is 256, allowed are 0 to 255"],
    [{ valueLength: 65_520 }, "slot size is 65536, allowed are 16 to 65535"],
  ])("refuses %j: %s", (change, why) => {
    const shape = { shardCount: 1, keyLength: 8, valueLength: 8, prefixBits: 0, ...change };
    const error = thrownBy<SlotcaskError>(() => checkShape(shape));
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.message).toBe(`Cannot use this shape: ${why}`);
  });

  test.each(
    [
      ["shardCount", "shard count"],
      ["keyLength", "key length"],
      ["valueLength", "value length"],
      ["prefixBits", "prefix bits"],
    ] as const,
  )("another %s is named with both values and both sides", (field, label) => {
    const ours = { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 4 };
    requireSameShape(ours, { ...ours }, { ours: "DIR", theirs: "host:1" });
    const error = thrownBy<SlotcaskError>(() =>
      requireSameShape(ours, { ...ours, [field]: 99 }, { ours: "DIR", theirs: "host:1" })
    );
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.message).toBe(`Cannot follow: ${label} is 99 at host:1, and ${ours[field]} in DIR`);
  });

  test("in words", () => {
    const shape = { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 };
    expect(describeShape(shape)).toBe("1 shard of 8+16 bytes");
    expect(describeShape({ ...shape, shardCount: 2, prefixBits: 12 }))
      .toBe("2 shards of 8+16 bytes, routed by 12 prefix bits");
  });

  test("folders have three digits", () => {
    expect([shardFolder(0), shardFolder(7), shardFolder(254)]).toEqual([
      "shard_000",
      "shard_007",
      "shard_254",
    ]);
  });
});

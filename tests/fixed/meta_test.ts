import { describe, expect, test } from "bun:test";
import {
  bumpMeta,
  DELETED,
  FREE,
  isNewer,
  OCCUPIED,
  packMeta,
  statusOf,
  VERSION_NEAR_WRAP,
  versionOf,
} from "../../src/fixed/meta.ts";

const TOP = 0x3fff_ffff;
const HALF = 0x2000_0000;

describe("meta", () => {
  test.each([
    [0, FREE, 0],
    [0, OCCUPIED, 1],
    [1, OCCUPIED, 5],
    [2, OCCUPIED, 9],
    [2, DELETED, 0x0a],
    [3, FREE, 0x0c],
    [HALF, OCCUPIED, 0x8000_0001],
    [TOP, FREE, 0xffff_fffc],
    [TOP, DELETED, 0xffff_fffe],
  ])("version %d, status %d is %d", (version, status, meta) => {
    expect(packMeta(version, status)).toBe(meta);
    expect(versionOf(meta)).toBe(version);
    expect(statusOf(meta)).toBe(status);
  });

  test("keeps 30 bits of a version", () => {
    expect(packMeta(TOP + 1, OCCUPIED)).toBe(OCCUPIED);
    expect(packMeta(TOP + 4, DELETED)).toBe(packMeta(3, DELETED));
  });

  test.each([
    [1, 0, true],
    [0, 1, false],
    [5, 5, false],
    [HALF - 1, 0, true],
    [HALF, 0, false],
    [0, HALF, false],
    [HALF + 1, 0, false],
    [0, HALF + 1, true],
    [0, TOP, true],
    [TOP, 0, false],
    [3, TOP - 3, true],
    [HALF + 7, 8, true],
    [HALF + 8, 8, false],
    [7, HALF + 8, true],
    [8, HALF + 8, false],
  ])("isNewer(%d, %d) is %p", (a, b, expected) => {
    expect(isNewer(a, b)).toBe(expected);
  });

  test("of two versions at most one is newer, and only half a ring apart neither is", () => {
    for (const a of [0, 1, 12_345, HALF - 1, HALF, TOP]) {
      for (const distance of [1, 2, HALF - 1, HALF, HALF + 1, TOP]) {
        const b = (a + distance) & TOP;
        expect([isNewer(b, a), isNewer(a, b)]).toEqual([distance < HALF, distance > HALF]);
      }
    }
  });

  test("bumps the version, over the wrap too, and takes the status", () => {
    expect(bumpMeta(0, OCCUPIED)).toBe(5);
    expect(bumpMeta(5, DELETED)).toBe(0x0a);
    expect(bumpMeta(packMeta(TOP, OCCUPIED), OCCUPIED)).toBe(1);
    expect(isNewer(versionOf(bumpMeta(packMeta(TOP, FREE), DELETED)), TOP)).toBe(true);
  });

  test("warns before the wrap", () => {
    expect(VERSION_NEAR_WRAP).toBe(0x3e00_0000);
  });
});

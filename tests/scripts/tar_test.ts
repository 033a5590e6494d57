import { describe, expect, test } from "bun:test";
import { readTar, type TarFile, writeTar } from "../../scripts/tar.ts";

const FILES: TarFile[] = [0, 1, 511, 512, 513, 5000].map((length) => ({
  name: `package/of ${length} bytes`,
  bytes: new Uint8Array(length).fill(length & 0xff || 7),
}));

describe("a tar archive", () => {
  test("gives back the files that went in", () => expect(readTar(writeTar(FILES))).toEqual(FILES));

  test("consists of whole blocks and ends with two of zeros", () => {
    const archive = writeTar(FILES);
    expect(archive.length % 512).toBe(0);
    expect(archive.subarray(-1024).every((byte) => byte === 0)).toBe(true);
  });

  test("has in each header the sum of its bytes, counted with a blank sum", () => {
    const header = writeTar([FILES[2]]).subarray(0, 512);
    const noted = parseInt(new TextDecoder().decode(header.subarray(148, 154)), 8);
    expect(noted).toBe(header.fill(0x20, 148, 156).reduce((sum, byte) => sum + byte, 0));
  });

  test("takes names of 100 bytes, and refuses longer ones", () => {
    const file = (length: number) => [{ name: "n".repeat(length), bytes: new Uint8Array(3) }];
    expect(readTar(writeTar(file(100)))).toEqual(file(100));
    expect(() => writeTar(file(101))).toThrow("the name is over 100 bytes");
  });

  test("is refused when it holds more than plain files", () => {
    const archive = writeTar(FILES);
    archive[156] = "5".charCodeAt(0);
    expect(() => readTar(archive)).toThrow("entry type is 5");
  });
});

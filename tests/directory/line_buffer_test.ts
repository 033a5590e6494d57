import { beforeEach, describe, expect, test } from "bun:test";
import { LineBuffer } from "../../src/directory/line_buffer.ts";

describe("LineBuffer", () => {
  let chunks: string[];
  let lines: LineBuffer;
  beforeEach(() => {
    chunks = [];
    lines = new LineBuffer((chunk) => chunks.push(new TextDecoder().decode(chunk)));
  });

  test("writes text and hex digits of every byte when it is flushed", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    lines.text('{"a":');
    lines.hex(bytes, 0, 256);
    lines.hex(bytes, 254, 0);
    lines.text("}\n");
    expect(chunks).toEqual([]);
    lines.flush();
    lines.flush();
    expect(chunks).toEqual([`{"a":${bytes.toHex()}}\n`]);
  });

  test("hands on chunks of at most 1 MiB, in order", () => {
    const bytes = new Uint8Array(1000).map((_, i) => i);
    for (let i = 0; i < 1500; i++) {
      lines.hex(bytes, i % 500, 500);
      lines.text("\n");
    }
    lines.flush();
    expect(chunks.length).toBe(2);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(1 << 20);
    const expected = Array.from(
      { length: 1500 },
      (_, i) => bytes.slice(i % 500, i % 500 + 500).toHex() + "\n",
    );
    expect(chunks.join("")).toBe(expected.join(""));
  });

  test("makes room for a value that is longer than a chunk", () => {
    const bytes = new Uint8Array(600 << 10).fill(0xab);
    lines.text("x ");
    lines.hex(bytes, 0, bytes.length);
    lines.text("\n");
    lines.flush();
    expect(chunks.join("")).toBe(`x ${bytes.toHex()}\n`);
  });
});

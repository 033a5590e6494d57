import { describe, expect, test } from "bun:test";
import { errorWithCode } from "../../src/error_code.ts";
import { OutputStream } from "../../src/runtime/output_stream.ts";

/** A stream that takes bytes as `answer` says: a number of bytes, or an error code to fail with. */
function fakeStream(answer: (asked: number) => number | string) {
  const taken: number[] = [];
  let closed = 0;
  const stream = new OutputStream((bytes, at, length) => {
    const count = answer(length);
    if (typeof count === "string") throw errorWithCode(`write ${count}`, count);
    taken.push(...bytes.subarray(at, at + count));
    return count;
  }, () => closed++);
  return { stream, closed: () => closed, text: () => new TextDecoder().decode(Uint8Array.from(taken)) };
}

describe("OutputStream", () => {
  test("asks for no more than a pipe takes whole", () => {
    const asked: number[] = [];
    const { stream, text } = fakeStream((length) => asked.push(length) && length);
    stream.write("é".repeat(5_000));
    expect(asked).toEqual([4_096, 4_096, 1_808]);
    expect(text()).toBe("é".repeat(5_000));
  });

  test("goes on after a short write", () => {
    const { stream, text } = fakeStream((length) => Math.min(length, 3));
    stream.write("0123456789");
    expect(text()).toBe("0123456789");
  });

  test("waits for a full pipe, and repeats nothing", () => {
    let turn = 0;
    const { stream, text } = fakeStream((length) => ++turn % 2 === 1 ? "EAGAIN" : Math.min(length, 4));
    stream.write("0123456789");
    stream.write("abc");
    expect(text()).toBe("0123456789abc");
  });

  test.each(["EPIPE", "ECONNRESET"])("tells once that nobody reads, and drops what follows: %s", (code) => {
    let turn = 0;
    const { stream, text, closed } = fakeStream(() => ++turn === 1 ? 4 : code);
    stream.write("0123456789");
    stream.write("abc");
    expect(text()).toBe("0123");
    expect(closed()).toBe(1);
    expect(turn).toBe(2);
  });

  test("throws what it cannot mend", () => {
    const { stream } = fakeStream(() => "ENOSPC");
    expect(() => stream.write("a")).toThrow("write ENOSPC");
  });

  test("writes nothing for no text", () => {
    const { stream } = fakeStream(() => "EIO");
    stream.write("");
  });
});

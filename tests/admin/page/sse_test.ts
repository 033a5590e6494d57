import { describe, expect, test } from "bun:test";

import { sseReader } from "../../../admin/page/sse.js";

const STREAM = ': heartbeat\n\nevent: put\ndata: {"a":1}\nid: 7\n\ndata: one\ndata:two\n\nevent: empty\n\n' +
  "event: stopping\r\ndata: {}\r\n\r\n";
const EVENTS = [
  { event: "put", data: '{"a":1}' },
  { event: "message", data: "one\ntwo" },
  { event: "stopping", data: "{}" },
];

describe("sseReader", () => {
  test.each([1, 2, 3, 7, 1000])("reads whole events out of pieces of %d characters", (length) => {
    const read = sseReader();
    const events = [];
    for (let at = 0; at < STREAM.length; at += length) events.push(...read(STREAM.slice(at, at + length)));
    expect(events).toEqual(EVENTS);
  });

  test("gives no event before its blank line", () => {
    const read = sseReader();
    expect(read("data: 1\n")).toEqual([]);
    expect(read("\n")).toEqual([{ event: "message", data: "1" }]);
  });
});

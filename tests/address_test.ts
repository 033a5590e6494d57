import { expect, test } from "bun:test";

import { formatAddress, parseAddress } from "../src/address.ts";
import { UsageError } from "../src/errors.ts";
import { thrownBy } from "./harness/failures.ts";

test.each([
  ["leader:9100", "leader", 9100, "leader:9100"],
  ["10.0.0.7:1", "10.0.0.7", 1, "10.0.0.7:1"],
  ["[::1]:65535", "::1", 65_535, "[::1]:65535"],
  ["[fe80::1%eth0]:80", "fe80::1%eth0", 80, "[fe80::1%eth0]:80"],
  [":9100", "127.0.0.1", 9100, "127.0.0.1:9100"],
  ["armdb://db.example:9100", "db.example", 9100, "db.example:9100"],
  ["armdb://[::1]:9100/", "::1", 9100, "[::1]:9100"],
  ["armdb://:9100", "127.0.0.1", 9100, "127.0.0.1:9100"],
])("%s", (text, host, port, formatted) => {
  expect(parseAddress(text)).toEqual({ host, port });
  expect(formatAddress({ host, port })).toBe(formatted);
  expect(parseAddress(formatted)).toEqual({ host, port });
});

test.each([
  "",
  "leader",
  "leader:",
  ":",
  "leader:0",
  "leader:65536",
  "leader:99999",
  "leader:100000",
  "leader:-1",
  "leader:1.5",
  "leader:0x10",
  "leader:9100 ",
  "::1:9100",
  "[::1]",
  "[]:80",
  "http://leader:80",
  "leader:80/path",
])("'%s' is refused, and quoted", (text) => {
  const error = thrownBy(() => parseAddress(text));
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message).toContain(`"${text}"`);
});

test("port 0 is for listeners", () => {
  expect(parseAddress("127.0.0.1:0", { anyPort: true })).toEqual({ host: "127.0.0.1", port: 0 });
  expect(() => parseAddress("127.0.0.1:65536", { anyPort: true })).toThrow(UsageError);
});

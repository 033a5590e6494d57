import { describe, expect, test } from "bun:test";
import { auditOutcome, reasonOf } from "../../scripts/audit.ts";

describe("auditOutcome", () => {
  test.each([
    ["good", 0, "No known vulnerabilities found\n"],
    ["good", 0, "Found 0 vulnerabilities\n"],
    ["vulnerable", 1, "╭ a has a flaw\n│ Severity: high\n╰\nFound 1 vulnerabilities\nSeverity: 1 high\n"],
    ["vulnerable", 1, "ms  <2.0.0\n  moderate: a flaw\n\n3 vulnerabilities (1 high, 2 moderate)\n"],
    ["not available", 1, "bun audit v1\n\nerror: POST https://registry.example/bulk - 405\n"],
    ["not available", 1, "error: error sending request for url (https://registry.example/bulk)\n"],
    ["not available", -1, ""],
  ])("is %s for exit code %d and %j", (outcome, code, output) => {
    expect(auditOutcome({ code, output })).toBe(outcome as never);
  });
});

test.each([
  ["POST - 405", "bun audit v1\n\nerror: POST https://registry.example/bulk - 405\n"],
  [
    "error sending request for url it is down",
    "error: error sending request for url (https://r.example/b): it is down",
  ],
  ["no output", ""],
])("reasonOf is %j, and names no host", (reason, output) => expect(reasonOf(output)).toBe(reason));

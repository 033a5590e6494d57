import { describe, expect, test } from "bun:test";

import { createAdmin } from "../../admin/app.ts";
import { type AdminOptions, resolveAdminOptions } from "../../admin/options.ts";
import { UsageError } from "../../src/errors.ts";
import { FakeFollower } from "./fake_follower.ts";

describe("options that cannot be used are refused", () => {
  test.each<[AdminOptions, string]>([
    [{ token: "" }, "Cannot serve the admin: the token is empty"],
    [{ token: "a b" }, "the token has characters other than visible ASCII"],
    [{ token: "pässword" }, "the token has characters other than visible ASCII"],
    [
      { maxStalenessMs: 5999 },
      "maxStalenessMs is 5999, at least 6000 are needed: an idle leader speaks every 5,000 ms",
    ],
    [{ maxStalenessMs: NaN }, "maxStalenessMs is NaN"],
    [{ backupDir: "" }, 'backupDir is "", it names a folder'],
    [{ limits: { bodyBytes: 0 } }, "limits.bodyBytes is 0, whole numbers above 0 are allowed"],
    [{ limits: { watches: 1.5 } }, "limits.watches is 1.5"],
  ])("%j", (options, message) => {
    expect(() => createAdmin(new FakeFollower(), options)).toThrow(UsageError);
    expect(() => createAdmin(new FakeFollower(), options)).toThrow(message);
  });

  test("without telling the token", () => {
    expect(() => resolveAdminOptions({ token: "se cret" })).toThrow(/^(?!.*se cret)/);
  });
});

describe("without options", () => {
  test("there is no token, and nothing is acted on", () => {
    expect(resolveAdminOptions()).toMatchObject({ token: undefined, actions: false, metricsPublic: false });
  });

  test("a token allows actions, and so does the option", () => {
    expect(resolveAdminOptions({ token: "t" }).actions).toBe(true);
    expect(resolveAdminOptions({ allowActions: true }).actions).toBe(true);
  });

  test("limits that are not named keep their defaults", () => {
    expect(resolveAdminOptions({ limits: { watches: 1 } }).limits).toMatchObject({
      watches: 1,
      bodyBytes: 4096,
    });
  });
});

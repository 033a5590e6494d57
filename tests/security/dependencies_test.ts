/** The packages that we depend on, as far as no registry has to be asked: `scripts/audit.ts` asks one. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { ROOT } from "../harness/runtimes.ts";
import { findImports } from "../harness/source_code.ts";
import { type InstalledPackage, readInstalled, readLockFiles } from "./lock_files.ts";

/** Licenses that let us ship and use what is under them. */
const LICENSES = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"];
/** What a package manager would run when it installs a package. */
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"];
const SHA512 = /^sha512-[A-Za-z0-9+/]{86}==$/;

const locks = readLockFiles(ROOT);
const installed = locks.bun.map(({ path, id }) => ({ id, found: readInstalled(ROOT, path) }));

/** Names of the packages for which something does not hold. */
function offenders(holds: (found: InstalledPackage) => boolean): string[] {
  return installed.filter(({ found }) => found !== undefined && !holds(found)).map(({ id }) => id);
}

describe("the lock files", () => {
  test("pin what package.json names, which is one version each", () => {
    for (const [name, version] of Object.entries(locks.wanted)) {
      expect(`${name}@${version}`).toMatch(/@\d+\.\d+\.\d+$/);
      expect(Object.keys(locks.deno)).toContain(`${name}@${version}`);
    }
    expect(Object.keys(locks.wanted).length).toBeGreaterThan(5);
  });

  test("hold the same versions", () => {
    const bun = [...new Set(locks.bun.map(({ id }) => id))];
    expect(Object.keys(locks.deno).sort()).toEqual(bun.sort());
  });

  test("know the hash of every package, and the same one", () => {
    for (const { id, integrity } of locks.bun) {
      expect([id, integrity]).toEqual([id, expect.stringMatching(SHA512)]);
      expect([id, locks.deno[id].integrity]).toEqual([id, integrity]);
    }
  });

  test("name nothing that comes from elsewhere than the package registry", () => {
    expect(locks.denoParts.sort()).toEqual(["npm", "specifiers", "version", "workspace"]);
  });
});

describe("the packages that are installed", () => {
  test("are those of the lock files", () => {
    const wrong = installed.filter(({ id, found }) => id !== `${found?.name}@${found?.version}`);
    expect(wrong.map(({ id }) => id)).toEqual([]);
  });

  test("run nothing when they are installed", () => {
    expect(Object.keys(locks.deno).filter((id) => locks.deno[id].scripts)).toEqual([]);
    expect(
      offenders(({ scripts = {}, gypfile }) =>
        !gypfile && INSTALL_SCRIPTS.every((name) => !(name in scripts))
      ),
    )
      .toEqual([]);
  });

  test("have licenses that we know", () => {
    expect(offenders(({ license }) => LICENSES.includes(String(license)))).toEqual([]);
  });
});

test("what we ship imports nothing by URL, and no package that package.json does not name", () => {
  const files = ["mod.ts", ...listSources("src"), ...listSources("admin")];
  const outside = files.flatMap((file) => findImports(readFileSync(`${ROOT}/${file}`, "utf8")))
    .map(({ specifier }) => specifier)
    .filter((specifier) => !/^(\.|node:|bun:)/.test(specifier));
  const names = outside.map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)![0]);
  expect([...new Set(names)].filter((name) => !(name in locks.wanted))).toEqual([]);
  expect(names.length).toBeGreaterThan(5);
});

function listSources(folder: string): string[] {
  return readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`);
}

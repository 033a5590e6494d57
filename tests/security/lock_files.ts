/** What package.json and both lock files say of the packages that we depend on, and what is installed of them. */

import { existsSync, readFileSync } from "node:fs";

/** What both runtimes install. */
export interface LockFiles {
  /** Names and versions of package.json, of both kinds. */
  wanted: Record<string, string>;
  /** deno.lock: name@version, and what it knows of the package. */
  deno: Record<string, { integrity?: string; scripts?: boolean }>;
  /** Other parts of deno.lock: modules that come from no package registry would stand there. */
  denoParts: string[];
  /** bun.lock: where a package is installed, its name@version and the hash of its content. */
  bun: { path: string; id: string; integrity?: string }[];
}

/** As much of an installed package's package.json as matters here. */
export interface InstalledPackage {
  name: string;
  version: string;
  license?: unknown;
  gypfile?: boolean;
  scripts?: Record<string, string>;
}

/** Reads the three files of a folder. */
export function readLockFiles(root: string): LockFiles {
  const read = (name: string) => readFileSync(`${root}/${name}`, "utf8");
  const manifest = JSON.parse(read("package.json"));
  const deno = JSON.parse(read("deno.lock"));
  // bun.lock is JSON with a comma behind each last element.
  const bun = JSON.parse(read("bun.lock").replace(/,(\s*[}\]])/g, "$1"));
  return {
    wanted: { ...manifest.dependencies, ...manifest.devDependencies },
    deno: deno.npm,
    denoParts: Object.keys(deno),
    bun: Object.entries<unknown[]>(bun.packages).map(([key, [id, , , integrity]]) => ({
      path: installedPath(key),
      id: id as string,
      integrity: integrity as string | undefined,
    })),
  };
}

/** The key `a/@b/c` of bun.lock: package @b/c in a's own node_modules. */
function installedPath(key: string): string {
  return (key.match(/@[^/]+\/[^/]+|[^/]+/g) ?? []).map((name) => `node_modules/${name}`).join("/");
}

/** An installed package, or undefined where it is not installed. */
export function readInstalled(root: string, path: string): InstalledPackage | undefined {
  const file = `${root}/${path}/package.json`;
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

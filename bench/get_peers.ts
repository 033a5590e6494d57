/** Installs what `get` is measured against: a package of its own, so that neither product nor tests load it. */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { runtimePath } from "../tests/harness/runtimes.ts";

const PEERS = fileURLToPath(new URL("./peers/", import.meta.url));

/**
 * Installs bench/peers into a directory. Its native addons need a `node_modules`, which the product does without;
 * Deno makes it, and both runtimes read it by `createRequire`.
 *
 * @throws Error with what Deno said, if it cannot.
 */
export async function installPeers(dir: string): Promise<void> {
  const deno = runtimePath("deno");
  if (deno === undefined) throw new Error("Cannot install bench/peers: SLOTCASK_DENO is not set");
  mkdirSync(dir, { recursive: true });
  for (const name of ["package.json", "deno.lock"]) copyFileSync(join(PEERS, name), join(dir, name));
  // The addons come prebuilt: no script of a package runs.
  const args = ["install", "--frozen", "--node-modules-dir=auto", "--quiet"];
  const child = spawn(deno, args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  if (code !== 0) throw new Error(`Cannot install bench/peers: deno ended with ${code}\n${errors}`);
}

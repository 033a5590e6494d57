/** Builds the Rust program of tests/interop/armdb, once per process, over both versions of the crate. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** Which armdb: 1 is crate 0.1.14 and protocol 1, 2 is crate 0.15.0 and protocol 2. */
export type PeerVersion = 1 | 2;

/** Whether real armdb processes can be started here, and why not. */
export type Availability = { ok: true } | { ok: false; why: string };

const VERSIONS: readonly PeerVersion[] = [1, 2];
const SOURCE = join(import.meta.dirname!, "armdb");
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

let known: Availability | undefined;

function targetDir(): string {
  return process.env.SLOTCASK_INTEROP_TARGET || join(SOURCE, "target");
}

/** The built program of one version. It exists once {@linkcode available} has answered ok. */
export function binaryPath(version: PeerVersion): string {
  const suffix = process.platform === "win32" ? ".exe" : "";
  return join(targetDir(), "release", `armdb-peer-v${version}${suffix}`);
}

/** Runs cargo to its end; answers its last words if it failed. */
function cargoFailure(args: string[]): string | undefined {
  const run = spawnSync("cargo", args, { encoding: "utf8", maxBuffer: OUTPUT_LIMIT_BYTES });
  if (run.error) return run.error.message;
  if (run.status === 0) return undefined;
  return run.stderr.trim().split("\n").slice(-12).join("\n") ||
    `cargo ended with ${run.status ?? run.signal}`;
}

function build(version: PeerVersion): string | undefined {
  if (!existsSync(binaryPath(version))) {
    process.stderr.write(`interop: building armdb-peer-v${version}; the first time takes a minute or two\n`);
  }
  const manifest = join(SOURCE, `v${version}`, "Cargo.toml");
  const args = ["build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", targetDir()];
  const failure = cargoFailure(args);
  return failure && `armdb-peer-v${version} does not build: ${failure}`;
}

function probe(): Availability {
  const missing = cargoFailure(["--version"]);
  if (missing) return { ok: false, why: `cargo is not there: ${missing}` };
  for (const version of VERSIONS) {
    const why = build(version);
    if (why) return { ok: false, why };
  }
  return { ok: true };
}

/**
 * Builds both programs if needed (cargo sees that itself, and processes side by side wait for each other).
 *
 * @throws Error if they cannot be built while SLOTCASK_INTEROP is `required`.
 */
export function available(): Availability {
  known ??= probe();
  if (!known.ok && process.env.SLOTCASK_INTEROP === "required") {
    throw new Error(`Cannot run the interop tests, SLOTCASK_INTEROP is "required": ${known.why}`);
  }
  return known;
}

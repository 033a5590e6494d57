/**
 * Makes the npm package `slotcask-VERSION.tgz`: `deno task pack`, with `--output FILE` for another name.
 *
 * `deno pack` compiles mod.ts and all that it loads to JavaScript with types. What it cannot know is added here: the
 * npm name, what package.json says of the package and its dependencies, and the command `slotcask`.
 */
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { readTar, type TarFile, writeTar } from "./tar.ts";

const ROOT = new URL("..", import.meta.url);
const MANIFEST = "package/package.json";
const COMMAND_FILE = "slotcask.js";

/** npm and bunx start the command with Node unless told otherwise, so it must load there and say what it needs. */
const COMMAND = `#!/usr/bin/env node
if (globalThis.Deno === undefined && globalThis.Bun === undefined) {
  console.error(
    "slotcask runs on Deno 2 and Bun 1, and this is Node. Run it as one of\\n" +
      "  deno run -A npm:slotcask\\n" +
      "  bunx --bun slotcask",
  );
  process.exitCode = 1;
} else {
  const { main } = await import("./src/cli/main.js");
  await main();
}
`;

/** What of package.json goes into the package. */
interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  dependencies: Record<string, string>;
}

/** Adds to the output of `deno pack` what it cannot know. */
export function completePackage(files: readonly TarFile[], ours: Manifest): TarFile[] {
  const made = files.find(({ name }) => name === MANIFEST);
  if (made === undefined) throw new Error(`Cannot pack: deno pack made no ${MANIFEST}`);
  const { name, version, description, license, dependencies } = ours;
  const manifest = {
    ...JSON.parse(new TextDecoder().decode(made.bytes)),
    ...{ name, version, description, license, dependencies },
    bin: { slotcask: COMMAND_FILE },
  };
  return [
    { name: MANIFEST, bytes: encode(`${JSON.stringify(manifest, null, 2)}\n`) },
    { name: `package/${COMMAND_FILE}`, bytes: encode(COMMAND) },
    ...files.filter((file) => file !== made && !isSource(file)),
  ];
}

/** TypeScript that nothing loads is left as it is by `deno pack`, and is of no use in the package. */
function isSource({ name }: TarFile): boolean {
  return name.endsWith(".ts") && !name.endsWith(".d.ts");
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Runs `deno pack`. No source maps: they hold the paths of the machine that packs. */
async function denoPack(output: string): Promise<void> {
  const args = ["pack", "--allow-dirty", "--no-source-maps", "--output", output];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "piped", stderr: "piped" });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`Cannot pack: deno pack failed\n${new TextDecoder().decode(stderr)}`);
}

async function main(): Promise<void> {
  const ours: Manifest = JSON.parse(await Deno.readTextFile(new URL("package.json", ROOT)));
  const { values } = parseArgs({ args: Deno.args, options: { output: { type: "string" } } });
  const output = values.output ?? `${ours.name}-${ours.version}.tgz`;
  await denoPack(output);
  const files = completePackage(readTar(gunzipSync(await Deno.readFile(output))), ours);
  await Deno.writeFile(output, gzipSync(writeTar(files)));
  console.log(`${output}: ${files.length} files`);
}

if (import.meta.main) await main();

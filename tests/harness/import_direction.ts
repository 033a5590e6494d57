/**
 * Checks that imports point down: the rules are layers.ts. Run as a script it prints what breaks them.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import process from "node:process";
import { type Layer, layerOf, PURE_NODE_MODULES } from "./layers.ts";
import { ROOT } from "./runtimes.ts";
import { blankSource, findImports, type ModuleImport } from "./source_code.ts";

/** What is wrong with one file, given by its path from the repository's root and its text. */
export function checkFile(path: string, source: string): string[] {
  const layer = layerOf(path);
  if (layer === undefined) return [`${path} belongs to no layer: give it one in tests/harness/layers.ts`];
  const wrong = findImports(source).map((found) => checkImport(path, layer, found));
  return [...wrong, checkGlobals(path, layer, source)].filter((problem) => problem !== undefined);
}

function checkImport(path: string, layer: Layer, { specifier, kind }: ModuleImport): string | undefined {
  const complaint = (reason: string) => `${path} imports ${specifier}: ${reason}`;
  if (specifier.startsWith("node:") || specifier.startsWith("bun:")) {
    if (layer.runtime || PURE_NODE_MODULES.includes(specifier)) return;
    return complaint("only src/runtime may");
  }
  if (!specifier.startsWith(".")) {
    return layer.packages ? undefined : complaint(`${layer.name} may not import packages`);
  }
  const target = layerOf(posix.join(posix.dirname(path), specifier));
  if (target === undefined) return complaint("that file belongs to no layer");
  if (target === layer || layer.imports.includes(target.name)) return;
  if (layer.imports.includes(`${kind}:${target.name}`)) return;
  return complaint(`${layer.name} may not import ${kind === "value" ? "" : `(${kind}) `}${target.name}`);
}

function checkGlobals(path: string, layer: Layer, source: string): string | undefined {
  const global = /(?<![\w$.])(?:globalThis\.)?(Deno|Bun)\s*(?:\.|\?\.|\[)/.exec(
    blankSource(source, { strings: false }),
  )?.[1];
  if (global !== undefined && !layer.runtime) {
    return `${path} uses the global ${global}: only src/runtime may`;
  }
}

/** What is wrong in the whole repository. */
export function checkRepository(root: string): string[] {
  return ["mod.ts", "src", "admin", "bench"]
    .flatMap((entry) => sourceFiles(root, entry))
    .flatMap((path) => checkFile(path, readFileSync(`${root}/${path}`, "utf8")));
}

function sourceFiles(root: string, path: string): string[] {
  if (!existsSync(`${root}/${path}`)) return [];
  if (path.endsWith(".ts")) return [path];
  return readdirSync(`${root}/${path}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.name.endsWith(".ts"))
    .flatMap((entry) => sourceFiles(root, `${path}/${entry.name}`));
}

if (import.meta.main) {
  const problems = checkRepository(ROOT);
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? "Imports point down" : `${problems.length} imports or uses to mend`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

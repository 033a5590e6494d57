import { readdirSync } from "node:fs";

/** Directories that hold no tests of ours: build output, packages, files that tests run themselves. */
const SKIPPED_DIRECTORIES = new Set(["target", "node_modules", "fixtures"]);

/**
 * The test files (`*_test.ts`) below `directory`, sorted, as paths that begin with it. With filters, those whose
 * path below it contains one of them; a leading `./` of a filter does not count.
 */
export function findTestFiles(directory: string, filters: readonly string[] = []): string[] {
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ""));
  const files = listFiles(directory).filter((path) => path.endsWith("_test.ts")).sort();
  if (wanted.length === 0) return files;
  return files.filter((path) => wanted.some((filter) => path.slice(directory.length).includes(filter)));
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return SKIPPED_DIRECTORIES.has(entry.name) ? [] : listFiles(path);
  });
}

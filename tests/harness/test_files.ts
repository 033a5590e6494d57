import { readdirSync } from "node:fs";

/** Directories that hold no tests of ours: build output, packages, files that tests run themselves. */
const SKIPPED_DIRECTORIES = new Set(["target", "node_modules", "fixtures"]);

/**
 * The test files (`*_test.ts`) below `directory`, sorted, as paths that begin with it. With filters, those whose
 * path contains one of them; a leading `./` of a filter does not count.
 */
export function findTestFiles(directory: string, filters: readonly string[] = []): string[] {
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ""));
  const files = listFiles(directory).filter((path) => path.endsWith("_test.ts")).sort();
  return wanted.length === 0 ? files : files.filter((path) => wanted.some((filter) => path.includes(filter)));
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return SKIPPED_DIRECTORIES.has(entry.name) ? [] : listFiles(path);
  });
}

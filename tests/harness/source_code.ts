/** An import or a re-export of a module. */
export interface ModuleImport {
  specifier: string;
  /** `type`: nothing of it is left when the code runs. `dynamic`: an `import()` call. */
  kind: "value" | "type" | "dynamic";
}

/**
 * What of TypeScript source code matters to import_direction.ts, read without a parser: comments are blanked,
 * and, with `strings: false`, the texts of string and template literals too. Lengths and lines stay.
 */
export function blankSource(source: string, options: { strings: boolean }): string {
  // In this order at each place: comments, strings, templates, and regular expressions (after an operator).
  const tokens =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`|(?<=[(,=:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/\w*/g;
  return source.replace(tokens, (token) => {
    if (token.startsWith("//") || token.startsWith("/*")) return blank(token);
    return options.strings ? token : blankLiteral(token);
  });
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** Keeps the code in a template's `${}`; of what is nested deeper, templates in templates, it keeps too much. */
function blankLiteral(token: string): string {
  if (!token.startsWith("`")) return blank(token);
  return token.split(/(\$\{[^}]*\})/).map((part, index) => index % 2 === 1 ? part : blank(part)).join("");
}

/** All modules that the source imports or re-exports, in order. */
export function findImports(source: string): ModuleImport[] {
  const code = blankSource(source, { strings: true });
  const names = String.raw`(?:[\w$*\s,]|\{[^}]*\})*?`;
  const statement = new RegExp(
    `^\\s*(?:(?:import|export)\\s+(type\\s+)?(${names})\\s*from|import)\\s*"([^"]+)"`,
    "gm",
  );
  const statements = [...code.matchAll(statement)].map((match) => ({
    at: match.index,
    specifier: match[3],
    kind: match[1] !== undefined || onlyTypes(match[2] ?? "") ? "type" as const : "value" as const,
  }));
  const calls = [...code.matchAll(/\bimport\(\s*["'`]([^"'`]+)["'`]/g)].map((match) => ({
    at: match.index,
    specifier: match[1],
    kind: "dynamic" as const,
  }));
  return [...statements, ...calls]
    .sort((a, b) => a.at - b.at)
    .map(({ specifier, kind }) => ({ specifier, kind }));
}

/** Whether a clause is `{ type A, type B }`. */
function onlyTypes(names: string): boolean {
  const list = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
  if (list === undefined) return false;
  const entries = list.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
  return entries.length > 0 && entries.every((entry) => entry.startsWith("type "));
}

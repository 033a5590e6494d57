import { format, inspect } from "node:util";

/**
 * The name of one row of `test.each` or `describe.each`: `%s %d %i %f %j %o %p` take the row's values in turn,
 * `%#` is the row's index, `%%` a percent sign, and `$a.b` a property of the first value.
 */
export function eachName(template: string, row: readonly unknown[], index: number): string {
  let next = 0;
  return template.replace(/%([sdifjop#%])|\$([A-Za-z_][\w.]*)/g, (whole, kind?: string, path?: string) => {
    if (path !== undefined) return propertyText(row[0], path) ?? whole;
    if (kind === "#") return String(index);
    if (kind === "%") return "%";
    return next < row.length ? valueText(kind!, row[next++]) : whole;
  });
}

function valueText(kind: string, value: unknown): string {
  return kind === "p" ? inspect(value) : format(`%${kind}`, value);
}

function propertyText(value: unknown, path: string): string | undefined {
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !(name in value)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === "string" ? value : inspect(value);
}

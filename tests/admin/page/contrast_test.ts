import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { ROOT } from "../../harness/runtimes.ts";

const css = readFileSync(`${ROOT}/admin/page/colors.css`, "utf8");
/** The tokens of a scheme: the first block is light, the second, under its media query, dark. */
const [light, dark] = [...css.matchAll(/:root \{(.*?)\}/gs)].map(([, block]) =>
  Object.fromEntries(
    [...block.matchAll(/--(\w+(?:-\w+)*): (#[0-9a-f]{6});/g)].map(([, name, color]) => [name, color]),
  )
);
const TEXT = ["ink", "quiet", "accent", "good", "busy", "warn", "bad", "off"];

/** WCAG 2's relative luminance. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

describe.each([["light", light], ["dark", { ...light, ...dark }]] as const)("the %s colours", (_, colors) => {
  test.each(TEXT)("%s is readable on cards and the ground: 4.5 to 1", (name) => {
    expect(contrast(colors[name], colors.card)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(colors[name], colors.ground)).toBeGreaterThanOrEqual(4.5);
  });

  test("what is no text is seen: 3 to 1", () => {
    for (const name of ["strong-line", "chart-age", "chart-rate", "occupied", "deleted", "unverified"]) {
      expect([name, contrast(colors[name], colors.card) >= 3]).toEqual([name, true]);
    }
    expect(contrast(colors["on-accent"], colors.accent)).toBeGreaterThanOrEqual(4.5);
  });
});

/** The kinds of flags that commands are made of. */

import type { Flag } from "./args.ts";
import { parseDuration } from "./duration.ts";

/** A flag without a value: false unless given. Its environment variable says true or false (1 or 0). */
export function onOff(): Flag<boolean> {
  const words: Record<string, boolean> = {
    true: true,
    "1": true,
    yes: true,
    false: false,
    "0": false,
    no: false,
  };
  return {
    kind: "switch",
    allowed: "true or false",
    read: (text) => Object.hasOwn(words, text.toLowerCase()) ? words[text.toLowerCase()] : undefined,
    fallback: () => false,
  };
}

/** Any text but an empty one. */
export function text(allowed: string, fallback?: string): Flag<string> {
  return { kind: "value", allowed, read: (value) => value || undefined, ...fallbackTo(fallback) };
}

/** A text that may be absent. */
export function optionalText(allowed: string): Flag<string | undefined> {
  return { kind: "value", allowed, read: (value) => value || undefined, fallback: () => undefined };
}

/** One of some words. */
export function choice<const Word extends string>(words: readonly Word[], fallback: Word): Flag<Word> {
  return {
    kind: "value",
    allowed: orList(words),
    read: (value) => words.find((word) => word === value),
    readNumber: (value) => words.find((word) => word === String(value)),
    fallback: () => fallback,
  };
}

/** A duration in ms, or one of some words: `50ms`, `2s`, `1m`, `6h`. Zero is not one. */
export function durationOr<const Word extends string = never>(
  words: readonly Word[],
  fallback: number | Word,
): Flag<number | Word> {
  return {
    kind: "value",
    allowed: orList([...words, "a duration such as 50ms, 2s, 1m or 6h"]),
    read: (value) => words.find((word) => word === value) ?? parseDuration(value),
    fallback: () => fallback,
  };
}

/** A duration in ms that has a least one, for a reason; it may be absent. */
export function durationFrom(least: string, why: string): Flag<number | undefined> {
  const leastMs = parseDuration(least)!;
  return {
    kind: "value",
    allowed: `a duration of ${least} or more: ${why}`,
    read: (value) => {
      const ms = parseDuration(value);
      return ms === undefined || ms < leastMs ? undefined : ms;
    },
    fallback: () => undefined,
  };
}

/** A percentage, as a share of 1: `10%` is 0.1. */
export function percentage(fallback: number): Flag<number> {
  return { kind: "value", allowed: "0% to 100%", read: parsePercentage, fallback: () => fallback };
}

/** A number above 0 that may be absent. */
export function optionalNumber(allowed: string): Flag<number | undefined> {
  return { kind: "value", allowed, read: parseNumber, fallback: () => undefined };
}

/** A whole number from 0 that may be absent. */
export function optionalWhole(): Flag<number | undefined> {
  return {
    kind: "value",
    allowed: "a whole number",
    read: (value) => /^\d{1,9}$/.test(value) ? Number(value) : undefined,
    fallback: () => undefined,
  };
}

/** A whole number from 1 to a limit, which is the default. */
export function wholeTo(most: number): Flag<number> {
  const check = (value: number) => Number.isInteger(value) && value >= 1 && value <= most ? value : undefined;
  return {
    kind: "value",
    allowed: `1 to ${most}`,
    read: (value) => /^\d{1,15}$/.test(value) ? check(Number(value)) : undefined,
    readNumber: check,
    fallback: () => most,
  };
}

function parsePercentage(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text);
  const share = Number(match?.[1]) / 100;
  return share <= 1 ? share : undefined;
}

function parseNumber(text: string): number | undefined {
  const value = /^\d{1,9}(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  return value > 0 ? value : undefined;
}

function fallbackTo<T>(value: T | undefined): { fallback?: () => T } {
  return value === undefined ? {} : { fallback: () => value };
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

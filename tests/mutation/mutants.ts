/** The small wrong programs that can be made of a source file: each differs from it in one place. */

import { type Token, tokenize } from "./tokens.ts";

/** One change of one file. */
export interface Mutant {
  /** Path from the repository's root. */
  file: string;
  /** Offset of the change. */
  at: number;
  /** What stands there. */
  before: string;
  /** What takes its place. */
  after: string;
}

/** What each operator may become. Those of one character that types use too count only between spaces. */
const OPERATORS: Record<string, string[]> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "&": ["|"],
  "|": ["&"],
  "^": ["|"],
  "<<": [">>>"],
  ">>": ["<<"],
  ">>>": ["<<", ">>"],
  "&&": ["||"],
  "||": ["&&"],
  "??": ["&&"],
  "++": ["--"],
  "--": ["++"],
  "+=": ["-="],
  "-=": ["+="],
  "^=": ["|="],
  "!": [""],
};

/** Words that begin a statement which cannot be dropped, or is none. */
const KEPT =
  /^(?:const|let|var|import|export|function|async|class|if|else|for|while|do|switch|try|catch|finally|case|default|type|interface|readonly|static|private|protected|public|get|set|declare|constructor)$/;

/** All mutants of a source, in its order. What is only a type, or does not parse, is not sorted out here. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const tokens = tokenize(source).filter(({ kind }) => kind !== "comment");
  const silent = silentTokens(tokens);
  const inBlock = tokensInBlocks(tokens);
  const mutants: Mutant[] = [];
  tokens.forEach((token, i) => {
    if (silent.has(i)) return;
    const { at, text: before } = token;
    for (const after of replacements(source, token)) mutants.push({ file, at, before, after });
    const end = inBlock[i] ? statementEnd(tokens, i) : 0;
    if (end > 0) mutants.push({ file, at, before: source.slice(at, end), after: ";" });
  });
  return mutants;
}

/** The source with the change in it. */
export function applyMutant(source: string, { at, before, after }: Mutant): string {
  if (!source.startsWith(before, at)) throw new Error(`Cannot apply a mutant: "${before}" is not at ${at}`);
  return source.slice(0, at) + after + source.slice(at + before.length);
}

/** Line and column of an offset, from 1. */
export function placeOf(source: string, at: number): { line: number; column: number } {
  const before = source.slice(0, at).split("\n");
  return { line: before.length, column: before[before.length - 1].length + 1 };
}

function replacements(source: string, { kind, text, at }: Token): string[] {
  if (kind === "number") return numbers(text);
  if (text === "true") return ["false"];
  if (text === "false") return ["true"];
  if (kind !== "punctuation" || !Object.hasOwn(OPERATORS, text)) return [];
  if (text === "!") return isNot(source, at) ? OPERATORS[text] : [];
  const isBinary = /\s/.test(source[at - 1] ?? "") && /\s/.test(source[at + text.length] ?? "");
  return isBinary || text === "++" || text === "--" ? OPERATORS[text] : [];
}

/** Whether an exclamation mark negates what follows: else it says that what stands before it is there. */
function isNot(source: string, at: number): boolean {
  return /[\s(\[{!]/.test(source[at - 1] ?? " ") && /[\w$(#!]/.test(source[at + 1] ?? "");
}

/** 0 becomes 1, 1 becomes 0, and any other integer one more and one less. */
function numbers(text: string): string[] {
  const isBig = text.endsWith("n");
  const digits = text.replaceAll("_", "").replace(/n$/, "");
  if (!/^(?:0[xob][\da-f]+|\d+)$/i.test(digits)) return [];
  const value = BigInt(digits);
  const suffix = isBig ? "n" : "";
  if (value === 0n) return [`1${suffix}`];
  if (value === 1n) return [`0${suffix}`];
  return [`${value + 1n}${suffix}`, `${value - 1n}${suffix}`];
}

/** Tokens that only word an error: the arguments of `new SomeError(...)`, and those of imports. */
function silentTokens(tokens: readonly Token[]): Set<number> {
  const silent = new Set<number>();
  tokens.forEach(({ text }, i) => {
    const isError = text === "new" && /Error$/.test(tokens[i + 1]?.text ?? "");
    if (!isError || tokens[i + 2]?.text !== "(") return;
    for (let at = i + 3, depth = 1; at < tokens.length; at++) {
      if (tokens[at].text === "(") depth++;
      if (tokens[at].text === ")" && --depth === 0) break;
      silent.add(at);
    }
  });
  return silent;
}

/** Whether each token stands right in a block or a file: in the head of a `for` no statement begins. */
function tokensInBlocks(tokens: readonly Token[]): boolean[] {
  const open: string[] = [];
  return tokens.map(({ text }) => {
    const isInBlock = open.length === 0 || open[open.length - 1] === "{";
    if (text === "(" || text === "[" || text === "{") open.push(text);
    if (text === ")" || text === "]" || text === "}") open.pop();
    return isInBlock;
  });
}

/** The offset behind a statement that begins with a token and can be dropped; 0 if it begins none. */
function statementEnd(tokens: readonly Token[], first: number): number {
  const { kind, text } = tokens[first];
  if (kind !== "word" && text !== "++" && text !== "--" && text !== "(" && text !== "[") return 0;
  if (KEPT.test(text) || !beginsStatement(tokens, first)) return 0;
  for (let i = first, depth = 0; i < tokens.length; i++) {
    const { text, at } = tokens[i];
    if (text === "(" || text === "[" || text === "{") depth++;
    if ((text === ")" || text === "]" || text === "}") && --depth < 0) return 0;
    if (depth === 0 && text === ";") return at + 1;
    // A method, a label, or a member of an object.
    if (depth === 0 && (text === "}" && tokens[i + 1]?.text !== ";" && i > first)) return 0;
  }
  return 0;
}

function beginsStatement(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1]?.text;
  if (before === undefined || before === ";" || before === "{" || before === "}" || before === "else") {
    return true;
  }
  return before === ")" && closesHead(tokens, at - 1);
}

/** Whether a parenthesis closes the head of an `if`, `for` or `while`. */
function closesHead(tokens: readonly Token[], close: number): boolean {
  let depth = 0;
  for (let i = close; i >= 0; i--) {
    if (tokens[i].text === ")") depth++;
    if (tokens[i].text === "(" && --depth === 0) {
      return /^(?:if|for|while|await)$/.test(tokens[i - 1]?.text ?? "");
    }
  }
  return false;
}

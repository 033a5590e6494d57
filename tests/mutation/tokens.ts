/** Cuts TypeScript source code into tokens: no parser, but exact about where code is and where it is not. */

/** What a token is. `text` stands for a string, a whole template (with the code in it) or a regular expression. */
export type TokenKind = "comment" | "text" | "number" | "word" | "punctuation";

/** A token, and where it stands. */
export interface Token {
  kind: TokenKind;
  /** What is written. */
  text: string;
  /** Offset of its first character. */
  at: number;
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/y;
const REGEX = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/\w*/y;
const NUMBER = /0[xob][\da-f_]+n?|(?:\d[\d_]*)?\.?\d[\d_]*(?:e[+-]?\d+)?n?/yi;
const WORD = /[#@]?[\p{L}_$][\p{L}\p{N}_$]*/yu;
/** The longest first. */
const PUNCTUATION =
  />>>=|\*\*=|<<=|>>=|>>>|===|!==|&&=|\|\|=|\?\?=|\.\.\.|=>|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||\?\?|\?\.(?!\d)|[-+*/%&|^]=|[{}()[\];,<>+\-*/%&|^!~?:=.]/y;

/** Words after which a `/` begins a regular expression; after any other word it divides. */
const BEFORE_REGEX = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "do",
  "else",
  "void",
  "await",
  "yield",
]);

/** All tokens of a source, in order; throws Error at a character that begins none. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let last: Token | undefined;
  for (let at = 0; at < source.length;) {
    if (/\s/.test(source[at])) {
      at++;
      continue;
    }
    const token = tokenAt(source, at, last);
    tokens.push(token);
    if (token.kind !== "comment") last = token;
    at += token.text.length;
  }
  return tokens;
}

function tokenAt(source: string, at: number, last: Token | undefined): Token {
  const found = (kind: TokenKind, pattern: RegExp): Token | undefined => {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    return text === undefined || text === "" ? undefined : { kind, text, at };
  };
  if (source[at] === "`") return { kind: "text", text: source.slice(at, templateEnd(source, at)), at };
  const token = found("comment", COMMENT) ?? found("text", STRING) ??
    (mayBeginRegex(last) ? found("text", REGEX) : undefined) ??
    found("number", NUMBER) ?? found("word", WORD) ?? found("punctuation", PUNCTUATION);
  if (token === undefined) throw new Error(`Cannot read the source: ${source[at]} at ${at} begins no token`);
  return token;
}

function mayBeginRegex(last: Token | undefined): boolean {
  if (last === undefined) return true;
  if (last.kind === "punctuation") return ![")", "]", "}"].includes(last.text);
  return last.kind === "word" && BEFORE_REGEX.has(last.text);
}

/** Where the template that begins at `at` ends. */
function templateEnd(source: string, at: number): number {
  for (let i = at + 1; i < source.length;) {
    if (source[i] === "`") return i + 1;
    if (source[i] === "\\") i += 2;
    else if (source.startsWith("${", i)) i = substitutionEnd(source, i + 2);
    else i++;
  }
  throw new Error(`Cannot read the source: the template at ${at} does not end`);
}

/** Where the code in a template ends, behind its brace. */
function substitutionEnd(source: string, from: number): number {
  let depth = 1;
  for (let i = from; i < source.length;) {
    const token = /\s/.test(source[i]) ? undefined : tokenAt(source, i, undefined);
    if (token?.text === "{") depth++;
    if (token?.text === "}" && --depth === 0) return i + 1;
    i += token?.text.length ?? 1;
  }
  throw new Error(`Cannot read the source: the code in a template at ${from} does not end`);
}

/** A text without line ends: an error message may hold some, and may come from a leader. */
export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ").trim();
}

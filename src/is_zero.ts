/** Whether all words are 0: memory or a file that was never written costs nothing until somebody writes it. */
export function isZero(words: Uint32Array): boolean {
  for (let i = 0; i < words.length; i++) {
    if (words[i] !== 0) return false;
  }
  return true;
}

/** A field for bytes, typed as hex or as text. @module */
import { byId } from "./dom.js";
import { readHex, textToHex } from "./format.js";

/**
 * The bytes of a field as hex; marks the field where they are not hex.
 * @param {string} inputId @param {string} formId The select with `hex` and `text`.
 * @returns {string | undefined}
 */
export function readBytes(inputId, formId) {
  const input = byId(inputId);
  const hex = byId(formId).value === "hex" ? readHex(input.value) : textToHex(input.value);
  input.setCustomValidity(hex === undefined ? "This is not hex: pairs of 0-9 and a-f, or choose text" : "");
  return hex;
}

/** Checks a field while it is typed in; `onBytes` is told of its length in bytes. */
export function startBytes(inputId, formId, onBytes = () => {}) {
  const check = () => {
    const hex = readBytes(inputId, formId);
    onBytes(hex === undefined ? undefined : hex.length / 2);
  };
  byId(inputId).addEventListener("input", check);
  byId(formId).addEventListener("change", check);
}

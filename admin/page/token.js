/** Asks for the token, once for all who need it. @module */
import { byId, setText } from "./dom.js";

let asking;

/**
 * Opens the dialog, or joins the one that is open.
 * @param {boolean} wasRefused Whether a token was sent and did not fit.
 * @returns {Promise<string | undefined>} Undefined where the dialog was closed without one.
 */
export function askToken(wasRefused) {
  return asking ??= openTokenDialog(wasRefused).finally(() => asking = undefined);
}

function openTokenDialog(wasRefused) {
  const [dialog, input] = [byId("token-dialog"), byId("token")];
  input.value = "";
  setText(byId("token-refused"), wasRefused ? "The admin refused the last token." : "");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "use" ? input.value.trim() : undefined);
      input.value = "";
    }, { once: true });
  });
}

/** Wires the dialog's buttons. */
export function startToken() {
  const dialog = byId("token-dialog");
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close("use");
  });
  byId("token-cancel").addEventListener("click", () => dialog.close(""));
}

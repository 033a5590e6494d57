/** Server-sent events out of a streamed response: EventSource cannot send a token. Pure. @module */

/**
 * Reads text in any pieces; gives whole events.
 * @returns {(text: string) => { event: string, data: string }[]}
 */
export function sseReader() {
  let partial = "";
  let fields = { event: "message", data: [] };
  return (text) => {
    const lines = (partial + text).split(/\r\n|\n/);
    partial = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line !== "") readField(fields, line);
      else {
        if (fields.data.length > 0) events.push({ event: fields.event, data: fields.data.join("\n") });
        fields = { event: "message", data: [] };
      }
    }
    return events;
  };
}

/** A line that begins with a colon is a comment: the heartbeat. */
function readField(fields, line) {
  const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
  if (name === "event") fields.event = value ?? "";
  if (name === "data") fields.data.push(value ?? "");
}

//! The lines on stdout: one answer for each command, and events between them.

use std::io::Write;

/// Writes one whole line and flushes it, whatever thread it comes from.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away is no reason to panic: stdin ends too, and the process with it.
    let _ = writeln!(out, "{}", text.replace('\n', " ")).and_then(|()| out.flush());
}

/// Writes a line that no command asked for.
pub fn event(text: &str) {
    line(&format!("event {text}"));
}

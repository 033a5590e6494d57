//! A real armdb behind lines of text: leader, follower, opener and dumper for Slotcask's interop tests.
//! One command a line on stdin, one answer a line on stdout; see the README next to this package.

mod churn;
mod commands;
mod counters;
mod fill;
mod hex;
mod keys;
mod output;
mod scan_gate;
mod session;
mod shapes;
mod store;

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use commands::{Commands, options};
use counters::Counters;
use session::Session;
use store::Answer;

const USAGE: &str = "usage: armdb-peer (commands on stdin) | armdb-peer dump DIR KxV SHARDS PREFIX_BITS FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        serve_stdin();
        return ExitCode::SUCCESS;
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match once(&words) {
        Ok(answer) => {
            println!("ok {answer}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error {message}");
            ExitCode::FAILURE
        }
    }
}

fn serve_stdin() {
    let mut commands = Commands::new(Counters::install());
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if line == "quit" {
            output::line("ok");
            break;
        }
        match commands.run(&line) {
            Ok(answer) => output::line(format!("ok {answer}").trim_end()),
            Err(message) => output::line(&format!("error {message}")),
        }
    }
    // Not through the destructors: they would wait for the threads of a leader that nobody needs any more.
    std::process::exit(0);
}

/// Opens, dumps, closes.
fn once(words: &[&str]) -> Answer<String> {
    let ["dump", dir, shape, shards, prefix_bits, file] = words else {
        return Err(USAGE.into());
    };
    let session = Session::open(Path::new(dir), shape, &options(&[shards, prefix_bits])?)?;
    let lines = session.store().dump(Path::new(file))?;
    session.close()?;
    Ok(lines.to_string())
}

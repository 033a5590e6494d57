//! The command lines: words to calls, results to one answer each. The README next to this package lists them.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use crate::churn::{Mix, Pace};
use crate::counters::Counters;
use crate::fill::fill;
use crate::hex::{from_hex, to_hex};
use crate::session::{Session, wait};
use crate::store::{Answer, OpenOptions};

unsafe extern "C" {
    fn _exit(code: i32) -> !;
}

/// The commands' state: at most one open store.
pub struct Commands {
    session: Option<Session>,
    counters: Counters,
}

impl Commands {
    /// Nothing is open yet.
    pub fn new(counters: Counters) -> Self {
        Self { session: None, counters }
    }

    /// Does one command; the text goes behind `ok` or `error`.
    pub fn run(&mut self, line: &str) -> Answer<String> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match name {
            "open" => self.open(rest),
            "close" => done(self.session.take().ok_or("no store is open")?.close()),
            "pid" => Ok(std::process::id().to_string()),
            "metrics" => Ok(self.counters.line()),
            "metric" => Ok(self.counters.sum(word(&words, 0)?).to_string()),
            "wait" => self.wait(rest),
            // SAFETY: ends the process at once; nothing is flushed, no destructor runs.
            "crash" => unsafe { _exit(9) },
            "put" | "get" | "delete" | "shard" | "len" | "fill" | "dump" | "flush" => {
                self.data(name, rest, &words)
            }
            "churn" | "stop-churn" | "burst" => self.churn(name, &words),
            "serve" | "unserve" | "follow" | "unfollow" | "hold-scan" | "release-scan" => {
                self.link(name, &words)
            }
            _ => Err(format!("unknown command {name}")),
        }
    }

    fn session(&mut self) -> Answer<&mut Session> {
        self.session.as_mut().ok_or_else(|| "no store is open".into())
    }

    fn open(&mut self, rest: &str) -> Answer<String> {
        if self.session.is_some() {
            return Err("a store is open already".into());
        }
        // From the right, so that the directory may hold spaces.
        let mut words: Vec<&str> = rest.trim_end().rsplitn(5, ' ').collect();
        words.reverse();
        let options = options(&words[2.min(words.len())..])?;
        let session = Session::open(Path::new(word(&words, 0)?), word(&words, 1)?, &options)?;
        let length = session.store().len();
        self.session = Some(session);
        Ok(length.to_string())
    }

    fn data(&mut self, name: &str, rest: &str, words: &[&str]) -> Answer<String> {
        let store = self.session()?.store();
        let hex = |at: usize| from_hex(words.get(at).unwrap_or(&""));
        match name {
            "put" => done(store.put(&hex(0)?, &hex(1)?)),
            "get" => Ok(store.get(&hex(0)?)?.map_or("-".into(), |value| to_hex(&value))),
            "delete" => Ok(u8::from(store.delete(&hex(0)?)?).to_string()),
            "shard" => Ok(store.shard_of(&hex(0)?)?.to_string()),
            "len" => Ok(store.len().to_string()),
            "dump" => Ok(store.dump(Path::new(rest))?.to_string()),
            "flush" => done(store.flush()),
            _ => {
                let (count, seed): (u64, u64) = (number(words, 0)?, number(words, 1)?);
                let (round, from): (u64, u64) = (number_or(words, 2, 0)?, number_or(words, 3, 0)?);
                fill(store, seed, round, from..from.saturating_add(count))?;
                Ok(count.to_string())
            }
        }
    }

    fn churn(&mut self, name: &str, words: &[&str]) -> Answer<String> {
        let session = self.session()?;
        match name {
            "churn" => {
                let pace = Pace { rate: number(words, 0)?, seconds: number(words, 1)? };
                session.start_churn(mix(words, 2)?, pace)?;
                Ok("started".into())
            }
            "burst" => Ok(session.burst(mix(words, 1)?, number(words, 0)?)?.to_string()),
            _ => Ok(session.stop_churn()?.to_string()),
        }
    }

    fn link(&mut self, name: &str, words: &[&str]) -> Answer<String> {
        let session = self.session()?;
        match name {
            "serve" => Ok(session.serve(number(words, 0)?)?.to_string()),
            "unserve" => done(session.unserve()),
            "follow" => done(session.follow(number(words, 0)?)),
            "unfollow" => done(session.unfollow()),
            "hold-scan" => {
                session.gate().hold(number(words, 0)?);
                Ok(String::new())
            }
            _ => {
                session.gate().release();
                Ok(String::new())
            }
        }
    }

    /// `wait MS EXPECTED COMMAND`: EXPECTED is the answer's text, or `>=N`.
    fn wait(&mut self, rest: &str) -> Answer<String> {
        let words: Vec<&str> = rest.splitn(3, ' ').collect();
        let limit = Duration::from_millis(number(&words, 0)?);
        let (expected, command) = (word(&words, 1)?, word(&words, 2)?);
        wait(limit, || {
            let answer = self.run(command)?;
            Ok((matches(expected, &answer), answer))
        })
    }
}

fn matches(expected: &str, answer: &str) -> bool {
    match expected.strip_prefix(">=").map(str::parse::<u64>) {
        Some(Ok(least)) => answer.parse::<u64>().is_ok_and(|value| value >= least),
        _ => expected == answer,
    }
}

/// SHARDS PREFIX_BITS GROW_STEP.
pub fn options(words: &[&str]) -> Answer<OpenOptions> {
    Ok(OpenOptions {
        shards: number(words, 0)?,
        prefix_bits: number(words, 1)?,
        grow_step: number_or(words, 2, 1000)?,
    })
}

/// KEYSPACE SEED DELETE_PERCENT from word `at` on.
fn mix(words: &[&str], at: usize) -> Answer<Mix> {
    let mix = Mix {
        keyspace: number(words, at)?,
        seed: number(words, at + 1)?,
        delete_percent: number(words, at + 2)?,
    };
    if mix.keyspace == 0 {
        return Err("a keyspace of 0 keys".into());
    }
    Ok(mix)
}

fn done(result: Answer<()>) -> Answer<String> {
    result.map(|()| String::new())
}

fn word<'a>(words: &[&'a str], at: usize) -> Answer<&'a str> {
    words.get(at).copied().ok_or_else(|| format!("word {} is missing", at + 1))
}

fn number<T: FromStr>(words: &[&str], at: usize) -> Answer<T> {
    let text = word(words, at)?;
    text.parse().map_err(|_| format!("word {} does not parse: {text}", at + 1))
}

fn number_or<T: FromStr>(words: &[&str], at: usize, otherwise: T) -> Answer<T> {
    if words.len() <= at { Ok(otherwise) } else { number(words, at) }
}

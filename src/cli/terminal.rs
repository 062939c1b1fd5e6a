//! Text for people and programs. A reader that goes away (`| head`) ends no run, so write errors are ignored here.
//!
//! Much of it is foreign: cards, licences, rows of files, answers. What goes to a terminal can't steer it.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

/// A result, on stdout. A program that reads it gets it as it is.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", for_stdout(text));
}

/// A piece of a streamed answer, on stdout, at once.
pub fn piece(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(for_stdout(text).as_bytes()).and_then(|()| out.flush());
}

/// Something to read along the way, on stderr.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
}

/// What the program logs goes to stderr as [`note`] does: warnings, or what `RUST_LOG` asks for.
pub fn start_log() {
    // Two crates log what is of no concern to a person: retries that we report as errors, quirks of displays.
    let filter = env_logger::Env::default().default_filter_or("warn,hf_hub=off,winit=error");
    let mut log = env_logger::Builder::from_env(filter);
    log.format(|out, record| {
        let (time, level, target) = (out.timestamp_seconds(), record.level(), record.target());
        let style = out.default_level_style(level);
        writeln!(out, "[{time} {style}{level}{style:#} {target}] {}", harmless(&record.args().to_string()))
    });
    log.init();
}

fn for_stdout(text: &str) -> Cow<'_, str> {
    if std::io::stdout().is_terminal() { harmless(text) } else { text.into() }
}

/// Without signs that a terminal obeys instead of showing: control characters, of which only line breaks and tabs stay,
/// and those that turn the direction of a text.
fn harmless(text: &str) -> Cow<'_, str> {
    let obeys = |c: char| match c {
        '\n' | '\t' => false,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    };
    if !text.contains(obeys) {
        return text.into();
    }
    let show = |c: char| match c {
        c if !obeys(c) => c.to_string(),
        // Unicode has pictures of the old ones: ␛.
        '\0'..='\u{1F}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{FFFD}').to_string(),
        '\u{7F}' => '\u{2421}'.to_string(),
        c => format!("<U+{:04X}>", u32::from(c)),
    };
    text.chars().map(show).collect::<String>().into()
}

/// A line on stderr that is rewritten in place.
pub struct StatusLine {
    is_terminal: bool,
    num_shown: usize,
}

impl StatusLine {
    pub fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), num_shown: 0 }
    }

    /// Whether somebody can see the line change; a log file gets fewer, whole lines.
    pub fn is_live(&self) -> bool {
        self.is_terminal
    }

    pub fn show(&mut self, text: &str) {
        if !self.is_terminal {
            return note(text);
        }
        let text = harmless(text);
        let num_chars = text.chars().count();
        let pad = " ".repeat(self.num_shown.saturating_sub(num_chars));
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "\r{text}{pad}").and_then(|()| err.flush());
        self.num_shown = num_chars;
    }

    /// Takes the line away, so that other text can follow.
    pub fn clear(&mut self) {
        if self.num_shown > 0 {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r{}\r", " ".repeat(self.num_shown)).and_then(|()| err.flush());
            self.num_shown = 0;
        }
    }
}

pub use crate::words::{bytes, thousands};

/// `45 s`, `3 min 20 s`, `2 h 05 min`
pub fn duration(secs: f64) -> String {
    let secs = secs.max(0.0).round() as u64;
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_shown_and_not_obeyed() {
        let check = |text: &str, expected: &str| assert_eq!(harmless(text), expected, "{text:?}");
        check("Größe: 5 µm\tok\n", "Größe: 5 µm\tok\n");
        check("mit\u{1b}]0;title\u{7}\u{1b}[2J", "mit␛]0;title␇␛[2J");
        check("a\rb\u{8}\u{7f}", "a␍b␈␡");
        check("\u{9b}31m", "<U+009B>31m");
        check("txt.\u{202e}exe", "txt.<U+202E>exe");
        check("שלום 👩‍👩‍👧", "שלום 👩‍👩‍👧");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(98_362_432), "98.4 MB");
        assert_eq!([0.4, 59.6, 200.0, 7500.0].map(duration), ["0 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]);
    }
}

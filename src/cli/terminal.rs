//! Text for people and programs. A reader that goes away (`| head`) ends no run, so write errors are ignored here.

use std::io::{IsTerminal, Write};

/// A result, on stdout.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A piece of a streamed answer, on stdout, at once.
pub fn piece(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Something to read along the way, on stderr.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
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

/// `1,234,567`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `98.4 MB`, in powers of ten, as disks and downloads are sold.
pub fn bytes(number: u64) -> String {
    let (divisor, unit) = match number {
        0..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!("{:.1} {unit}", number as f64 / divisor)
}

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
    fn numbers_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "98,362,432"],
            [0, 999, 1000, 98_362_432].map(thousands).each_ref().map(String::as_str)
        );
        assert_eq!(bytes(98_362_432), "98.4 MB");
        assert_eq!([0.4, 59.6, 200.0, 7500.0].map(duration), ["0 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]);
    }
}

//! Numbers as the window writes them: thousands with a comma, units after a space, minus as "−".

pub use crate::words::{count, thousands};

/// For chips: `82,914`, but `830k` and `1.2M` where there is no room for more.
pub fn short_count(count: u64) -> String {
    match count {
        0..100_000 => thousands(count),
        100_000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// `98 MB`, `1.3 GB`; decimal units, as on the shelf.
pub fn bytes(value: u64) -> String {
    let value = value as f64;
    match value {
        v if v < 999.5e3 => format!("{:.0} kB", (v / 1e3).max(if v > 0.0 { 1.0 } else { 0.0 })),
        v if v < 999.5e6 => format!("{:.0} MB", v / 1e6),
        v if v < 99.95e9 => format!("{:.1} GB", v / 1e9),
        v => format!("{:.0} GB", v / 1e9),
    }
}

/// `0.9`: gigabytes, where the unit is elsewhere.
pub fn gigabytes(value: u64) -> String {
    format!("{:.1}", value as f64 / 1e9)
}

/// Weights of a model: `134.5 M`, `1.24 B`.
pub fn parameters(value: u64) -> String {
    match value as f64 {
        v if v < 1e3 => format!("{v}"),
        v if v < 1e6 => format!("{:.1} K", v / 1e3),
        v if v < 1e9 => format!("{:.1} M", v / 1e6),
        v => format!("{:.2} B", v / 1e9),
    }
}

/// `42 s`, `3 min 12 s`, `1 h 10 min`
pub fn duration(secs: f64) -> String {
    if !secs.is_finite() || secs < 0.0 {
        return "–".to_owned();
    }
    if secs < 9.95 {
        return format!("{:.1} s", secs.max(0.1));
    }
    let secs = secs.round() as u64;
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min {} s", secs / 60, secs % 60),
        _ => format!("{} h {} min", secs / 3600, secs % 3600 / 60),
    }
}

/// Like [`duration`], without tenths: for what changes while one looks.
pub fn time_left(secs: f64) -> String {
    if secs.is_finite() && (0.0..9.95).contains(&secs) { format!("{} s", secs.round()) } else { duration(secs) }
}

/// An estimate to the precision that it deserves: `40 s`, `9 min`, `1 h 10 min`.
pub fn roughly(secs: f64) -> String {
    match secs {
        s if !s.is_finite() || s < 0.0 => "–".to_owned(),
        s if s < 10.0 => "a few seconds".to_owned(),
        s if s < 55.0 => format!("{:.0} s", (s / 10.0).round().max(1.0) * 10.0),
        s if s < 595.0 * 6.0 => format!("{:.0} min", (s / 60.0).round().max(1.0)),
        s => {
            let tens = (s / 600.0).round() as u64;
            let (hours, minutes) = (tens / 6, tens % 6 * 10);
            if minutes == 0 { format!("{hours} h") } else { format!("{hours} h {minutes} min") }
        }
    }
}

/// `about 9 min`
pub fn about(secs: f64) -> String {
    format!("about {}", roughly(secs))
}

/// `0.436`; more digits for what is small, none after the point for what is large: `2,539`.
pub fn loss(value: f64) -> String {
    match value {
        v if !v.is_finite() => "–".to_owned(),
        v if v != 0.0 && v.abs() < 1e-3 => signed(&format!("{v:.1e}")),
        v if v.abs() >= 1e3 => signed(&grouped(v)),
        v => signed(&format!("{v:.3}")),
    }
}

/// A large number without what is after its point, with commas.
fn grouped(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", thousands(value.abs().round() as u64))
}

/// `2e-4`, `0.05`, `1.83e-4`: learning rates and the like.
pub fn rate(value: f64) -> String {
    if value == 0.0 || value.abs() >= 1e-2 {
        return signed(&trim(&format!("{value:.3}")));
    }
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => signed(&format!("{}e{exponent}", trim(mantissa))),
        None => text,
    }
}

/// `71.8 %`
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `640`, `37.5`: tokens a second.
pub fn speed(value: f64) -> String {
    if value < 99.95 { format!("{value:.1}") } else { thousands(value.round() as u64) }
}

fn trim(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// A true minus sign in front; the one of an exponent stays as programs write it.
fn signed(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| text.to_owned(), |rest| format!("−{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_as_the_style_says() {
        assert_eq!([bytes(98_362_432), bytes(1_300_000_000), bytes(512)], ["98 MB", "1.3 GB", "1 kB"]);
        assert_eq!([parameters(134_515_008), parameters(1_240_000_000)], ["134.5 M", "1.24 B"]);
        assert_eq!([duration(4.0), duration(192.0), duration(4200.0)], ["4.0 s", "3 min 12 s", "1 h 10 min"]);
        assert_eq!(
            [roughly(4.0), roughly(42.0), roughly(58.0), roughly(530.0), roughly(3585.0), roughly(4210.0)],
            ["a few seconds", "40 s", "1 min", "9 min", "1 h", "1 h 10 min"]
        );
        assert_eq!([about(3100.0), about(f64::NAN)], ["about 52 min", "about –"]);
        assert_eq!([rate(2e-4), rate(1.833e-4), rate(0.05), rate(0.0)], ["2e-4", "1.83e-4", "0.05", "0"]);
        assert_eq!([loss(0.4361), loss(-1.5), loss(f64::NAN)], ["0.436", "−1.500", "–"]);
        assert_eq!([loss(2539.393), loss(-1234.5)], ["2,539", "−1,235"]);
        assert_eq!(percent(0.718), "71.8 %");
    }
}

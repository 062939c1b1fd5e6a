//! When an example is from: dates and times as files write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::rfc2822};

/// Numbers of seconds, milliseconds, microseconds and nanoseconds since 1970 that lie between 1973 and 2286, and how
/// many of them are a second: no number is in two of these ranges.
const UNITS: [(f64, f64); 4] = [(1e8, 1.0), (1e11, 1e3), (1e14, 1e6), (1e17, 1e9)];

/// Reads ISO 8601, RFC 3339, the dates of e-mails, days with points (`1.3.2025`), Chinese and Japanese ones, and numbers
/// since 1970, to the millisecond. What names no time zone is taken as UTC, a day as its beginning. `None` for anything
/// else: `03/04/2025` is one day here and another there.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let moment = since_1970(text).or_else(|| written(text))?;
    Timestamp::from_millisecond(moment.as_millisecond()).ok()
}

fn since_1970(text: &str) -> Option<Timestamp> {
    let number: f64 = text.parse().ok()?;
    let (_, a_second) = UNITS.into_iter().find(|(from, _)| (*from..from * 100.0).contains(&number))?;
    Timestamp::from_millisecond((number / a_second * 1e3).floor() as i64).ok()
}

fn written(text: &str) -> Option<Timestamp> {
    let iso = |text: &str| -> Option<Timestamp> {
        let local = || -> Option<Timestamp> {
            let local: DateTime = text.parse().ok()?;
            Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
        };
        text.parse().ok().or_else(local)
    };
    let mail = || Some(rfc2822::parse(text).ok()?.timestamp());
    iso(text).or_else(|| iso(&as_iso(text))).or_else(mail)
}

/// `2025/03/01 12:00:00 +01:00` → `2025-03-01 12:00:00+01:00`
fn as_iso(text: &str) -> String {
    let (day, rest) = text.split_once(' ').unwrap_or((text, ""));
    let named = with_points(day).or_else(|| with_signs(day)).map(|day| format!("{day} {rest}").trim_end().to_owned());
    let mut iso = match text.as_bytes() {
        _ if named.is_some() => named.unwrap_or_default(),
        [_, _, _, _, b'/', ..] => text.replacen('/', "-", 2),
        _ => text.to_owned(),
    };
    if let Some((time, zone)) = iso.rsplit_once(' ') {
        match zone {
            "UTC" | "GMT" | "Z" => iso = format!("{time}Z"),
            _ if zone.starts_with(['+', '-']) => iso = format!("{time}{zone}"),
            _ => {}
        }
    }
    iso
}

/// `1.3.2025`: with points, the day comes first wherever people write so.
fn with_points(day: &str) -> Option<String> {
    let parts: Vec<_> = day.trim_end_matches(',').split('.').collect();
    let [day, month, year] = parts.as_slice() else { return None };
    ymd(year, month, day)
}

/// `2025年3月1日`
fn with_signs(day: &str) -> Option<String> {
    let (year, rest) = day.split_once('年')?;
    let (month, rest) = rest.split_once('月')?;
    ymd(year, month, rest.strip_suffix('日')?)
}

fn ymd(year: &str, month: &str, day: &str) -> Option<String> {
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let is_number = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse::<u32>().ok() } else { None }
    };
    Some(format!("{:04}-{:02}-{:02}", number(year, 4..=4)?, number(month, 1..=2)?, number(day, 1..=2)?))
}

/// A moment as files get it: `2025-03-01`, or `2025-03-01T12:00:00Z`. [`parse`] gives the same moment.
pub fn to_text(moment: Timestamp) -> String {
    if is_day(moment) { day(moment) } else { moment.to_string() }
}

/// A moment as people get it: `2025-03-01`, or `2025-03-01 12:00`.
pub fn words(moment: Timestamp) -> String {
    if is_day(moment) { day(moment) } else { moment.strftime("%Y-%m-%d %H:%M").to_string() }
}

/// `2025-03-01`
pub fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

fn is_day(moment: Timestamp) -> bool {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    moment.as_millisecond() % DAY == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_files_write_them() {
        let check = |text: &str, expected: &str| {
            let moment = parse(text).unwrap_or_else(|| panic!("{text} can't be read"));
            assert_eq!(to_text(moment), expected, "{text}");
            assert_eq!(parse(&to_text(moment)), Some(moment), "{text}");
        };
        check("2025-03-01", "2025-03-01");
        check(" 20250301 ", "2025-03-01");
        check("2025/03/01", "2025-03-01");
        check("2025-03-01T12:30:05Z", "2025-03-01T12:30:05Z");
        check("2025-03-01T12:30:05.123456+02:00", "2025-03-01T10:30:05.123Z");
        check("2025-03-01 12:30", "2025-03-01T12:30:00Z");
        check("2025-03-01 00:00:00", "2025-03-01");
        check("2025/03/01 12:30:05 +01:00", "2025-03-01T11:30:05Z");
        check("2025-03-01 12:30:05 UTC", "2025-03-01T12:30:05Z");
        check("Sat, 1 Mar 2025 12:30:05 +0100", "2025-03-01T11:30:05Z");
        check("01.03.2025", "2025-03-01");
        check("1.3.2025 12:30", "2025-03-01T12:30:00Z");
        check("2025年3月1日", "2025-03-01");
        check("1740832205", "2025-03-01T12:30:05Z");
        check("1740832205.25", "2025-03-01T12:30:05.25Z");
        check("1740832205123", "2025-03-01T12:30:05.123Z");
        check("1740832205123456", "2025-03-01T12:30:05.123Z");
        assert_eq!(words(parse("2025-03-01T12:30:05Z").unwrap()), "2025-03-01 12:30");
    }

    #[test]
    fn what_is_no_date_is_none() {
        let others = [
            "",
            "soon",
            "2025",
            "42",
            "03/04/2025",
            "2025-13-01",
            "2025-02-30",
            "nan",
            "inf",
            "-5",
            "12:30",
            "1e999",
            "1.2.3",
            "1.13.2025",
            "192.168.1.2025",
        ];
        for text in others {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

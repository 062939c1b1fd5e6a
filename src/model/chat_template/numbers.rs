//! Numbers and texts in a field of a given width, as `%` and `str.format` write them.

use minijinja::Error;

use super::values::{MAX_TEXT, error, too_long};

/// What is between the braces or after the percent sign.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    pub fill: Option<char>,
    /// One of `<`, `>`, `^`, `=`.
    pub align: Option<char>,
    /// `+` or a space.
    pub sign: Option<char>,
    pub is_alternate: bool,
    pub width: usize,
    pub grouping: Option<char>,
    pub precision: Option<usize>,
}

/// More digits than a float has.
const MAX_PRECISION: usize = 1000;

impl Spec {
    pub fn check(&self) -> Result<(), Error> {
        if self.width > MAX_TEXT {
            return Err(too_long());
        }
        if self.precision.is_some_and(|precision| precision > MAX_PRECISION) {
            return Err(error(format!("a precision of more than {MAX_PRECISION} digits")));
        }
        if self.grouping.is_some() && self.align == Some('=') {
            return Err(error("zeros before grouped digits can't be computed here"));
        }
        Ok(())
    }

    pub fn text(&self, text: &str) -> String {
        let cut: String = match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.to_owned(),
        };
        self.padded("", &cut, '<')
    }

    pub fn integer(&self, value: i128, kind: char) -> Result<String, Error> {
        let magnitude = value.unsigned_abs();
        let (prefix, digits, group) = match kind {
            'd' | 'i' | 'u' | 'n' => ("", magnitude.to_string(), 3),
            'x' => ("0x", format!("{magnitude:x}"), 4),
            'X' => ("0X", format!("{magnitude:X}"), 4),
            'o' => ("0o", format!("{magnitude:o}"), 4),
            'b' => ("0b", format!("{magnitude:b}"), 4),
            _ => return Err(error(format!("integers can't be written as {kind}"))),
        };
        let zeros = self.precision.unwrap_or_default().saturating_sub(digits.len());
        let digits = self.grouped(&("0".repeat(zeros) + &digits), group);
        let prefix = if self.is_alternate { prefix } else { "" };
        Ok(self.padded(&(self.sign_of(value < 0).to_owned() + prefix), &digits, '>'))
    }

    pub fn float(&self, value: f64, kind: char) -> Result<String, Error> {
        let precision = self.precision.unwrap_or(6);
        let magnitude = value.abs();
        let digits = match kind {
            _ if magnitude.is_nan() => "nan".to_owned(),
            _ if magnitude.is_infinite() => "inf".to_owned(),
            'f' | 'F' => format!("{magnitude:.precision$}"),
            '%' => format!("{:.precision$}%", magnitude * 100.0),
            'e' | 'E' => exponential(magnitude, precision),
            'g' | 'G' => general(magnitude, precision.max(1), self.is_alternate),
            _ => return Err(error(format!("floats can't be written as {kind}"))),
        };
        let digits = if kind.is_ascii_uppercase() { digits.to_uppercase() } else { digits };
        let whole = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let digits = self.grouped(&digits[..whole], 3) + &digits[whole..];
        let is_negative = value.is_sign_negative() && !value.is_nan();
        Ok(self.padded(self.sign_of(is_negative), &digits, '>'))
    }

    fn sign_of(&self, is_negative: bool) -> &'static str {
        match (is_negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        }
    }

    fn grouped(&self, digits: &str, size: usize) -> String {
        let Some(separator) = self.grouping else { return digits.to_owned() };
        let mut out = String::new();
        for (at, c) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(size) {
                out.push(separator);
            }
            out.push(c);
        }
        out
    }

    fn padded(&self, sign: &str, body: &str, default_align: char) -> String {
        let missing = self.width.saturating_sub(sign.chars().count() + body.chars().count());
        let fill = |count: usize| String::from_iter(std::iter::repeat_n(self.fill.unwrap_or(' '), count));
        match self.align.unwrap_or(default_align) {
            '<' => format!("{sign}{body}{}", fill(missing)),
            '^' => format!("{}{sign}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
            '=' => format!("{sign}{}{body}", fill(missing)),
            _ => format!("{}{sign}{body}", fill(missing)),
        }
    }
}

/// `1.50e+07`
fn exponential(magnitude: f64, precision: usize) -> String {
    let written = format!("{magnitude:.precision$e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// The shorter of both forms, with `precision` digits in all.
fn general(magnitude: f64, precision: usize, keeps_zeros: bool) -> String {
    let scientific = exponential(magnitude, precision - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let trimmed = |digits: &str| match digits.contains('.') && !keeps_zeros {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if (-4..precision as i64).contains(&exponent) {
        let decimals = (precision as i64 - 1 - exponent).max(0) as usize;
        return trimmed(&format!("{magnitude:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

//! Personal data and secrets: what they look like, which of them are made up, and how they are blacked out.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::patterns::regex;

/// A place in a text and what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub range: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Email,
    Iban,
    Card,
    Phone,
    ApiKey,
    PrivateKey,
    Password,
}

impl Kind {
    /// What takes its place.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "[email]",
            Self::Iban => "[iban]",
            Self::Card => "[card]",
            Self::Phone => "[phone]",
            Self::ApiKey => "[api_key]",
            Self::PrivateKey => "[private_key]",
            Self::Password => "[password]",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Email => "a mail address",
            Self::Iban => "an account number (IBAN)",
            Self::Card => "a card number",
            Self::Phone => "a phone number",
            Self::ApiKey => "an API key",
            Self::PrivateKey => "a private key",
            Self::Password => "a password",
        }
    }
}

/// Names the kinds, not what was found: the list of findings mustn't be a second place for it.
pub fn in_words(found: &[Found]) -> String {
    let mut kinds: Vec<Kind> = found.iter().map(|found| found.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(Kind::in_words).collect::<Vec<_>>().join(", ")
}

/// The text with every place that was found blacked out; the places in order.
pub fn redact(text: &str, found: &[Found]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for Found { range, kind } in found {
        out.push_str(&text[done..range.start]);
        out.push_str(kind.placeholder());
        done = range.end;
    }
    out + &text[done..]
}

/// Mail addresses, phone, account and card numbers. What is reserved for examples and films belongs to nobody.
pub fn personal_data(text: &str) -> Vec<Found> {
    static EMAIL: LazyLock<Regex> =
        LazyLock::new(|| regex(r"(?i)\b[a-z0-9][a-z0-9._%+-]*@[a-z0-9][a-z0-9.-]*\.[a-z]{2,24}\b"));
    static IBAN: LazyLock<Regex> = LazyLock::new(|| regex(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}"));
    static CARD: LazyLock<Regex> = LazyLock::new(|| regex(r"\b[0-9](?:[ -]?[0-9]){11,18}\b"));
    static PHONE: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"(?:\+|\b00)[1-9][0-9]{0,2}[ ./-]{0,2}(?:\(0?[0-9]{0,5}\)[ ./-]{0,2})?[0-9](?:[ ./-]{0,2}[0-9]){6,11}\b",
            r"|\([0-9]{3}\) ?[0-9]{3}[ .-][0-9]{4}\b",
            r"|\b[2-9][0-9]{2}([.-])[0-9]{3}[.-][0-9]{4}\b",
            r"|\b0[1-9][0-9]{1,4}[ /-][0-9]{3,4}(?:[ -]?[0-9]{3,5})\b",
        ))
    });
    let mut found = Places::default();
    if text.contains('@') {
        found.add_all(&EMAIL, text, Kind::Email, is_someones_address);
    }
    // The shortest of the numbers has seven digits.
    if text.bytes().filter(u8::is_ascii_digit).count() >= 7 {
        let mut from = 0;
        while let Some(candidate) = IBAN.find_at(text, from) {
            // What is none may still hold the beginning of one.
            from = candidate.start() + 2;
            if let Some(len) = iban_len(candidate.as_str()) {
                from = candidate.start() + len;
                found.add(candidate.start()..from, Kind::Iban);
            }
        }
        found.add_all(&CARD, text, Kind::Card, is_card);
        for candidate in PHONE.find_iter(text).filter(|candidate| is_someones_phone(candidate.as_str())) {
            if !is_part_of_sum(&text[..candidate.start()], &text[candidate.end()..]) {
                found.add(candidate.range(), Kind::Phone);
            }
        }
    }
    found.in_order()
}

/// API keys of the common services, private keys, and passwords that are named as such.
pub fn secrets(text: &str) -> Vec<Found> {
    static API_KEY: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"\b(?:sk-[A-Za-z0-9_-]{20,}|[sr]k_live_[A-Za-z0-9]{16,}|(?:AKIA|ASIA)[0-9A-Z]{16}",
            r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}",
            r"|xox[abeprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}",
            r"|SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
        ))
    });
    static PRIVATE_KEY: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?")
    });
    static PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r#"(?i)\b(?:password|passwd|pwd|api[_ -]?key|secret[_ -]?key|access[_ -]?token|auth[_ -]?token)"#,
            r#"["'`]?\s*[:=]\s*["'`]?([a-z0-9_./+=!@#$%^&*-]{8,})"#,
        ))
    });
    let mut found = Places::default();
    found.add_all(&PRIVATE_KEY, text, Kind::PrivateKey, |_| true);
    found.add_all(&API_KEY, text, Kind::ApiKey, |key| key.bytes().any(|b| b.is_ascii_digit()));
    for captures in PASSWORD.captures_iter(text) {
        if let Some(value) = captures.get(1).filter(|value| is_random(value.as_str())) {
            found.add(value.range(), Kind::Password);
        }
    }
    found.in_order()
}

/// Whether letters and digits are mixed: not a word, a number or a path.
fn is_random(value: &str) -> bool {
    let has = |is: fn(&u8) -> bool| value.bytes().any(|byte| is(&byte));
    has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && !value.contains("://")
}

/// Places that don't overlap; the first kind that claims one has it.
#[derive(Default)]
struct Places(Vec<Found>);

impl Places {
    fn add(&mut self, range: Range<usize>, kind: Kind) {
        if !self.0.iter().any(|other| other.range.start < range.end && range.start < other.range.end) {
            self.0.push(Found { range, kind });
        }
    }

    fn add_all(&mut self, pattern: &Regex, text: &str, kind: Kind, is_real: impl Fn(&str) -> bool) {
        for found in pattern.find_iter(text).filter(|found| is_real(found.as_str())) {
            self.add(found.range(), kind);
        }
    }

    fn in_order(mut self) -> Vec<Found> {
        self.0.sort_by_key(|found| found.range.start);
        self.0
    }
}

/// Whether what is around a number makes it the middle of a longer one, or of arithmetic.
fn is_part_of_sum(before: &str, after: &str) -> bool {
    before.trim_end_matches(' ').ends_with(|c: char| c.is_ascii_digit())
        || before.ends_with(['-', '/', '+', '*', '='])
        || after.starts_with(['-', '/', '+', '*', '='])
}

/// RFC 2606 reserves names for examples.
fn is_someones_address(address: &str) -> bool {
    let domain = address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let (rest, top) = domain.rsplit_once('.').unwrap_or(("", &domain));
    let second = rest.rsplit('.').next().unwrap_or_default();
    let is_reserved = matches!(top, "example" | "test" | "invalid" | "localhost")
        || (second == "example" && matches!(top, "com" | "net" | "org"));
    !is_reserved
}

/// North America keeps 555-0100 to -0199 for films, Ofcom some blocks of Great Britain's cities; people make up numbers
/// in the same way.
fn is_someones_phone(phone: &str) -> bool {
    const BRITISH_FILMS: [&str; 20] = [
        "1134960", "1144960", "1154960", "1164960", "1174960", "1184960", "1214960", "1314960", "1414960", "1514960",
        "1614960", "2079460", "1914980", "2896496", "2920180", "1632960", "7700900", "8081570", "9098790", "3069990",
    ];
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let last = |num: usize| digits.get(digits.len().saturating_sub(num)..).unwrap_or_default();
    let is_american_film = last(7).starts_with("55501") || last(6).starts_with("5550");
    let is_british_film = BRITISH_FILMS.iter().any(|block| last(10).starts_with(block));
    (7..=15).contains(&digits.len()) && !is_american_film && !is_british_film
}

/// The brands' beginnings and lengths, and Luhn's checksum.
fn is_card(number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    let start = |num: usize| digits.iter().take(num).fold(0, |number, digit| 10 * number + digit);
    let is_brand = match digits.len() {
        13 | 19 => start(1) == 4,
        14 => matches!(start(2), 36 | 38 | 39) || matches!(start(3), 300..=305),
        15 => matches!(start(2), 34 | 37),
        16 => start(1) == 4 || matches!(start(2), 51..=55 | 65 | 35 | 62) || matches!(start(4), 2221..=2720 | 6011),
        _ => false,
    };
    is_brand && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    sum.is_multiple_of(10)
}

/// How many bytes of the candidate are a valid IBAN.
fn iban_len(candidate: &str) -> Option<usize> {
    /// By country: characters of an IBAN.
    const LENGTHS: &[(&str, usize)] = &[
        ("AD", 24),
        ("AE", 23),
        ("AT", 20),
        ("BE", 16),
        ("BG", 22),
        ("CH", 21),
        ("CY", 28),
        ("CZ", 24),
        ("DE", 22),
        ("DK", 18),
        ("EE", 20),
        ("ES", 24),
        ("FI", 18),
        ("FR", 27),
        ("GB", 22),
        ("GR", 27),
        ("HR", 21),
        ("HU", 28),
        ("IE", 22),
        ("IL", 23),
        ("IS", 26),
        ("IT", 27),
        ("LI", 21),
        ("LT", 20),
        ("LU", 20),
        ("LV", 21),
        ("MC", 27),
        ("MT", 31),
        ("NL", 18),
        ("NO", 15),
        ("PL", 28),
        ("PT", 25),
        ("RO", 24),
        ("RS", 22),
        ("SA", 24),
        ("SE", 24),
        ("SI", 19),
        ("SK", 24),
        ("TR", 26),
        ("UA", 29),
    ];
    let len = LENGTHS.iter().find(|(country, _)| candidate.starts_with(country)).map(|(_, len)| *len)?;
    let (end, _) = candidate.char_indices().filter(|(_, c)| *c != ' ').nth(len - 1)?;
    let iban: String = candidate[..=end].chars().filter(|c| *c != ' ').collect();
    // The first four characters count last; letters are numbers from 10.
    let remainder = iban[4..].chars().chain(iban[..4].chars()).filter_map(|c| c.to_digit(36)).fold(0, |rest, digit| {
        let shift = if digit < 10 { 10 } else { 100 };
        (rest * shift + digit) % 97
    });
    (remainder == 1).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_are_found_and_blacked_out() {
        let check = |text: &str, redacted: &str| assert_eq!(redact(text, &personal_data(text)), redacted);
        check("Mail jane.doe+x@mail.firma.de, please.", "Mail [email], please.");
        check("Call +49 (0)30 901820 or (212) 736-5000!", "Call [phone] or [phone]!");
        check("Tel. 030/9018 2034, 212-736-5000", "Tel. [phone], [phone]");
        check("DE89 3704 0044 0532 0130 00 AND GB82WEST12345698765432.", "[iban] AND [iban].");
        check("card 4111 1111 1111 1111, amex 378282246310005", "card [card], amex [card]");
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in [
            "write to jane@example.com or bob@shop.test",
            "call me on 0161 496 0102 or 212-555-0123, not on 0151 555 020",
            "order 2206-1187-5521, EAN 4006381333931, 1234 5678 9012 3456",
            "on 2024-01-15 at 10:30, 3.14159265358979, 10.000.000",
            "DE00 3704 0044 0532 0130 00",
            "12500+21000-6300=27200, 6000-600-150-1200-2000",
            "48 + 24 = 72 and 1,000,000 / 3 @ 5",
        ] {
            assert_eq!(personal_data(text), [], "{text}");
            assert_eq!(secrets(text), [], "{text}");
        }
        assert_eq!(secrets("password: something, api_key = YOUR_API_KEY, task-12345678901234567890"), []);
    }

    #[test]
    fn secrets_are_found_and_blacked_out() {
        // Put together here, so that no scanner takes this file for a leak.
        let check = |text: String, redacted: &str| assert_eq!(redact(&text, &secrets(&text)), redacted);
        check(format!("use {}{} now", "sk-", "proj-a1B2c3D4e5F6g7H8i9J0k"), "use [api_key] now");
        check(format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE"), "[api_key]");
        check(format!("{}{}", "ghp_", "0123456789abcdefABCDEF0123456789abcd"), "[api_key]");
        check("password = 'hunter2horse'".to_owned(), "password = '[password]'");
        let key = format!("-----BEGIN {0}-----\nMIIEvQ\n-----END {0}-----", "RSA PRIVATE KEY");
        check(format!("{key} end"), "[private_key] end");
    }

    #[test]
    fn findings_don_t_repeat_what_they_found() {
        let found = personal_data("a.b@firma.de c.d@firma.de +49 30 901820");
        assert_eq!(in_words(&found), "a mail address, a phone number");
    }
}

//! Numbers in sentences, written the same way in the window, the command line, files and messages.

/// A number of things.
pub trait Whole: Copy {
    fn whole(self) -> u64;
}

impl Whole for u64 {
    fn whole(self) -> u64 {
        self
    }
}

impl Whole for u32 {
    fn whole(self) -> u64 {
        self.into()
    }
}

impl Whole for usize {
    fn whole(self) -> u64 {
        self as u64
    }
}

impl<T: Whole> Whole for &T {
    fn whole(self) -> u64 {
        (*self).whole()
    }
}

/// `1,240`
pub fn thousands(value: impl Whole) -> String {
    let digits = value.whole().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 example`, `1,240 examples`
pub fn count(value: impl Whole, one: &str, many: &str) -> String {
    format!("{} {}", thousands(value), if value.whole() == 1 { one } else { many })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_have_a_comma_and_one_is_singular() {
        assert_eq!([0_u64, 999, 1240, 98_362_432].map(thousands), ["0", "999", "1,240", "98,362,432"]);
        assert_eq!(count(1_u32, "row", "rows"), "1 row");
        assert_eq!(count(20_011_usize, "character", "characters"), "20,011 characters");
    }
}

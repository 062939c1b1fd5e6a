//! Into which batch a dated row goes.

use jiff::civil::{Date, Weekday};

/// The time that one batch spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    Day,
    /// From Monday.
    #[default]
    Week,
    Month,
}

impl Period {
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.name() == name)
    }

    /// The first day of the period that a day is in.
    pub fn first_day(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week if day.weekday() == Weekday::Monday => day,
            // Before the first of all Mondays there is none.
            Self::Week => day.nth_weekday(-1, Weekday::Monday).unwrap_or(day),
            Self::Month => day.first_of_month(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_on_their_first_day() {
        let check = |period: Period, day: &str, expected: &str| {
            assert_eq!(period.first_day(day.parse().unwrap()).to_string(), expected, "{period:?} {day}");
        };
        check(Period::Day, "2026-12-01", "2026-12-01");
        check(Period::Week, "2026-12-01", "2026-11-30");
        check(Period::Week, "2026-11-30", "2026-11-30");
        check(Period::Week, "2026-11-29", "2026-11-23");
        check(Period::Month, "2026-12-31", "2026-12-01");
        assert!(Period::ALL.iter().all(|period| Period::from_name(period.name()) == Some(*period)));
    }
}

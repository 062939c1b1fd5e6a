//! Which answers a fall comes from.

use std::collections::HashMap;

use super::finding::{Behind, MOST_BEHIND};
use super::{is_binary, mean};

/// One measured answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered<'a> {
    pub value: f64,
    /// What was expected, where that is one of a list.
    pub label: Option<&'a str>,
}

/// The batch's wrong answers, those of the labels that fell the most first; without labels, or where answers aren't just
/// right or wrong, the worst first. None is named that is as good as the reference's in the middle.
pub fn wrong_answers(
    reference: &[Answered<'_>],
    batch: &[(usize, Answered<'_>)],
    higher_is_better: bool,
) -> Vec<Behind> {
    let goodness = |answered: &Answered<'_>| if higher_is_better { answered.value } else { -answered.value };
    let usual = mean(&reference.iter().map(goodness).collect::<Vec<_>>());
    let before = by_label(reference.iter().copied());
    let now = by_label(batch.iter().map(|(_, answered)| *answered));
    // How many more are wrong than the reference lets expect: a label that training doesn't know is held to the rest.
    let fall = |label: &str| -> f64 {
        let values = &now[label];
        let expected = before.get(label).map_or(usual, |before| mean_goodness(before, higher_is_better));
        (expected - mean_goodness(values, higher_is_better)) * values.len() as f64
    };
    let mut rows: Vec<&(usize, Answered<'_>)> = batch.iter().filter(|row| goodness(&row.1) < usual).collect();
    let order = |row: &(usize, Answered<'_>)| (row.1.label.map_or(0.0, fall), -goodness(&row.1));
    rows.sort_by(|a, b| order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal));
    let all: Vec<f64> = reference.iter().map(|r| r.value).chain(batch.iter().map(|b| b.1.value)).collect();
    let why = |answered: &Answered<'_>| {
        if !is_binary(&all) {
            return format!("{:.3}; in the reference {:.3}", answered.value, usual.abs());
        }
        let Some(label) = answered.label else { return "wrong".to_owned() };
        let percent = |values: &[f64]| 100.0 * mean(values);
        match before.get(label) {
            Some(before) => {
                format!("wrong; of {label} {:.0} % are right instead of {:.0} %", percent(&now[label]), percent(before))
            }
            None => format!("wrong; {label} isn't in the reference"),
        }
    };
    rows.into_iter().take(MOST_BEHIND).map(|(row, answered)| Behind { row: *row, why: why(answered) }).collect()
}

fn by_label<'a>(all: impl Iterator<Item = Answered<'a>>) -> HashMap<&'a str, Vec<f64>> {
    let mut found: HashMap<&str, Vec<f64>> = HashMap::new();
    all.for_each(|answered| {
        if let Some(label) = answered.label {
            found.entry(label).or_default().push(answered.value)
        }
    });
    found
}

fn mean_goodness(values: &[f64], higher_is_better: bool) -> f64 {
    if higher_is_better { mean(values) } else { -mean(values) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_of_the_labels_that_fell_come_first() {
        let of = |label, value| Answered { value, label: Some(label) };
        let reference = [of("a", 1.0), of("a", 1.0), of("b", 1.0), of("b", 0.0)];
        let batch = [(0, of("b", 0.0)), (1, of("b", 1.0)), (2, of("a", 0.0)), (3, of("a", 0.0)), (4, of("new", 0.0))];
        let behind = wrong_answers(&reference, &batch, true);
        assert_eq!(behind.iter().map(|behind| behind.row).collect::<Vec<_>>(), [2, 3, 4, 0]);
        assert_eq!(behind[0].why, "wrong; of a 0 % are right instead of 100 %");
        assert_eq!(behind[2].why, "wrong; new isn't in the reference");
        // Losses: higher is worse.
        let loss = |value| Answered { value, label: None };
        let behind = wrong_answers(&[loss(0.5), loss(0.7)], &[(7, loss(0.9)), (8, loss(2.0)), (9, loss(0.1))], false);
        assert_eq!(behind.iter().map(|behind| behind.row).collect::<Vec<_>>(), [8, 7]);
        assert_eq!(behind[0].why, "2.000; in the reference 0.600");
    }
}

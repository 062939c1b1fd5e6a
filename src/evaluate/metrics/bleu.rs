//! BLEU (Papineni et al. 2002) as sacrebleu 2 computes it (`nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp`).

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{Direction, Metric, Parameter, Scale, anything, never};

/// The longest sequence of words.
const ORDER: usize = 4;
/// The lengths of the answer and of the expected text stand behind the sequences: right ones, then all.
const LENGTHS: usize = 2 * ORDER;

pub(super) const BLEU: Metric = Metric {
    name: "bleu",
    title: "BLEU",
    about: "Sequences of up to four words that the answer and the expected text share, lowered where answers are too short; \
            over all examples at once, words parted as in mteval-v13a. Made for translations; for short answers take another",
    direction: Direction::HigherIsBetter,
    scale: Scale::Score,
    is_binary: false,
    parameter: Parameter::None,
    needs: anything,
    is_offered: never,
    measure: |_, case| Some(statistics(case.expected, case.answer)),
    of_one: |numbers| score(numbers, true),
    of_sums: |numbers| score(numbers, false),
};

fn statistics(expected: &str, answer: &str) -> Vec<f64> {
    let (expected, answer) = (words(expected), words(answer));
    let mut numbers = vec![0.0; LENGTHS + 2];
    for order in 1..=ORDER {
        let in_expected = counts(&expected, order);
        for (part, num) in counts(&answer, order) {
            numbers[order - 1] += f64::from(num.min(in_expected.get(part).copied().unwrap_or(0)));
            numbers[ORDER + order - 1] += f64::from(num);
        }
    }
    numbers[LENGTHS] = answer.len() as f64;
    numbers[LENGTHS + 1] = expected.len() as f64;
    numbers
}

fn counts(words: &[String], order: usize) -> HashMap<&[String], u32> {
    let mut counts = HashMap::new();
    for part in words.windows(order) {
        *counts.entry(part).or_default() += 1;
    }
    counts
}

/// With exponential smoothing; of single sentences only the orders count that they are long enough for.
fn score(numbers: &[f64], is_sentence: bool) -> f64 {
    let [answered, expected] = [numbers[LENGTHS], numbers[LENGTHS + 1]];
    let (right, all) = (&numbers[..ORDER], &numbers[ORDER..LENGTHS]);
    if right.iter().all(|num| *num == 0.0) {
        return 0.0;
    }
    let (mut sum, mut orders, mut smoothing) = (0.0, ORDER, 1.0);
    for order in 0..ORDER {
        if all[order] == 0.0 {
            if !is_sentence {
                // A precision of nothing is nothing.
                return 0.0;
            }
            break;
        }
        if is_sentence {
            orders = order + 1;
        }
        let precision = match right[order] {
            0.0 => {
                smoothing *= 2.0;
                100.0 / (smoothing * all[order])
            }
            right => 100.0 * right / all[order],
        };
        sum += precision.ln();
    }
    let brevity = if answered < expected { (1.0 - expected / answered).exp() } else { 1.0 };
    brevity * (sum / orders as f64).exp()
}

/// Words as mteval-v13a parts them.
fn words(text: &str) -> Vec<String> {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let rules = [
            (r"([\{-\~\[-\` -\&\(-\+\:-\@/])", " $1 "),
            (r"([^0-9])([\.,])", "$1 $2 "),
            (r"([\.,])([^0-9])", " $1 $2"),
            (r"([0-9])(-)", "$1 $2 "),
        ];
        rules.into_iter().filter_map(|(rule, to)| Some((Regex::new(rule).ok()?, to))).collect()
    });
    let mut text = text.trim_end().replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    if text.contains('&') {
        for (entity, character) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
            text = text.replace(entity, character);
        }
    }
    let mut text = format!(" {text} ");
    for (rule, to) in RULES.iter() {
        text = rule.replace_all(&text, *to).into_owned();
    }
    text.split_whitespace().map(str::to_owned).collect()
}

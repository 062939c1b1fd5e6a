//! Metrics and tests are those of the packages that people know (`scripts/make_metric_fixtures.py`).

use serde_json::Value;
use tunewright::evaluate::calibration::Calibration;
use tunewright::evaluate::metrics::{Case, Chosen, Confusion, DataFacts, LabelSet, Scores};
use tunewright::evaluate::significance::{difference, kappa, mcnemar, permutation_test, sign_test, wilson};

use super::fixtures::fixture;

fn reference() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("metrics/reference.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn scores(metric: &str, pairs: &[(String, String)]) -> Scores {
    let facts = DataFacts::of(pairs.iter().map(|(expected, _)| expected.as_str()));
    let chosen = Chosen::parse(metric, &facts).unwrap();
    let case = |(expected, answer): &'_ (String, String)| -> (String, String) { (expected.clone(), answer.clone()) };
    let pairs: Vec<_> = pairs.iter().map(case).collect();
    let cases: Vec<_> = pairs
        .iter()
        .map(|(expected, answer)| Case { expected, answer, expected_tokens: 1, answer_tokens: 1 })
        .collect();
    Scores::of(&chosen, cases.iter().map(Some))
}

#[track_caller]
fn near(value: f64, expected: f64, what: &str) {
    assert!((value - expected).abs() < 1e-9, "{what}: {value}, not {expected}");
}

#[test]
fn scores_of_texts_are_sacrebleu_s_rouge_score_s_and_squad_s() {
    let texts_of = &reference()["texts"];
    let pairs: Vec<(String, String)> = texts_of["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned()))
        .collect();
    for (metric, by_one, of_all) in [
        ("chrf", "sentence_chrf", Some("corpus_chrf")),
        ("bleu", "sentence_bleu", Some("corpus_bleu")),
        ("rouge_l", "rouge_l", None),
        ("token_f1", "token_f1", None),
        ("normalized_match", "normalized", None),
    ] {
        let scores = scores(metric, &pairs);
        let expected = numbers(&texts_of[by_one]);
        for ((value, expected), pair) in scores.per_example().into_iter().zip(&expected).zip(&pairs) {
            near(value.unwrap(), *expected, &format!("{metric} of {pair:?}"));
        }
        let mean = expected.iter().sum::<f64>() / expected.len() as f64;
        near(scores.value(), of_all.map_or(mean, |name| texts_of[name].as_f64().unwrap()), metric);
    }
}

#[test]
fn labels_are_counted_as_scikit_learn_counts_them() {
    for case in reference()["labels"].as_array().unwrap() {
        let (expected, answered) = (texts(&case["expected"]), texts(&case["answered"]));
        let pairs: Vec<_> = expected.iter().cloned().zip(answered.iter().cloned()).collect();
        near(scores("label_accuracy", &pairs).value(), case["accuracy"].as_f64().unwrap(), "accuracy");
        near(scores("macro_f1", &pairs).value(), case["macro_f1"].as_f64().unwrap(), "macro-F1");
        let labels = LabelSet::new(expected.clone());
        let pairs = expected.iter().map(String::as_str).zip(answered.iter().map(String::as_str));
        let confusion = Confusion::of(&labels, pairs);
        assert_eq!(confusion.labels, texts(&case["labels"]));
        assert_eq!(serde_json::to_value(&confusion.counts).unwrap(), case["matrix"]);
    }
}

#[test]
fn confidence_is_binned_as_scikit_learn_bins_it() {
    let of = &reference()["calibration"];
    let right = numbers(&of["right"]).into_iter().map(|right| right > 0.5);
    let calibration = Calibration::of(numbers(&of["confidence"]).into_iter().zip(right)).unwrap();
    let (share, mean) = (numbers(&of["share"]), numbers(&of["mean"]));
    assert_eq!(calibration.bins.len(), share.len());
    for ((bin, share), mean) in calibration.bins.iter().zip(share).zip(mean) {
        near(bin.right, share, "share");
        near(bin.confidence, mean, "mean");
    }
    near(calibration.error, of["expected_calibration_error"].as_f64().unwrap(), "error");
}

#[test]
fn tests_and_intervals_are_scipy_s_and_statsmodels() {
    let tests = &reference()["tests"];
    let count = |value: &Value| value.as_u64().unwrap();
    for case in tests["mcnemar"].as_array().unwrap() {
        near(mcnemar(count(&case[0]), count(&case[1])), case[2].as_f64().unwrap(), "McNemar");
    }
    for case in tests["sign"].as_array().unwrap() {
        near(sign_test(count(&case[0]), count(&case[1])), case[2].as_f64().unwrap(), "sign test");
    }
    for case in tests["wilson"].as_array().unwrap() {
        let (low, high) = wilson(count(&case[0]), count(&case[1]));
        near(low, case[2].as_f64().unwrap(), "Wilson");
        near(high, case[3].as_f64().unwrap(), "Wilson");
    }
    let raters = [numbers(&tests["kappa"][0]), numbers(&tests["kappa"][1])];
    let pairs: Vec<_> = raters[0].iter().zip(&raters[1]).map(|(a, b)| (*a as u8, *b as u8)).collect();
    near(kappa(&pairs).unwrap(), tests["kappa"][2].as_f64().unwrap(), "kappa");
    let mean = |sums: &[f64]| sums[0] / sums[1];
    for name in ["small", "large"] {
        let case = &tests["values"][name];
        let of = |side: &str| {
            let values = numbers(&case[side]).into_iter().map(|value| Some(vec![value, 1.0])).collect();
            Scores::new(values, mean, mean)
        };
        let (before, after) = (of("before"), of("after"));
        // Within what 10,000 and 2,000 draws leave to chance.
        let p_value = case["p_value"].as_f64().unwrap();
        let spread = 4.0 * (p_value * (1.0 - p_value) / 10_000.0).sqrt() + 2e-4;
        let value = permutation_test(&before, &after, 1);
        assert!((value - p_value).abs() < spread, "{name}: p = {value}, not {p_value}");
        let (low, high) = difference(&before, &after, 1);
        let (expected_low, expected_high) = (case["low"].as_f64().unwrap(), case["high"].as_f64().unwrap());
        let tolerance = 0.06 * (expected_high - expected_low);
        assert!((low - expected_low).abs() < tolerance && (high - expected_high).abs() < tolerance, "{low}–{high}");
    }
}

#[test]
fn the_same_seed_gives_the_same_and_order_does_not_matter() {
    let mean = |sums: &[f64]| sums[0] / sums[1];
    let of = |values: &[f64]| Scores::new(values.iter().map(|v| Some(vec![*v, 1.0])).collect(), mean, mean);
    let (before, after) = (of(&[0.1, 0.4, 0.2, 0.9, 0.3]), of(&[0.3, 0.5, 0.1, 0.8, 0.9]));
    assert_eq!(difference(&before, &after, 7), difference(&before, &after, 7));
    assert_eq!(permutation_test(&before, &after, 7).to_bits(), permutation_test(&before, &after, 7).to_bits());
    near(before.value(), of(&[0.9, 0.1, 0.3, 0.4, 0.2]).value(), "order");
    assert!((permutation_test(&before, &before, 7) - 1.0).abs() < 1e-12);
}

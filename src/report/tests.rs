use super::*;
use crate::evaluate::loss::MeanLoss;
use crate::evaluate::significance::Contrast;
use crate::evaluate::slices::SliceBy;
use crate::evaluate::{About, ContenderReport, EvaluationReport, Findings, GivenAnswer, Outcome};
use crate::recipe::{ModelRef, Recipe};
use crate::render::Tally;
use crate::run::{RunAbout, RunStatus};

fn run() -> RunRecord {
    RunRecord {
        name: "2026-11-30-1".to_owned(),
        run_dir: "runs/2026-11-30-1".into(),
        model: ModelRef::Starter,
        recipe: Recipe::new(ModelRef::Starter, "train.jsonl".into()),
        status: RunStatus::Completed,
        num_steps_done: 20,
        num_steps: 20,
        first_eval_loss: Some(2.0),
        best_eval_loss: Some(0.5),
        best_step: Some(20),
        adapter: None,
        secs: 1.0,
        about: RunAbout::default(),
    }
}

fn evaluation() -> Evaluation {
    let contender = |name: &str, loss: f64| ContenderReport {
        name: name.to_owned(),
        model: "starter".to_owned(),
        adapter_sha256: None,
        measured: Some(MeanLoss { loss, num_tokens: 40, num_examples: 4 }),
        tally: Tally::default(),
    };
    let outcome = |text: &str, loss: f64| Outcome {
        loss: Some(loss),
        num_tokens: 10,
        answer: Some(GivenAnswer { text: text.to_owned(), ..GivenAnswer::default() }),
        label: None,
    };
    let example = |i: u64| ExampleResult {
        key: String::new(),
        line: i,
        prompt: format!("<script>alert({i})</script> & more | pipes"),
        expected: "yes".to_owned(),
        expected_tokens: 1,
        about: About::default(),
        outcomes: vec![outcome("no", 2.0), outcome(if i == 1 { "no" } else { "yes" }, 0.5)],
    };
    let figure = |value: f64| Some(Figure { value, low: (value - 0.2).max(0.0), high: (value + 0.1).min(1.0), num: 4 });
    let contrast = Contrast {
        change: 0.75,
        low: 0.2,
        high: 1.0,
        p_value: 0.25,
        test: "McNemar's exact test".to_owned(),
        verdict: Verdict3::CantTell { num: 4, would_do: Some(9) },
    };
    let values = vec![vec![Some(0.0); 4], vec![Some(0.0), Some(1.0), Some(1.0), Some(1.0)]];
    let metric = MetricFindings {
        name: "exact_match".to_owned(),
        title: "Exactly as expected".to_owned(),
        about: "The same text".to_owned(),
        direction: Direction::HigherIsBetter,
        scale: Scale::Share,
        figures: vec![figure(0.0), figure(0.75)],
        contrasts: vec![None, Some(contrast)],
        values,
    };
    let counts = vec![vec![3, 1, 0], vec![0, 0, 0]];
    let confusion = Confusion { labels: vec!["yes".to_owned(), "<b>no</b>".to_owned()], counts };
    let slice = SliceFindings {
        by: SliceBy::Tag,
        value: "a|b".to_owned(),
        num: 4,
        figures: vec![figure(0.0), figure(0.5)],
        contrasts: vec![None, None],
        examples: vec![0, 1],
    };
    Evaluation {
        report: EvaluationReport {
            contenders: vec![contender("base", 2.0), contender("run", 0.5)],
            examples: (1..=4).map(example).collect(),
            secs: 1.0,
        },
        findings: Findings {
            contenders: vec!["base".to_owned(), "run".to_owned()],
            num_examples: 4,
            metrics: vec![metric],
            confusion: vec![confusion.clone(), confusion],
            slices: vec![slice],
            ..Findings::default()
        },
    }
}

fn facts<'a>(
    run: &'a RunRecord,
    evaluation: Option<&'a Evaluation>,
    note: &'a RunNote,
    curves: &'a Curves,
) -> Facts<'a> {
    Facts {
        run,
        note,
        curves,
        recipe: "version = 2\n[training]\nlora_r = 16 # <i>",
        data_card: "# Data card: <b>x</b>",
        license: Some("apache-2.0"),
        evaluation,
        measured: Some("test"),
        lost: &[],
        ratings: &[],
        num_looks: 3,
        released: None,
        made: "Tunewright",
    }
}

#[test]
fn the_report_is_one_file_without_script_and_what_people_wrote_is_text_in_it() {
    let (run, evaluation) = (run(), evaluation());
    let note = RunNote { text: "Sort <tickets>".to_owned(), is_starred: false };
    let curves = Curves::default();
    let html = html(&facts(&run, Some(&evaluation), &note, &curves)).unwrap();
    for words in [
        "&lt;script&gt;alert(1)&lt;&#x2f;script&gt; &amp; more",
        "Sort &lt;tickets&gt;",
        "75.0 %",
        "about 9 would do",
        "Got worse, or still wrong",
        "looked at 3 times",
        "&lt;b&gt;no&lt;&#x2f;b&gt;",
        "<svg class=\"bar\"",
        "apache-2.0",
    ] {
        assert!(html.contains(words), "{words} is not in\n{html}");
    }
    for forbidden in ["<script", "http://", "https://", "src=", "<b>no", "<link"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_card_says_the_same_in_markdown() {
    let (run, evaluation) = (run(), evaluation());
    let (note, curves) = (RunNote::default(), Curves::default());
    let card = card(&facts(&run, Some(&evaluation), &note, &curves)).unwrap();
    for words in [
        "| Exactly as expected | 0.0 % | 75.0 % | 55.0 % – 85.0 % | can't tell |\n",
        "| Tag | a\\|b | 4 |",
        "lora_r = 16 # <i>",
        "- This report holds no blind ratings of its answers.",
        "Too few examples to tell whether these changed: exactly as expected.",
    ] {
        assert!(card.contains(words), "{words} is not in\n{card}");
    }
}

#[test]
fn a_run_that_was_not_measured_says_so() {
    let run = run();
    let (note, curves) = (RunNote::default(), Curves::default());
    let nothing = facts(&run, None, &note, &curves);
    assert!(html(&nothing).unwrap().contains("nothing is known of how well it works"));
    assert!(card(&nothing).unwrap().contains("This run was not measured on held-out examples."));
}

#[test]
fn curves_are_drawn_and_nothing_is_where_there_are_none() {
    use crate::run::metrics::{EvalMetrics, StepMetrics};
    assert_eq!(svg::curve(&Curves::default(), None), "");
    let step = |step: usize| StepMetrics { step, loss: 1.0 / step as f64, ..StepMetrics::default() };
    let evaluation = |step: usize, eval_loss: f64| EvalMetrics { step, eval_loss, ..EvalMetrics::default() };
    let curves = Curves {
        steps: (1..=1000).map(step).collect(),
        evaluations: vec![evaluation(0, 2.0), evaluation(500, f64::NAN), evaluation(1000, 0.5)],
    };
    let svg = svg::curve(&curves, Some(1000));
    assert!(!svg.contains("NaN") && svg.matches("<circle").count() == 2 && svg.matches("class=\"best\"").count() == 1);
    assert!(svg.len() < 16_000, "{}", svg.len());
}

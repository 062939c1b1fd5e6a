//! Which examples matter: losses one by one, kept in a project as they come; what to label next; the command.

use std::cell::Cell;
use std::path::Path;

use serde_json::json;
use tunewright::data::import::ImportRequest;
use tunewright::data::{Example, Message, Role};
use tunewright::evaluate::loss::{example_losses, mean_loss};
use tunewright::evaluate::{Judge, Scorer};
use tunewright::model::{GradientPass, LanguageModel, ProductType};
use tunewright::project::{Edit, ExampleQuery, Project, Review, Sort, SortBy};
use tunewright::recipe::{ModelRef, RenderSpec, Training};
use tunewright::render::{Rendered, render};
use tunewright::task::{Task, Unit, Unwatched};
use tunewright::workbench::WorkbenchError;
use tunewright::workbench::scores::{base_judge, label_next, score};

use crate::fixtures::fixture;
use crate::program;

fn model() -> LanguageModel {
    LanguageModel::load(&fixture("llama"), &Unwatched).unwrap()
}

fn judge(adapter: Option<&str>) -> Judge {
    let training = Training { max_length: 256, ..Training::default() };
    Judge { adapter: adapter.map(fixture), ..base_judge(&ModelRef::Folder(fixture("llama")), &training) }
}

fn example(prompt: &str, answer: &str) -> Example {
    vec![Message::new(Role::User, prompt), Message::new(Role::Assistant, answer)].into()
}

/// More than one batch; the fifth has no answer yet.
fn examples() -> Vec<Example> {
    let answer = |i: usize| if i == 4 { " ".to_owned() } else { "ab ".repeat(1 + i % 7) };
    (0..150).map(|i| example(&format!("What is number {}?", i * 37 % 101), &answer(i))).collect()
}

fn project(folder: &Path, examples: &[Example]) -> Project {
    let lines: Vec<String> = examples.iter().map(|example| serde_json::to_string(example).unwrap()).collect();
    let file = folder.join("rows.jsonl");
    tunewright::fs::write_atomic(&file, lines.join("\n").as_bytes()).unwrap();
    let mut project = Project::create(&folder.join("project")).unwrap();
    project.import(&ImportRequest::new(file), &Unwatched).unwrap();
    project
}

fn losses(project: &mut Project) -> Vec<Option<f32>> {
    let ids = project.matching_ids(&ExampleQuery::default()).unwrap();
    ids.into_iter().map(|id| project.example(id).unwrap().annotations.loss).collect()
}

#[test]
fn losses_are_those_of_each_example_alone_and_make_up_the_mean() {
    let model = model();
    let rendered = |example: &Example| render(&model.chat, example, RenderSpec::WHOLE).unwrap().samples;
    let samples: Vec<Rendered> = examples().iter().flat_map(rendered).collect();
    let mut pass = GradientPass::new(ProductType::F32, 0);
    let mut of = |samples: &[Rendered]| example_losses(&model.decoder, &mut pass, samples, &Unwatched).unwrap();
    let together = of(&samples);
    for (sample, loss) in samples.iter().zip(&together) {
        match (of(std::slice::from_ref(sample))[0], loss) {
            (Some(alone), Some(loss)) => assert!((alone - loss).abs() < 1e-5 * alone, "{alone} {loss}"),
            (alone, loss) => assert_eq!((alone, *loss, sample.num_trained()), (None, None, 0)),
        }
    }
    assert_eq!(together.iter().filter(|loss| loss.is_none()).count(), 1);
    let mean = mean_loss(&model.decoder, &mut pass, &samples, &Unwatched).unwrap().unwrap();
    let weighted = |(sample, loss): (&Rendered, &Option<f64>)| loss.unwrap_or(0.0) * sample.num_trained() as f64;
    let sum: f64 = samples.iter().zip(&together).map(weighted).sum();
    assert!((mean.loss - sum / mean.num_tokens as f64).abs() < 1e-9, "{} {sum}", mean.loss);
    assert_eq!(mean.num_examples, 149);
}

/// Stops as soon as there is some progress.
struct Impatient(Cell<bool>);

impl Task for Impatient {
    fn progress(&self, done: u64, _total: Option<u64>, _unit: Unit) {
        self.0.set(done > 0);
    }
    fn is_stopped(&self) -> bool {
        self.0.get()
    }
}

#[test]
fn a_project_keeps_the_losses_and_a_stop_those_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project(folder.path(), &examples());
    let model = model();
    let mut base = Scorer::new(&model, &judge(None)).unwrap();
    let stopped = score(&mut project, &mut base, "base", &Impatient(Cell::new(false)));
    assert!(matches!(stopped, Err(WorkbenchError::Stopped)), "{stopped:?}");
    let num = losses(&mut project).iter().flatten().count();
    assert!(num > 0 && num < 128, "{num}");

    let report = score(&mut project, &mut base, "base", &Unwatched).unwrap();
    assert_eq!((report.num_scored, report.num_without), (149, 1));
    let of_base = losses(&mut project);
    assert!(of_base.iter().enumerate().all(|(at, loss)| loss.is_some() == (at != 4)), "{of_base:?}");
    assert_eq!(project.state().unwrap().loss_from.as_deref(), Some("base"));

    // Under an adapter they are others, and those of the base are forgotten.
    let mut tuned = Scorer::new(&model, &judge(Some("llama/adapter"))).unwrap();
    let stopped = score(&mut project, &mut tuned, "run 1", &Impatient(Cell::new(false)));
    assert!(stopped.is_err());
    let of_run = losses(&mut project);
    assert!(of_run.iter().flatten().count() < 128);
    assert!(of_run.iter().zip(&of_base).all(|(run, base)| run.is_none() || run != base));
}

#[test]
fn what_is_unanswered_unlike_the_rest_and_unreviewed_is_queued() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        example("Where is my parcel?", "delivery"),
        example("where is my parcel", ""),
        example("The lamp is broken", ""),
        example("the LAMP is broken!", ""),
        example("I forgot the password", "account"),
        example("Which bag is the largest?", "question"),
    ];
    let mut project = project(folder.path(), &rows);
    let ids = project.matching_ids(&ExampleQuery::default()).unwrap();
    project.apply(&Edit::SetReview { ids: vec![ids[4]], review: Review::Accepted }).unwrap();
    let model = model();
    let scorer = Scorer::new(&model, &judge(None)).unwrap();
    let report = label_next(&mut project, &scorer, 10, &Unwatched).unwrap();
    let chosen: Vec<(i64, bool)> = report.chosen.iter().map(|queued| (queued.id, queued.is_unanswered)).collect();
    // One of the two about the lamp; the parcel's prompt has its answer in another row. Then those to be reviewed.
    assert!(chosen[0].1 && [ids[2], ids[3]].contains(&chosen[0].0), "{chosen:?}");
    let mut others: Vec<_> = chosen[1..].to_vec();
    others.sort_unstable();
    assert_eq!(others, [(ids[0], false), (ids[5], false)]);
    assert!(report.chosen.iter().all(|queued| queued.doubt > 0.0 && queued.novelty > 0.0), "{report:?}");
    assert_eq!((report.num_candidates, report.num_judged), (5, 5));

    let sort = Sort { by: SortBy::Queue, descending: false };
    let queued = ExampleQuery { queued_only: true, sort, ..ExampleQuery::default() };
    let in_order: Vec<i64> = chosen.iter().map(|(id, _)| *id).collect();
    assert_eq!(project.matching_ids(&queued).unwrap(), in_order);
    project.apply(&Edit::SetReview { ids: vec![ids[0]], review: Review::Rejected }).unwrap();
    assert_eq!(project.state().unwrap().num_queued, 2);
    let again = label_next(&mut project, &scorer, 1, &Unwatched).unwrap();
    assert_eq!((again.chosen.len(), again.chosen[0].id), (1, chosen[0].0), "the same every time");
}

#[test]
fn the_command_ranks_and_queues() {
    let folder = tempfile::tempdir().unwrap();
    drop(project(folder.path(), &examples()[..12]));
    let model = fixture("llama");
    let rank = |more: &[&str]| program::run(folder.path(), &[&["data", "rank", "--project", "project"], more].concat());
    let run = |more: &[&str]| rank(&[&["--json"], more].concat()).json();
    let model = ["--model", model.to_str().unwrap()];
    let ranked = run(&[&model[..], &["--top", "3"]].concat());
    assert_eq!((&ranked["scored"], &ranked["without_loss"]), (&json!(11), &json!(1)));
    let of = |end: &str| -> Vec<f64> {
        ranked[end].as_array().unwrap().iter().map(|row| row["loss"].as_f64().unwrap()).collect()
    };
    let (highest, lowest) = (of("highest"), of("lowest"));
    assert!(highest.is_sorted_by(|a, b| a >= b) && lowest.is_sorted() && lowest[2] <= highest[2], "{ranked}");
    let queued = run(&[&model[..], &["--label-next", "2"]].concat());
    assert_eq!(queued["chosen"].as_array().unwrap().len(), 2, "{queued}");
    assert_eq!((&queued["chosen"][0]["number"], &queued["chosen"][0]["is_unanswered"]), (&json!(5), &json!(true)));

    let refused = rank(&["--run", "x"]);
    let told = refused.err();
    assert!(refused.code() != Some(0) && told.contains("no run x; it has none"), "{told}");
}

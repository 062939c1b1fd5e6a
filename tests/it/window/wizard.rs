//! The whole way through the window by accessible labels, with the real engine behind it: import, edit, undo, train,
//! compare. Once on the tiny fixture, once on the starter model. Nothing is painted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable as _;
use tunewright::app::Screen;
use tunewright::data::starter;
use tunewright::hub::{Sources, models_dir, resolve};
use tunewright::recipe::ModelRef;
use tunewright::train::StepMetrics;

use super::harness::Studio;
use crate::fixtures::copy_tiny_model;

const PROJECT: &str = "Wizard";

/// A file as the desktop drops it on the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

fn drop_on_window(wizard: &mut Studio, path: PathBuf) {
    wizard.harness.input_mut().dropped_files.push(Arc::new(Dropped(path)));
    wizard.harness.step();
    wizard.harness.input_mut().dropped_files.clear();
}

/// Waits for the control to be there and not disabled, and clicks it.
fn click(wizard: &mut Studio, role: Role, label: &str) {
    wizard.until(label, |wizard| wizard.is_ready(role, label));
    wizard.click_now(role, label);
}

fn until_shown(wizard: &mut Studio, words: &str) {
    wizard.until(words, |wizard| wizard.is_shown(words));
}

/// Waits for a field to be there, types over its text and leaves it.
fn enter(wizard: &mut Studio, field: &str, text: &str) {
    wizard.until(field, |wizard| wizard.has(Role::TextInput, field));
    wizard.enter(field, text);
}

fn answer_in_editor(wizard: &Studio) -> String {
    let field = wizard.harness.query_by_role_and_label(Role::MultilineTextInput, "Assistant, turn 2");
    field.and_then(|node| node.value()).unwrap_or_default()
}

/// A new folder, dropped on the window, becomes a project once that is confirmed.
fn make_project(wizard: &mut Studio) {
    let folder = wizard.path(PROJECT);
    std::fs::create_dir(&folder).unwrap();
    drop_on_window(wizard, folder);
    click(wizard, Role::Button, "Make project");
    wizard.wait("the project", |shell| shell.state.project.is_some());
}

fn steps(wizard: &Studio) -> &[StepMetrics] {
    wizard.shell().state.train.run.as_ref().map_or(&[], |run| &run.steps)
}

/// Trains with the settings in the form to the end; the curves then have points.
fn train(wizard: &mut Studio) {
    click(wizard, Role::Button, "Start training");
    wizard.until("the run is done", |wizard| wizard.is_ready(Role::Button, "New run"));
    let run = wizard.shell().state.train.run.as_ref().unwrap();
    assert!(!run.steps.is_empty() && run.evaluations.len() > 1);
    assert!(steps(wizard).iter().all(|step| step.loss.is_finite() && step.grad_norm > 0.0));
    let sentence = format!("Loss curves, {} steps: training loss ", steps(wizard).len());
    assert!(wizard.is_shown(&sentence), "the chart says what it shows");
    assert!(!wizard.is_shown("not known yet"));
}

/// Both answers to a held-out prompt.
fn compare(wizard: &mut Studio) -> [String; 2] {
    click(wizard, Role::Button, "Compare");
    enter(wizard, "Most tokens", "8");
    wizard.wait("a held-out prompt", |shell| shell.state.compare.expected().is_some());
    if wizard.shell().state.compare.pair().is_none() {
        click(wizard, Role::Button, "Answer");
    }
    wizard.wait("both answers", |shell| shell.state.compare.pair().is_some_and(|pair| pair.is_complete()));
    assert!(wizard.is_shown("Answer before: ") && wizard.is_shown("Answer after: "));
    let pair = wizard.shell().state.compare.pair().cloned().unwrap();
    [pair.kept.before.text, pair.kept.after.text]
}

#[test]
fn the_whole_way_on_the_tiny_model() {
    let with_tiny = |models: &std::path::Path| {
        copy_tiny_model(&models.join("tiny-llama"));
        Sources::only(models)
    };
    let mut wizard = Studio::launch(with_tiny);
    make_project(&mut wizard);

    click(&mut wizard, Role::RadioButton, "tiny-llama");
    click(&mut wizard, Role::Button, "Use this model");
    wizard.until("there are no examples yet", |wizard| wizard.shell().state.screen == Screen::Data);

    let rows: String = (0..60).map(|i| format!("text {i},kind {}\n", i % 4)).collect();
    let file = wizard.write("kinds.csv", &format!("text,category\n{rows}"));
    drop_on_window(&mut wizard, file);
    until_shown(&mut wizard, "Import kinds.csv");
    click(&mut wizard, Role::Button, "Import 60 examples");
    wizard.until("60 examples", |wizard| wizard.num_examples() == 60);

    until_shown(&mut wizard, "Example 3, ");
    let row = wizard.harness.query_all_by_label_contains("Example 3, ").next().unwrap();
    row.click();
    wizard.harness.run_steps(2);
    wizard.until("the example is open", |wizard| answer_in_editor(wizard) == "kind 2");
    wizard.multiline("Assistant, turn 2", "kind 9");
    wizard.until("the edit is kept", |wizard| {
        wizard.shell().state.project.as_ref().is_some_and(|project| project.counts.edited == 1)
    });
    // The tokens are those of the new text.
    until_shown(&mut wizard, "Trained");
    click(&mut wizard, Role::Button, "Undo");
    wizard.until("the edit is taken back", |wizard| answer_in_editor(wizard) == "kind 2");
    assert_eq!(wizard.shell().state.project.as_ref().unwrap().counts.edited, 0);

    click(&mut wizard, Role::Tab, "Train");
    train(&mut wizard);
    let [before, after] = compare(&mut wizard);
    assert!(!before.is_empty() && !after.is_empty(), "{before:?} {after:?}");
    click(&mut wizard, Role::Tab, "Evaluate");
    click(&mut wizard, Role::Button, "Evaluate");
    until_shown(&mut wizard, "measured in ");
    let evaluate = |wizard: &Studio| Screen::Evaluate.rail(&wizard.shell().state).0;
    let measured = evaluate(&wizard);

    // What was measured and compared is there again.
    let mut wizard = wizard.reopen(PROJECT, Sources::only);
    wizard.until("what was measured", |wizard| evaluate(wizard) == measured);
    click(&mut wizard, Role::Tab, "Evaluate");
    assert!(wizard.is_shown("measured in ") && !wizard.is_shown("Measure again"));
    click(&mut wizard, Role::Tab, "Compare");
    wizard.until("both answers", |wizard| wizard.shell().state.compare.pair().is_some());
    let kept = &wizard.shell().state.compare.pair().unwrap().kept;
    assert_eq!([&kept.before.text, &kept.after.text], [&before, &after]);
}

/// `scripts/test` fetches the starter model.
#[test]
fn the_whole_way_on_the_starter_model() {
    let found = resolve(&ModelRef::Starter, &Sources::only(&models_dir()));
    assert!(found.is_ok(), "scripts/test fetches the starter model first: {found:?}");
    let mut wizard = Studio::launch(|_| Sources::only(&models_dir()));
    wizard.patience = Duration::from_secs(120);
    make_project(&mut wizard);
    click(&mut wizard, Role::RadioButton, "SmolLM2-135M-Instruct");
    click(&mut wizard, Role::Button, "Use this model");

    // A few rows are enough to see that it works.
    let tickets: Vec<&str> = std::str::from_utf8(starter::BYTES).unwrap().lines().take(30).collect();
    let file = wizard.write(starter::FILE_NAME, &tickets.join("\n"));
    drop_on_window(&mut wizard, file);
    click(&mut wizard, Role::Button, "Import 30 examples");
    wizard.until("30 examples", |wizard| wizard.num_examples() == 30);

    click(&mut wizard, Role::Tab, "Train");
    click(&mut wizard, Role::RadioButton, "Advanced");
    enter(&mut wizard, "Most steps", "3");
    enter(&mut wizard, "Batch size", "2");
    until_shown(&mut wizard, "3, 2 examples each");
    train(&mut wizard);
    assert_eq!(steps(&wizard).len(), 3);
    let [before, after] = compare(&mut wizard);
    assert!(!before.is_empty() && !after.is_empty(), "{before:?} {after:?}");
}

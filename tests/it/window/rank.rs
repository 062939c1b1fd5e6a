//! Ranking by loss and what to label next, by accessible labels, over the real engine and a tiny model.

use egui::Key;
use egui::Modifiers;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable as _;
use tunewright::project::Project;
use tunewright::recipe::ModelRef;

use super::harness::Studio;
use super::harness::made::chat;
use crate::fixtures::fixture;

/// Twelve answered examples and two prompts without an answer.
fn studio() -> Studio {
    let mut studio = Studio::open(Some(ModelRef::Folder(fixture("llama"))));
    let words = ["kettle", "lamp", "jacket", "watch", "blender", "speaker"];
    let mut lines: String = (0..12)
        .map(|n| chat(&[("user", &format!("Is {} number {n} here?", words[n % 6])), ("assistant", words[n % 5])]))
        .collect();
    lines += &chat(&[("user", "Could I speak with somebody?")]);
    lines += &chat(&[("user", "When do you open?")]);
    studio.import(&lines);
    studio
}

#[test]
fn examples_are_ranked_by_their_loss_and_an_edit_takes_it_away() {
    let mut studio = studio();
    assert!(!studio.rows()[0].contains("loss"), "{:?}", studio.rows());
    studio.click(Role::Button, "More for the data");
    studio.click(Role::MenuItem, "Rank…");
    assert!(studio.is_shown("Often the label is wrong") && studio.is_shown("Which examples matter"));
    assert_eq!(
        studio.harness.get_by_role_and_label(Role::ComboBox, "Model that judges").value().as_deref(),
        Some("llama, as it is")
    );
    studio.click(Role::Button, "Rank 14 examples");
    studio.wait("the losses", |shell| shell.state.project.as_ref().is_some_and(|project| project.loss_from.is_some()));
    studio.settle();
    let losses: Vec<f64> =
        studio.rows().iter().filter_map(|row| row.rsplit_once("loss ")?.1.split(',').next()?.parse().ok()).collect();
    assert_eq!(losses.len(), 12, "{:?}", studio.rows());
    assert!(losses.is_sorted_by(|a, b| a >= b), "{losses:?}");
    assert!(studio.is_shown("Loss, sorted, largest first") || studio.is_shown("Ranked by loss"));
    assert!(studio.is_shown(&format!("Loss {}", losses[0])), "the panel says it, too");
    assert!(studio.is_shown("Checked 14 examples") && !studio.is_shown("before the last change"));

    let id = studio.shell().state.data.open.as_ref().unwrap().stored.id;
    let turn = studio.shell().state.data.open.as_ref().unwrap().messages.len();
    studio.multiline(&format!("Assistant, turn {turn}"), "something else");
    studio.focus(Role::ListBox, "Examples");
    studio.settle();
    assert_eq!(Project::open(&studio.project()).unwrap().example(id).unwrap().annotations.loss, None);
    let num_with = studio.rows().iter().filter(|row| row.contains("loss ")).count();
    assert_eq!(num_with, 11, "{:?}", studio.rows());

    studio.click(Role::Button, "More filters");
    let bands = ["Over 2", "1 – 2", "0.3 – 1", "Below 0.3"];
    let counts = studio.shell().state.data.facets.losses;
    assert_eq!(counts.iter().sum::<u64>(), 11);
    let at = counts.iter().position(|count| *count > 0).unwrap();
    studio.click(Role::RadioButton, bands[at]);
    studio.wait("the rows", |shell| shell.state.data.rows.num_matching() == Some(counts[at]));
}

#[test]
fn what_to_label_next_stands_behind_a_chip_and_is_reviewed_from_there() {
    let mut studio = studio();
    studio.click(Role::Button, "More for the data");
    studio.click(Role::MenuItem, "Rank…");
    studio.click(Role::RadioButton, "What to label next");
    studio.type_into("How many", "4");
    studio.key(Modifiers::NONE, Key::Tab);
    studio.click(Role::Button, "Find 4 examples");
    studio.wait("the queue", |shell| shell.state.project.as_ref().is_some_and(|project| project.num_queued == 4));
    studio.wait("the rows", |shell| shell.state.data.rows.num_matching() == Some(4));
    studio.settle();
    let rows = studio.rows();
    assert!(rows[..2].iter().all(|row| row.contains("speak with") || row.contains("do you open")), "{rows:?}");
    assert!(studio.is_shown("0 of 4 reviewed"));
    studio.focus(Role::ListBox, "Examples");
    studio.key(Modifiers::NONE, Key::A);
    studio.settle();
    studio.wait("the count", |shell| shell.state.project.as_ref().is_some_and(|project| project.num_queued == 3));
    assert_eq!(studio.rows().len(), 4, "what is done stays in sight");
    assert!(studio.is_shown("1 of 4 reviewed"));
    studio.click(Role::RadioButton, "All");
    assert_eq!(studio.shell().state.data.rows.num_matching(), Some(14));
}

//! A blind session over the real engine and a tiny model: answered, rated by keys, left, opened again, and used.

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::screens::compare::Action as CompareAction;
use tunewright::app::screens::compare::blind::BlindAction;
use tunewright::app::{Action, Screen};
use tunewright::data::{Example, Split, read_all};
use tunewright::evaluate::rating::{Choice, Item, Rated, Summary, Which, folder_of, list};
use tunewright::generate::Sampling;
use tunewright::hub::Sources;
use tunewright::project::{Edit, Project};
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::run::RunDir;
use tunewright::task::Unwatched;

use super::harness::Studio;
use super::harness::made::chat;
use crate::fixtures::fixture;

const NUM_HELD_OUT: i64 = 32;
/// The last of them are for testing.
const NUM_TEST: i64 = 6;

/// Thirty-two held-out examples, and a run whose weights are the tiny model's adapter.
fn studio() -> Studio {
    let model = ModelRef::Folder(fixture("llama"));
    let mut studio = Studio::open(Some(model.clone()));
    let line =
        |n: i64| chat(&[("user", &format!("Where is parcel {n} of {}?", n * 37)), ("assistant", &format!("In {n}"))]);
    studio.import(&(1..=NUM_HELD_OUT + 2).map(line).collect::<String>());
    let mut project = Project::open(&studio.project()).unwrap();
    let ids = |from: i64, to: i64| (from..=to).collect::<Vec<_>>();
    let tests = NUM_HELD_OUT - NUM_TEST + 1;
    for (ids, split) in [
        (ids(1, tests - 1), Split::Validation),
        (ids(tests, NUM_HELD_OUT), Split::Test),
        (ids(NUM_HELD_OUT + 1, NUM_HELD_OUT + 2), Split::Train),
    ] {
        project.apply(&Edit::SetSplit { ids, split }).unwrap();
    }
    drop(project);
    let run_dir = studio.project().join("runs/2026-11-30-1");
    write_run(&run_dir, &model);
    reopen(studio)
}

fn write_run(run_dir: &Path, model: &ModelRef) {
    let dir = RunDir(run_dir);
    let recipe = Recipe::new(model.clone(), PathBuf::from("train.jsonl"));
    tunewright::fs::write_atomic(&dir.recipe(), recipe.to_toml().unwrap().as_bytes()).unwrap();
    let to = dir.checkpoint(9);
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(fixture("llama/adapter")).unwrap() {
        let file = entry.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// As after a restart.
fn reopen(studio: Studio) -> Studio {
    let mut studio = studio.reopen("Tickets", Sources::only);
    studio.harness.state_mut().state.settings.rater = "Ada".to_owned();
    studio.act(Action::Go(Screen::Compare));
    studio.wait("the run", |shell| shell.state.compare.chosen_run(&shell.state.runs.records).is_some());
    studio.settle();
    studio.click(Role::RadioButton, "Blind rating");
    studio.wait("the sessions", |shell| shell.state.compare.blind.is_listed);
    studio
}

fn blind(studio: &mut Studio, action: BlindAction) {
    studio.act(CompareAction::Blind(action));
    studio.settle();
}

/// The session in hand, as the window knows it.
fn rated(studio: &Studio) -> Rated {
    studio.shell().state.compare.blind.opened().expect("a session is open").rated.clone()
}

/// The newest session on the disk.
fn on_disk(studio: &Studio) -> Rated {
    list(&folder_of(&studio.project())).unwrap().remove(0)
}

fn key(studio: &mut Studio, key: Key) {
    studio.key(Modifiers::NONE, key);
}

/// Answers all prompts, and begins a session of thirty.
fn begin() -> Studio {
    let mut studio = studio();
    assert!(studio.is_shown("No held-out prompt has both answers yet"));
    let sampling = Sampling { max_new_tokens: 12, ..Sampling::default() };
    studio.act(CompareAction::Sampling(sampling));
    studio.click_now(Role::Button, "Answer all");
    studio.wait("the answers", |shell| shell.state.compare.num_answered() == NUM_HELD_OUT as usize);
    studio.settle();
    blind(&mut studio, BlindAction::Most(30));
    studio.click(Role::Button, "Begin");
    studio.wait("the session", |shell| shell.state.compare.blind.opened().is_some());
    studio
}

#[test]
fn thirty_prompts_are_rated_by_keys_and_kept_through_a_restart() {
    let mut studio = begin();
    let session = rated(&studio).session;
    assert_eq!(session.items.len(), 30);
    let lefts = session.items.iter().filter(|item| item.left == Which::First).count();
    assert_eq!(lefts, 15, "sides are balanced");
    assert!(studio.is_shown("Prompt 1 of 30") && studio.is_shown("hidden, so that it does not sway you"));
    let expected = session.items[0].expected.clone().unwrap();
    assert!(!studio.is_shown(&format!("Expected: {expected}")));
    for secret in ["Before", "After", "step 9", "2026-11-30-1"] {
        assert!(!studio.is_shown(secret), "{secret} gives away which is which");
    }
    answers_have_their_place(&studio, &session.items[0]);
    key(&mut studio, Key::E);
    assert!(studio.is_shown(&format!("Expected: {expected}")));
    answers_have_their_place(&studio, &session.items[0]);

    // The second model wins 18 of 22, 4 are ties, 3 both bad, 1 is skipped.
    let choice = |at: usize| match at {
        0..18 => Some(Which::Second),
        18..22 => Some(Which::First),
        _ => None,
    };
    let press = |studio: &mut Studio, at: usize| match (choice(at), at) {
        (Some(which), _) => key(studio, if session.items[at].left == which { Key::A } else { Key::B }),
        (None, 22..26) => key(studio, Key::T),
        (None, 26..29) => key(studio, Key::X),
        (None, _) => key(studio, Key::S),
    };
    (0..10).for_each(|at| press(&mut studio, at));
    assert!(studio.is_shown("Prompt 11 of 30"));
    key(&mut studio, Key::Z);
    key(&mut studio, Key::Z);
    assert!(studio.is_shown("Prompt 9 of 30") && !studio.is_shown("Expected: "), "hidden again");
    // In a field, letters are text.
    key(&mut studio, Key::N);
    studio.type_into("Note", "tab");
    key(&mut studio, Key::Escape);
    assert!(studio.is_shown("Prompt 9 of 30"));
    press(&mut studio, 8);
    studio.settle();
    assert_eq!(on_disk(&studio), rated(&studio), "each choice is on the disk");
    assert_eq!(on_disk(&studio).ratings[8].note, "tab");

    let mut studio = reopen(studio);
    assert!(studio.is_shown("9 of 30 rated by Ada"));
    studio.click(Role::Button, "Go on");
    assert!(studio.is_shown("Prompt 10 of 30"));
    (9..30).for_each(|at| press(&mut studio, at));
    assert!(studio.is_shown("All prompts are rated"));
    studio.settle();
    studio.click(Role::Button, "Show result");
    assert!(studio.is_shown("After is preferred") && studio.is_shown("82 % of 22 decided, 95 % interval 61–93 %"));
    assert!(studio.is_shown("After preferred 18") && studio.is_shown(", both bad 3") && studio.is_shown(", skipped 1"));
    assert!(studio.is_shown("Exact sign test p = 0.004; decided") && studio.is_shown("no sign of a favoured side"));
    let first =
        if session.items[0].left == Which::First { "A was before, B was after" } else { "A was after, B was before" };
    assert!(studio.is_shown(&format!("Prompt 1, {first}")), "which was which");
    let summary = Summary::of(&on_disk(&studio));
    assert_eq!((summary.tally.second, summary.tally.first, summary.tally.ties), (18, 4, 4));

    exported_pairs_are_right(&mut studio);
    a_corrected_answer_is_learned_and_a_test_example_never_is(&mut studio);

    // The same session by somebody else.
    studio.harness.state_mut().state.settings.rater = "Bo".to_owned();
    blind(&mut studio, BlindAction::GoOn);
    assert!(studio.is_shown("Prompt 1 of 30"));
    (0..3).for_each(|at| press(&mut studio, at));
    studio.settle();
    studio.click(Role::Button, "End and show result");
    assert!(studio.is_shown("Ada and Bo agree on 3 of 3 prompts"));

    // Its result stands below the next one.
    studio.click(Role::Button, "All sessions");
    studio.click(Role::Button, "Begin");
    studio.wait("the next session", |shell| shell.state.compare.blind.opened().is_some());
    assert!(studio.is_shown("Last session, ") && studio.is_shown("82 % of 22 decided"));
}

/// Both are between the prompt and what is below, each on its side.
fn answers_have_their_place(studio: &Studio, item: &Item) {
    let rect = |label: &str| studio.harness.query_all_by_label_contains(label).next().unwrap().rect();
    let question = item.prompt.last().unwrap().content.as_str();
    let (prompt, below) = (rect(question), rect("Expected answer"));
    for (name, text, side) in [("A", item.left(), 0.0), ("B", item.right(), 1.0)] {
        let first = text.trim().lines().next().unwrap_or_default();
        let label = if first.is_empty() { "An empty answer".to_owned() } else { format!("Answer {name}: {first}") };
        let answer = rect(&label);
        assert!(
            answer.top() > prompt.bottom() && answer.top() + 16.0 < below.top(),
            "{name}: {answer} {prompt} {below}"
        );
        assert_eq!(if answer.left() < below.center().x { 0.0 } else { 1.0 }, side, "{name}");
    }
}

fn exported_pairs_are_right(studio: &mut Studio) {
    let to = studio.path("pairs.jsonl");
    blind(studio, BlindAction::ExportTo(to.clone()));
    let rated = on_disk(studio);
    let is_wanted = |at: &usize| *at < 22 && rated.session.items[*at].split != Some(Split::Test);
    let wanted: Vec<_> = (0..30).filter(is_wanted).collect();
    let found: Vec<Example> = read_all(&to, &Unwatched).unwrap();
    assert_eq!(found.len(), wanted.len());
    for (pair, at) in found.iter().zip(wanted) {
        let item = &rated.session.items[at];
        let better = if at < 18 { Which::Second } else { Which::First };
        assert_eq!(pair.prompt(), item.prompt, "{at}");
        assert_eq!(pair.answer(), Some(item.answer(better)), "{at}");
        assert_eq!(pair.rejected[0].content, item.answer(better.other()), "{at}");
    }
    assert!(studio.is_shown("of the test part, which nothing is learned from"));
}

fn a_corrected_answer_is_learned_and_a_test_example_never_is(studio: &mut Studio) {
    let rated = on_disk(studio);
    let of = |split: Split| rated.session.items.iter().position(|item| item.split == Some(split)).unwrap();
    let (at, locked) = (of(Split::Validation), of(Split::Test));
    let id = rated.session.items[at].example.unwrap();
    blind(studio, BlindAction::Correct(Some((at, "as it was".to_owned()))));
    studio.multiline("The answer to learn", "In Hamburg since Monday");
    studio.click(Role::Button, "Add this answer");
    assert!(studio.is_shown("The corrected answer is in the training part"));
    let stored = Project::open(&studio.project()).unwrap().example(id).unwrap();
    assert_eq!((stored.split, stored.example.answer()), (Split::Train, Some("In Hamburg since Monday")));

    blind(studio, BlindAction::Correct(Some((locked, "learn me".to_owned()))));
    blind(studio, BlindAction::Add("learn me".to_owned()));
    assert!(studio.is_shown("It is a test example: those stay locked"), "a sentence says why");
    studio.act(Action::CloseDialog);
    blind(studio, BlindAction::Correct(None));
    let id = rated.session.items[locked].example.unwrap();
    assert_eq!(Project::open(&studio.project()).unwrap().example(id).unwrap().split, Split::Test);
}

#[test]
fn a_session_of_before_says_what_changed_and_keeps_its_ratings() {
    let mut studio = begin();
    let session = rated(&studio).session;
    blind(&mut studio, BlindAction::Rate(Choice::Left, String::new()));
    let mut project = Project::open(&studio.project()).unwrap();
    project.apply(&Edit::Delete { ids: vec![session.items[0].example.unwrap()] }).unwrap();
    drop(project);
    let weights = RunDir(&studio.project().join("runs/2026-11-30-1")).checkpoint(9).join("adapter_model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    tunewright::fs::write_atomic(&weights, &bytes).unwrap();

    let mut studio = reopen(studio);
    assert!(
        studio.is_shown("Since this session was made, the weights of 2026-11-30-1, step 9 were written anew and 1")
    );
    studio.click(Role::Button, "Go on");
    assert!(studio.is_shown("Prompt 2 of 30"));
    blind(&mut studio, BlindAction::End);
    assert!(studio.is_shown("Its ratings stay as they are") && studio.is_shown("Too close to call so far"));
}

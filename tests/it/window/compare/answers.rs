//! Compare and "Try it": a queue instead of a race, answers that stay, and nothing under or pushed away by anything.

use std::path::PathBuf;

use egui::Vec2;
use egui_kittest::Node;
use egui_kittest::kittest::Queryable as _;
use tunewright::app::Action;
use tunewright::data::Split;
use tunewright::engine::{Estimates, Reply, StoreJob};
use tunewright::evaluate::{Answer, AnswerEnd};
use tunewright::generate::Sampling;
use tunewright::recipe::ModelRef;
use tunewright::task::{Phase, Unit};

use super::*;
use crate::window::harness::asked::{is_estimate, is_keep_answers};
use crate::window::harness::made::EXPECTED;

fn kept(id: i64, after: &str, adapter: &str) -> KeptPair {
    let end = Some(AnswerEnd { num_tokens: 3, tokens_per_sec: 9.0, ended_by_itself: true });
    let answer = |text: &str| Answer { text: text.to_owned(), end };
    KeptPair {
        example: Some(id),
        prompt: made::example(id, Split::Validation, format!("prompt {id}")).example.prompt().to_vec(),
        expected: Some(EXPECTED.to_owned()),
        sampling: Sampling::default(),
        adapter: adapter.to_owned(),
        at: String::new(),
        before: answer("sorry"),
        after: answer(after),
    }
}

/// Writes both answers to what was asked last, to their end.
fn finish(window: &mut Window) {
    let job = window.job(is_compare);
    window.tell(job, EventKind::Started);
    write(window, job, Side::Before, "sorry");
    write(window, job, Side::After, EXPECTED);
    window.tell(job, EventKind::Finished(Outcome::Completed));
}

fn num_compared(window: &Window) -> usize {
    window.num_asked(is_compare)
}

#[test]
fn what_was_compared_is_there_after_a_restart() {
    let answered = vec![kept(1, EXPECTED, "step-000080"), kept(2, "{}", "step-000021")];
    let mut window = open_with(completed(), Screen::Compare, Vec::new(), answered);
    assert!(window.is_shown("Answer before: sorry") && window.is_shown("Example 1, got better"));
    assert!(window.is_shown("Example 2, same, older weights") && !window.is_shown("Of step"));
    window.click(Role::Button, "Next prompt");
    assert!(window.is_shown("Of step 21"), "answers of other weights aren't shown as today's");

    let changed = KeptPair { expected: Some("other".to_owned()), ..kept(1, EXPECTED, "step-000080") };
    let window = open_with(completed(), Screen::Compare, Vec::new(), vec![changed]);
    assert!(window.is_shown("Example changed"));
}

#[test]
fn an_answer_that_was_interrupted_is_kept_as_stopped() {
    let mut window = open(completed(), Screen::Compare);
    window.click(Role::Button, "Answer");
    let job = window.job(is_compare);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Token { side: Side::Before, text: "Half a".to_owned() });
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    let kept = window.engine.started().into_iter().find_map(|(_, spec)| match spec {
        JobSpec::Store(StoreJob::KeepAnswers { run_dir, pair }) => Some((run_dir, pair)),
        _ => None,
    });
    let (run_dir, pair) = kept.expect("it was dropped");
    assert_eq!((run_dir, pair.before.text.as_str()), (PathBuf::from("/p/runs/new"), "Half a"));
    assert!(window.num_shown("Stopped") == 2 && window.is_shown("Answer before: Half a"));
}

#[test]
fn a_window_that_closes_keeps_what_is_written_so_far() {
    let mut window = open(completed(), Screen::Compare);
    window.click(Role::Button, "Answer");
    let job = window.job(is_compare);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Token { side: Side::Before, text: "Half a".to_owned() });
    window.close();
    assert_eq!(window.num_asked(is_keep_answers), 1);
}

#[test]
fn prompts_are_answered_one_after_the_other() {
    let mut window = open(completed(), Screen::Compare);
    window.click(Role::Button, "Answer");
    let first = window.job(is_compare);
    window.tell(first, EventKind::Started);
    window.tell(first, EventKind::Token { side: Side::Before, text: "I am".to_owned() });
    window.harness.query_all_by_label_contains("Example 2, ").next().unwrap().click();
    window.settle();
    assert!(window.engine.signals().is_empty(), "choosing another prompt stopped the first");
    window.click(Role::Button, "Answer");
    assert_eq!(window.num_shown("Queued 1"), 2);
    assert!(window.is_shown("Example 2, queued 1") && num_compared(&window) == 1);
    window.click(Role::Button, "Remove from queue");
    assert!(!window.is_shown("Queued 1"));
    window.click(Role::Button, "Answer");
    finish(&mut window);
    assert_eq!(num_compared(&window), 2, "its turn came");
    finish(&mut window);
    assert!(window.is_shown("Example 1, got better") && window.is_shown("Example 2, got better"));
}

#[test]
fn all_prompts_are_answered_and_that_can_be_stopped() {
    let mut window = open(completed(), Screen::Compare);
    window.click(Role::Button, "Answer all");
    assert!(window.is_shown("0 of 5 answered"));
    finish(&mut window);
    assert!(window.is_shown("1 of 5 answered") && window.is_shown("Example 1, got better"));
    window.click(Role::Button, "Stop all");
    let job = window.job(is_compare);
    assert_eq!(window.engine.signals(), [(job, Signal::Stop { save: false })]);
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(!window.is_shown("answered") && num_compared(&window) == 2, "it went on");
}

#[test]
fn the_foot_of_compare_has_room_at_every_size() {
    for size in [Vec2::new(1280.0, 800.0), Vec2::new(1024.0, 700.0), Vec2::new(800.0, 600.0), Vec2::new(700.0, 600.0)] {
        let mut window = open(completed(), Screen::Compare);
        window.resize(size, 1.0);
        let fields = ["Temperature", "Top p", "Most tokens", "Seed"];
        let mut rects: Vec<_> =
            fields.iter().map(|name| window.harness.get_by_role_and_label(Role::TextInput, name).rect()).collect();
        rects.push(window.harness.get_by_role_and_label(Role::Button, "Answer").rect());
        let inside = egui::Rect::from_min_size(egui::Pos2::ZERO, size);
        for (i, rect) in rects.iter().enumerate() {
            assert!(inside.contains_rect(*rect), "{size}: {rect} is outside");
            let under = rects[..i].iter().find(|other| other.shrink(1.0).intersects(*rect));
            assert!(under.is_none(), "{size}: {rect} lies on {under:?}");
        }
    }
}

fn field(window: &Window) -> Node<'_> {
    window.harness.get_by_role_and_label(Role::TextInput, "Ask the model something")
}

#[test]
fn trying_a_model_moves_nothing() {
    let mut window = open(completed(), Screen::Model);
    let before = field(&window).rect();
    // An answer that is followed to its end asks for frame after frame.
    window.engine.must_rest = false;
    window.type_into("Ask the model something", "hello");
    window.click(Role::Button, "Ask");
    let job = window.job(is_compare);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Phase(Phase::Generating));
    window.tell(job, EventKind::Progress { done: 12, total: Some(128), unit: Unit::Tokens });
    for line in 0..80 {
        window.tell(job, EventKind::Token { side: Side::Before, text: format!("line {line}\n") });
    }
    assert_eq!(field(&window).rect(), before, "the answer pushed the field away");
    window.harness.get_all_by_role_and_label(Role::Button, "Stop").next().expect("a way to stop it");
    // Followed to its end, where it is still written.
    let answer = window.harness.query_all_by_label_contains("line 79").next().unwrap().rect();
    assert!(answer.bottom() <= before.top() && answer.bottom() > before.top() - 80.0, "{answer} {before}");

    window.act(Action::Go(Screen::Data));
    assert_eq!(Screen::Model.rail(&window.shell().state).0, "Answering", "it says that it goes on");
    assert!(window.is_shown("12 of 128 tokens") && window.is_shown("SmolLM2-135M-Instruct answers"));
}

#[test]
fn the_memory_has_its_place_before_it_is_counted() {
    let mut window = open(completed(), Screen::Model);
    let below = |window: &Window| window.harness.get_by_label("Architecture").rect();
    assert!(window.is_shown("Estimating what a run takes…"));
    let before = below(&window);
    let by_model = vec![(ModelRef::Starter, made::estimate())];
    window.answer(is_estimate, Reply::Estimates(Estimates { by_model, num_examples: 400 }));
    assert!(window.is_shown("Fits this machine"));
    assert_eq!(below(&window), before);
}

#[test]
fn a_wrong_number_holds_answers_back() {
    let mut window = open(completed(), Screen::Compare);
    window.type_into("Top p", "much");
    window.key(Modifiers::NONE, Key::Tab);
    assert!(window.is_disabled("Answer") && window.is_disabled("Answer all"));
    window.key(Modifiers::COMMAND, Key::Enter);
    assert_eq!(num_compared(&window), 0, "the number of before was used");
    assert!(window.is_shown("A number is wrong"));
}

#[test]
fn esc_empties_the_search_of_compare() {
    let mut window = open(completed(), Screen::Compare);
    window.type_into("Search held-out prompts", "prompt 4");
    assert_eq!(window.shell().state.compare.search, "prompt 4");
    window.key(Modifiers::NONE, Key::Escape);
    assert_eq!(window.shell().state.compare.search, "");
}

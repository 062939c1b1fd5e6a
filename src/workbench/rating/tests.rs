use super::*;
use crate::data::import::ImportRequest;
use crate::evaluate::rating::{Choice, Line};
use crate::evaluate::{Answer, AnswerEnd, keep_pair};
use crate::fs::write_atomic;
use crate::generate::Sampling;
use crate::model::peft::WEIGHTS_FILE;
use crate::project::ExampleQuery;
use crate::recipe::{ModelRef, Recipe};
use crate::task::Unwatched;

/// A project with four examples (training, validation twice, test) and a run with weights of step 9.
fn project(folder: &Path) -> (Project, PathBuf) {
    let mut project = Project::create(&folder.join("Tickets")).unwrap();
    let file = folder.join("rows.csv");
    write_atomic(&file, b"text,label\nq1,a1\nq2,a2\nq3,a3\nq4,a4\n").unwrap();
    project.import(&ImportRequest::new(&file), &Unwatched).unwrap();
    for (id, split) in [(1, Split::Train), (2, Split::Validation), (3, Split::Validation), (4, Split::Test)] {
        project.apply(&Edit::SetSplit { ids: vec![id], split }).unwrap();
    }
    let run_dir = project.folder().join("runs/2026-12-01-1");
    let recipe = Recipe::new(ModelRef::Starter, "train.jsonl".into());
    write_atomic(&RunDir(&run_dir).recipe(), recipe.to_toml().unwrap().as_bytes()).unwrap();
    write_weights(&run_dir, "weights");
    (project, run_dir)
}

fn write_weights(run_dir: &Path, text: &str) {
    let folder = RunDir(run_dir).checkpoint(9);
    write_atomic(&folder.join(WEIGHTS_FILE), text.as_bytes()).unwrap();
    write_atomic(&folder.join("adapter_config.json"), b"{}").unwrap();
}

fn answer(project: &Project, run_dir: &Path, id: i64, after: &str) {
    let stored = project.example(id).unwrap();
    let end = Some(AnswerEnd { num_tokens: 1, tokens_per_sec: 1.0, ended_by_itself: true });
    let text = |text: &str| Answer { text: text.to_owned(), end };
    let kept = KeptPair {
        example: Some(id),
        prompt: stored.example.prompt().to_vec(),
        expected: stored.example.answer().map(str::to_owned),
        sampling: Sampling::default(),
        adapter: "step-000009".to_owned(),
        at: String::new(),
        before: text("sorry"),
        after: text(after),
    };
    keep_pair(run_dir, &kept).unwrap();
}

fn request(run_dir: &Path) -> SessionRequest {
    SessionRequest { run_dir: run_dir.to_owned(), most: None, seed: Some(3) }
}

fn item(session: &Session, id: i64) -> &Item {
    session.items.iter().find(|item| item.example == Some(id)).unwrap()
}

#[test]
fn a_session_is_of_what_was_answered_last_with_these_weights_and_says_what_changed_since() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, run_dir) = project(folder.path());
    let error = begin_session(&project, &request(&run_dir)).unwrap_err().to_string();
    assert_eq!(error, "there is nothing to rate: no prompt has two complete answers yet");
    for (id, after) in [(2, "old"), (3, "x3"), (4, "x4"), (2, "new")] {
        answer(&project, &run_dir, id, after);
    }
    let begun = begin_session(&project, &request(&run_dir)).unwrap();
    let session = &begun.rated.session;
    assert_eq!((session.items.len(), item(session, 2).answers[1].as_str()), (3, "new"));
    assert_eq!((item(session, 4).split, session.models[1].name.as_str()), (Some(Split::Test), "2026-12-01-1, step 9"));
    rating::append(&begun.file, &Line::rating(0, Choice::Tie, "Ada", "")).unwrap();
    let [kept] = &sessions(&project).unwrap()[..] else { panic!() };
    assert_eq!((kept.change.as_deref(), kept.rated.ratings.len()), (None, 1));

    let messages = vec![Message::new(Role::User, "q2, really"), Message::new(Role::Assistant, "a2")];
    project.apply(&Edit::SetMessages { id: 2, messages }).unwrap();
    project.apply(&Edit::Delete { ids: vec![3] }).unwrap();
    write_weights(&run_dir, "others");
    let [kept] = &sessions(&project).unwrap()[..] else { panic!() };
    let told = "Since this session was made, the weights of 2026-12-01-1, step 9 were written anew and 1 example was \
                changed and 1 example is gone. Its ratings stay as they are";
    assert_eq!((kept.change.as_deref(), kept.rated.ratings.len()), (Some(told), 1));
    assert_eq!(begin_session(&project, &request(&run_dir)).unwrap().rated.session.items.len(), 1, "what is as it was");
}

#[test]
fn a_corrected_answer_moves_into_training_and_a_test_example_never_does() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, run_dir) = project(folder.path());
    (2..=4).for_each(|id| answer(&project, &run_dir, id, "x"));
    let session = begin_session(&project, &request(&run_dir)).unwrap().rated.session;
    let refused = |project: &Project, id, text: &str| correction(project, item(&session, id), text).unwrap_err();
    assert!(refused(&project, 4, "right").to_string().starts_with("It is a test example"));
    assert!(refused(&project, 2, " ").to_string().contains("is empty"));

    let edit = correction(&project, item(&session, 2), " right \n").unwrap();
    project.apply(&edit).unwrap();
    let stored = project.example(2).unwrap();
    assert_eq!((stored.split, stored.example.answer()), (Split::Train, Some("right")));
    assert_eq!(project.state().unwrap().undo.as_deref(), Some("Undo corrected answer of example 2"));
    project.undo().unwrap();
    let stored = project.example(2).unwrap();
    assert_eq!((stored.split, stored.example.answer()), (Split::Validation, Some("a2")), "one step of undo");

    // It is another example now, or gone: a new one.
    project.apply(&Edit::Delete { ids: vec![3] }).unwrap();
    let edit = correction(&project, item(&session, 3), "right").unwrap();
    project.apply(&edit).unwrap();
    let query = ExampleQuery { split: Some(Split::Train), ..ExampleQuery::default() };
    let ids = project.matching_ids(&query).unwrap();
    assert_eq!(project.example(*ids.last().unwrap()).unwrap().example.answer(), Some("right"));

    // Moved into the test part since.
    project.apply(&Edit::SetSplit { ids: vec![2], split: Split::Test }).unwrap();
    assert!(refused(&project, 2, "right").to_string().starts_with("It is a test example"));
}

#[test]
fn a_run_of_no_project_keeps_its_sessions_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (project, run_dir) = project(folder.path());
    assert_eq!(folder_for(&run_dir), project.folder().join("ratings"));
    let alone = folder.path().join("runs/alone");
    assert_eq!(folder_for(&alone), alone.join("ratings"));
}

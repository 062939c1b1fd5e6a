//! Filters, sorting, counts, annotations, history, and what checks and models say of the examples.

use std::path::Path;

use tunewright::data::checks::{Check, Finding};
use tunewright::data::import::ImportRequest;
use tunewright::data::split::{GroupBy, SplitBy, SplitSpec};
use tunewright::data::{Example, Message, Role, Split};
use tunewright::project::{
    Edit, ExampleLoss, ExampleQuery, ExampleStatus, Having, Project, Replacement, Review, Sort, SortBy, VersionChange,
};
use tunewright::task::{Task, Unit, Unwatched};

const ANSWERS: [&str; 3] = ["card", "transfer", "top_up"];

/// Twelve questions with three labels in turn.
fn project(folder: &Path) -> (Project, Vec<i64>) {
    let path = folder.join("rows.jsonl");
    let lines: String =
        (0..12).map(|i| format!("{{\"prompt\":\"question {i}\",\"completion\":\"{}\"}}\n", ANSWERS[i % 3])).collect();
    tunewright::fs::write_atomic(&path, lines.as_bytes()).unwrap();
    let mut project = Project::create(&folder.join("project")).unwrap();
    project.import(&ImportRequest::new(path), &Unwatched).unwrap();
    let ids = project.matching_ids(&ExampleQuery::default()).unwrap();
    (project, ids)
}

fn query() -> ExampleQuery {
    ExampleQuery::default()
}

fn value(text: &str) -> Option<Having> {
    Some(Having::Value(text.to_owned()))
}

#[test]
fn filters_combine_and_every_chip_says_what_it_would_show() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    project.apply(&Edit::SetSplit { ids: ids.clone(), split: Split::Train }).unwrap();
    project.apply(&Edit::SetSplit { ids: ids[..4].to_vec(), split: Split::Test }).unwrap();
    project.apply(&Edit::AddTag { ids: ids[2..6].to_vec(), tag: " hard ".to_owned() }).unwrap();
    project.apply(&Edit::AddTag { ids: ids[5..7].to_vec(), tag: "odd".to_owned() }).unwrap();
    project.apply(&Edit::SetReview { ids: ids[..6].to_vec(), review: Review::Accepted }).unwrap();
    project.apply(&Edit::SetStatus { ids: vec![ids[11]], status: ExampleStatus::SetAside }).unwrap();
    let with_system = Example::from(vec![Message::new(Role::System, "s"), Message::new(Role::User, "u")]);
    let new = project.apply(&Edit::Insert { example: with_system, split: Split::Validation }).unwrap().ids[0];
    let finding = |id: i64, check: Check| Finding { check, id, detail: "why".to_owned(), group: None };
    let findings =
        [finding(ids[0], Check::EmptyTurn), finding(ids[4], Check::EmptyTurn), finding(ids[4], Check::Secret)];
    project.save_findings(&[Check::EmptyTurn, Check::Secret], &findings).unwrap();
    project.set_num_tokens("m", &[(ids[0], 10), (ids[1], 20), (ids[2], 30)]).unwrap();
    set_losses(&mut project, &[(ids[0], 0.5), (ids[1], 2.5), (ids[2], f32::NAN)]);
    project.set_queue(&[ids[7], new, ids[3], 9999]).unwrap();

    let mut check = |query: ExampleQuery, expected: &[i64]| {
        assert_eq!(project.matching_ids(&query).unwrap(), expected, "{query:?}");
    };
    check(ExampleQuery { split: Some(Split::Test), ..query() }, &ids[..4]);
    check(ExampleQuery { split: Some(Split::Test), tag: value("hard"), ..query() }, &ids[2..4]);
    check(ExampleQuery { tag: value("hard"), review: Some(Review::Unreviewed), ..query() }, &[]);
    check(ExampleQuery { tag: Some(Having::Something), ..query() }, &ids[2..7]);
    check(ExampleQuery { tag: value("odd"), label: value("card"), ..query() }, &[ids[6]]);
    check(ExampleQuery { label: Some(Having::Nothing), ..query() }, &[new]);
    check(ExampleQuery { label: value("no such label"), ..query() }, &[]);
    check(ExampleQuery { status: Some(ExampleStatus::SetAside), ..query() }, &[ids[11]]);
    check(ExampleQuery { role: Some(Role::System), ..query() }, &[new]);
    check(
        ExampleQuery { source: Some("rows.jsonl".to_owned()), label: value("top_up"), ..query() },
        &[ids[2], ids[5], ids[8], ids[11]],
    );
    check(ExampleQuery { finding: Some(Having::Something), ..query() }, &[ids[0], ids[4]]);
    check(ExampleQuery { finding: value("secret"), ..query() }, &[ids[4]]);
    check(ExampleQuery { finding: Some(Having::Nothing), split: Some(Split::Test), ..query() }, &ids[1..4]);
    check(ExampleQuery { tokens: Some((15, 30)), ..query() }, &ids[1..3]);
    check(ExampleQuery { loss: Some((1.0, f32::INFINITY)), ..query() }, &ids[1..2]);
    check(ExampleQuery { queued_only: true, ..query() }, &[ids[3], ids[7], new]);
    check(ExampleQuery { search: "question 1".to_owned(), split: Some(Split::Train), ..query() }, &[ids[10]]);

    let counts = project.facets(&ExampleQuery { tag: value("hard"), ..query() }).unwrap();
    assert_eq!((counts.num_matching, counts.splits, counts.reviews), (4, [2, 0, 2], [0, 4, 0, 0]));
    // The tag's own chips don't count the tag's filter.
    assert_eq!(counts.tags.values, [("hard".to_owned(), 4), ("odd".to_owned(), 2)]);
    assert_eq!((counts.tags.something, counts.tags.nothing), (5, 8));
    let counts = project.facets(&query()).unwrap();
    assert_eq!((counts.num_matching, counts.splits, counts.statuses), (13, [7, 1, 4], [12, 0, 1]));
    assert_eq!((counts.labels.something, counts.labels.nothing, counts.labels.values.len()), (12, 1, 3));
    assert_eq!(counts.roles, [1, 13, 12, 0]);
    assert_eq!(counts.sources.values, [("rows.jsonl".to_owned(), 12)]);
    assert_eq!(counts.findings.values, [("empty_turn".to_owned(), 2), ("secret".to_owned(), 1)]);
    assert_eq!((counts.findings.something, counts.findings.nothing), (2, 11));
    assert_eq!(counts.losses, [1, 0, 1, 0]);
    let high = ExampleQuery { loss: Some((2.0, f32::INFINITY)), ..query() };
    assert_eq!(project.facets(&high).unwrap().losses, [1, 0, 1, 0], "the chips don't count their own filter");
    // Nobody has reviewed the eighth and the new one yet; the fourth is accepted.
    assert_eq!(project.state().unwrap().num_queued, 2);
}

fn set_losses(project: &mut Project, losses: &[(i64, f32)]) {
    let loss = |(id, loss): &(i64, f32)| {
        let content_key = project.example(*id).unwrap().content_key;
        ExampleLoss { id: *id, content_key, loss: Some(*loss) }
    };
    let losses: Vec<_> = losses.iter().map(loss).collect();
    project.set_losses("base", &losses).unwrap();
}

#[test]
fn what_is_said_of_examples_is_no_change_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let before = project.state().unwrap();
    set_losses(&mut project, &[(ids[0], 1.0)]);
    project.set_queue(&ids[..2]).unwrap();
    let after = project.state().unwrap();
    assert_eq!(after.content_revision, before.content_revision);
    assert!(after.revision > before.revision, "pages of before are stale");
    project.apply(&Edit::Delete { ids: vec![ids[0]] }).unwrap();
    let edited = project.state().unwrap().content_revision;
    assert!(edited > after.content_revision);
    project.undo().unwrap();
    assert!(project.state().unwrap().content_revision > edited);
}

#[test]
fn a_loss_is_of_the_text_that_was_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let before = project.example(ids[0]).unwrap();
    let scored = ExampleLoss { id: ids[0], content_key: before.content_key, loss: Some(1.5) };
    let mut messages = before.example.messages.clone();
    messages[0].content.push('!');
    let edit = Edit::SetMessages { id: ids[0], messages };
    let loss = |project: &Project| project.example(ids[0]).unwrap().annotations.loss;

    project.set_losses("base", &[scored]).unwrap();
    assert_eq!(loss(&project), Some(1.5));
    project.apply(&edit).unwrap();
    assert_eq!(loss(&project), None, "an edited text has none");
    project.set_losses("base", &[scored]).unwrap();
    assert_eq!(loss(&project), None, "one that was computed of the text before doesn't count");
    project.undo().unwrap();
    project.set_losses("base", &[scored]).unwrap();
    project.set_losses("run 1", &[]).unwrap();
    assert_eq!(loss(&project), None, "those of another model are forgotten");
}

#[test]
fn every_column_sorts_both_ways_and_rows_without_a_value_come_last() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    set_losses(&mut project, &[(ids[0], 0.5), (ids[1], -2.5), (ids[2], 7.0)]);
    project.set_queue(&[ids[7], ids[3], 9999]).unwrap();
    project.set_num_tokens("m", &[(ids[3], 9), (ids[4], 100)]).unwrap();
    let mut first = |by: SortBy, descending: bool| {
        let query = ExampleQuery { sort: Sort { by, descending }, limit: 3, ..query() };
        project.query(&query).unwrap().rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(first(SortBy::Loss, false), [ids[1], ids[0], ids[2]]);
    assert_eq!(first(SortBy::Loss, true), [ids[2], ids[0], ids[1]]);
    assert_eq!(first(SortBy::Queue, false), [ids[7], ids[3], ids[0]]);
    assert_eq!(first(SortBy::Tokens, false), [ids[3], ids[4], ids[0]]);
    assert_eq!(first(SortBy::Tokens, true), [ids[4], ids[3], ids[0]]);
    assert_eq!(first(SortBy::Prompt, true), [ids[9], ids[8], ids[7]]);
    assert_eq!(first(SortBy::Prompt, false), [ids[0], ids[1], ids[10]]);
    assert_eq!(first(SortBy::Label, true), [ids[1], ids[4], ids[7]], "equal rows stay in order");
    assert_eq!(first(SortBy::Number, true), [ids[11], ids[10], ids[9]]);
    assert_eq!(first(SortBy::Position, true), [ids[11], ids[10], ids[9]]);
}

#[test]
fn texts_sort_alike_for_few_and_many_rows_and_end_early_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, _) = project(folder.path());
    let prompts = ["Zebra", "älter", "apple", "Apple", "", "zebra"];
    for prompt in prompts.iter().cycle().take(60) {
        let messages = vec![Message::new(Role::User, *prompt), Message::new(Role::Assistant, "x")];
        project.apply(&Edit::Insert { example: messages.into(), split: Split::Train }).unwrap();
    }
    let all = project.matching_ids(&query()).unwrap();
    project.apply(&Edit::AddTag { ids: all[12..18].to_vec(), tag: "few".to_owned() }).unwrap();
    for descending in [false, true] {
        let sort = Sort { by: SortBy::Prompt, descending };
        let many = project.matching_ids(&ExampleQuery { sort, ..query() }).unwrap();
        let few = project.matching_ids(&ExampleQuery { sort, tag: value("few"), ..query() }).unwrap();
        let expected: Vec<i64> = many.iter().copied().filter(|id| all[12..18].contains(id)).collect();
        assert_eq!(few, expected);
        let order = few.iter().map(|id| prompts[*id as usize - 13]).collect::<Vec<_>>();
        match descending {
            false => assert_eq!(order, ["apple", "Apple", "Zebra", "zebra", "älter", ""]),
            true => assert_eq!(order, ["älter", "Zebra", "zebra", "apple", "Apple", ""]),
        }
    }
    let by_answer = ExampleQuery { sort: Sort { by: SortBy::Answer, descending: true }, limit: 9, ..query() };
    assert!(project.query_unless_stopped(&by_answer, &Cancelled).is_err_and(|error| error.is_stopped()));
    assert_eq!(project.query(&by_answer).unwrap().rows[0].answer, "x");
}

struct Cancelled;

impl Task for Cancelled {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}
    fn is_stopped(&self) -> bool {
        true
    }
}

#[test]
fn what_was_counted_of_an_old_text_does_not_stand_for_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let finding = Finding { check: Check::EmptyTurn, id: ids[0], detail: "why".to_owned(), group: Some(3) };
    project.save_findings(&[Check::EmptyTurn], std::slice::from_ref(&finding)).unwrap();
    project.set_num_tokens("m", &[(ids[0], 10), (ids[1], 11)]).unwrap();
    assert_eq!(project.findings(None).unwrap(), std::slice::from_ref(&finding));
    let messages = vec![Message::new(Role::User, "other"), Message::new(Role::Assistant, "card")];
    project.apply(&Edit::SetMessages { id: ids[0], messages }).unwrap();
    assert_eq!(project.findings(Some(ids[0])).unwrap(), []);
    assert_eq!(project.example(ids[0]).unwrap().annotations.num_tokens, None);
    // Taken back, the example says again what was checked.
    project.undo().unwrap();
    assert_eq!(project.findings(Some(ids[0])).unwrap(), [finding]);

    // Another model's lengths are not mixed with these.
    project.set_num_tokens("n", &[(ids[2], 5)]).unwrap();
    assert_eq!(project.state().unwrap().tokens_from.as_deref(), Some("n"));
    assert_eq!(project.example(ids[1]).unwrap().annotations.num_tokens, None);
    project.save_findings(&[Check::EmptyTurn], &[]).unwrap();
    assert_eq!(project.findings(None).unwrap(), []);
    assert_eq!(project.state().unwrap().undo.as_deref(), Some("Undo import of rows.jsonl"));
}

#[test]
fn a_label_and_the_answer_that_holds_it_change_together() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    project.apply(&Edit::SetLabel { ids: ids[..2].to_vec(), label: Some("refund".to_owned()) }).unwrap();
    let stored = project.example(ids[1]).unwrap();
    assert_eq!((stored.example.answer(), stored.annotations.label.as_deref()), (Some("refund"), Some("refund")));
    assert_eq!(stored.status, ExampleStatus::Edited);
    let messages = vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, "card")];
    project.apply(&Edit::SetMessages { id: ids[1], messages }).unwrap();
    assert_eq!(project.example(ids[1]).unwrap().annotations.label.as_deref(), Some("card"));
    project.undo().unwrap();
    project.undo().unwrap();
    let stored = project.example(ids[1]).unwrap();
    assert_eq!((stored.example.answer(), stored.annotations.label.as_deref()), (Some("transfer"), Some("transfer")));
    assert_eq!(stored.status, ExampleStatus::Ready);
}

#[test]
fn a_label_outlives_the_moment_in_which_its_json_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let label_after = |project: &mut Project, answer: &str| {
        let messages = vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, answer)];
        project.apply(&Edit::SetMessages { id: ids[1], messages }).unwrap();
        project.example(ids[1]).unwrap().annotations.label
    };
    assert_eq!(label_after(&mut project, r#"{"label":"card"}"#).as_deref(), Some("card"));
    assert_eq!(label_after(&mut project, r#"{"label":"ca"#).as_deref(), Some("card"));
    assert_eq!(label_after(&mut project, r#"{"label":"cash"}"#).as_deref(), Some("cash"));
}

#[test]
fn a_replacement_is_shown_before_it_is_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let replacement = Replacement {
        find: r"question (\d)\b".to_owned(),
        with: "$1. query".to_owned(),
        is_regex: true,
        ..Replacement::default()
    };
    let preview = project.preview_replace(&ids, &replacement, &Unwatched).unwrap();
    assert_eq!((preview.num_examples, preview.num_matches, preview.ids.as_slice()), (10, 10, &ids[..10]));
    assert_eq!((preview.turns[3].before.as_str(), preview.turns[3].after.as_str()), ("question 3", "3. query"));
    let before: Vec<_> = ids.iter().map(|id| project.example(*id).unwrap()).collect();
    let changed = project.apply(&Edit::ReplaceText { ids: ids.clone(), replacement }).unwrap();
    assert_eq!(changed.ids, ids[..10]);
    assert_eq!(project.example(ids[3]).unwrap().example.messages[0].content, "3. query");
    project.undo().unwrap();
    assert_eq!(ids.iter().map(|id| project.example(*id).unwrap()).collect::<Vec<_>>(), before);
}

#[test]
fn an_examples_history_says_what_was_done_to_it_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let edits = vec![
        Edit::SetNotes { id: ids[3], notes: "look again".to_owned() },
        Edit::SetReview { ids: ids[2..4].to_vec(), review: Review::Flagged },
    ];
    project.apply(&Edit::Several { label: "second look".to_owned(), edits }).unwrap();
    project.apply(&Edit::SetTags { ids: vec![ids[3]], tags: vec!["b".to_owned(), "a".to_owned()] }).unwrap();
    project.undo().unwrap();
    let history = project.history(ids[3]).unwrap();
    let field = |name, before: &str, after: &str| VersionChange::Field {
        name,
        before: before.to_owned(),
        after: after.to_owned(),
    };
    let told: Vec<_> = history.iter().map(|v| (v.what.as_str(), v.is_undone, v.change.clone())).collect();
    assert_eq!(
        told,
        [
            ("tags of example 4", true, field("tags", "", "a, b")),
            ("second look", false, field("review", "unreviewed", "flagged")),
            ("second look", false, field("notes", "", "look again")),
            ("import of rows.jsonl", false, VersionChange::Appeared),
        ]
    );
    assert!(history.windows(2).all(|pair| pair[0].at.unwrap() >= pair[1].at.unwrap()));
    project.undo().unwrap();
    assert_eq!(project.example(ids[3]).unwrap().annotations.review, Review::Unreviewed);
}

#[test]
fn a_project_is_split_by_label_group_time_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let mut resplit = |by: SplitBy| {
        let spec = SplitSpec { validation: 0.0, test: 0.25, seed: 7, by };
        let num_train = project.matching_ids(&ExampleQuery { split: Some(Split::Train), ..query() }).unwrap().len();
        let preview = project.preview_split(&spec).unwrap();
        project.apply(&Edit::Resplit { spec }).unwrap();
        let counts = project.counts().unwrap();
        assert_eq!(preview.counts, [counts.train, counts.validation, counts.test], "{by:?}");
        assert!(preview.num_into_training <= 12 - num_train as u64);
        if matches!(by, SplitBy::Label | SplitBy::Group(_)) {
            assert_eq!((preview.num_known, preview.num_kinds), (12, 3));
        }
        let test = ExampleQuery { split: Some(Split::Test), ..query() };
        let rows = project.query(&ExampleQuery { limit: 100, ..test }).unwrap().rows;
        rows.iter().map(|row| (row.id, row.annotations.label.clone().unwrap())).collect::<Vec<_>>()
    };
    let mut labels: Vec<_> = resplit(SplitBy::Label).into_iter().map(|(_, label)| label).collect();
    labels.sort();
    assert_eq!(labels, ["card", "top_up", "transfer"]);
    let newest: Vec<_> = resplit(SplitBy::Newest).into_iter().map(|(id, _)| id).collect();
    assert_eq!(newest, ids[9..]);
    let by_label = resplit(SplitBy::Group(GroupBy::Label));
    assert!(by_label.iter().all(|(_, label)| *label == by_label[0].1) && by_label.len() == 4, "{by_label:?}");

    let path = folder.path().join("held out.csv");
    tunewright::fs::write_atomic(&path, b"prompt,completion,split\na,card,test\nb,card,train\n").unwrap();
    project.import(&ImportRequest::new(path), &Unwatched).unwrap();
    let spec = SplitSpec { validation: 0.0, test: 0.0, seed: 1, by: SplitBy::File };
    project.apply(&Edit::Resplit { spec }).unwrap();
    let test = project.query(&ExampleQuery { split: Some(Split::Test), limit: 9, ..query() }).unwrap();
    assert_eq!((test.num_matching, test.rows[0].prompt.as_str()), (1, "a"));
}

#[test]
fn near_duplicates_that_a_check_found_stay_together() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let twins = [(0, 1), (3, 1), (5, 2), (6, 2), (7, 2)];
    let findings: Vec<_> = twins
        .iter()
        .map(|(at, group)| Finding {
            check: Check::NearDuplicate,
            id: ids[*at],
            detail: String::new(),
            group: Some(*group),
        })
        .collect();
    project.save_findings(&[Check::NearDuplicate], &findings).unwrap();
    for seed in 0..20 {
        let by = SplitBy::Group(GroupBy::NearDuplicates);
        project.apply(&Edit::Resplit { spec: SplitSpec { validation: 0.3, test: 0.3, seed, by } }).unwrap();
        let split = |at: usize| project.example(ids[at]).unwrap().split;
        assert_eq!(split(0), split(3));
        assert!(split(5) == split(6) && split(6) == split(7));
    }
}

#[test]
fn a_cell_shows_the_text_around_what_was_found_and_chips_count_in_each_others_place() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ids) = project(folder.path());
    let long = format!("{}and then the parcel was lost {}", "words and ".repeat(40), "again ".repeat(60));
    let messages = vec![Message::new(Role::User, &long), Message::new(Role::Assistant, "card")];
    project.apply(&Edit::SetMessages { id: ids[2], messages }).unwrap();
    let search = |words: &str| ExampleQuery { search: words.to_owned(), limit: 10, ..query() };

    let page = project.query(&search("parc")).unwrap();
    let [row] = page.rows.as_slice() else { panic!("{:?}", page.rows) };
    assert!(row.prompt.starts_with('…') && row.prompt.contains("then the parcel was lost"), "{}", row.prompt);
    let [hit] = &tunewright::project::hits(&row.prompt, "parc")[..] else { panic!("{}", row.prompt) };
    assert_eq!(&row.prompt[hit.clone()], "parc");
    assert!(project.query(&query()).unwrap().rows.is_empty(), "no rows were wanted");

    // With one chip chosen, the others say what they would show instead.
    let facets = project.facets(&ExampleQuery { edited_only: true, ..search("parc") }).unwrap();
    assert_eq!((facets.shows.all, facets.shows.edited, facets.shows.splits.iter().sum::<u64>()), (1, 1, 1));
    let facets = project.facets(&ExampleQuery { edited_only: true, ..search("question") }).unwrap();
    assert_eq!((facets.shows.all, facets.shows.edited), (11, 0));
    assert_eq!(facets.whole.files, [("rows.jsonl".to_owned(), 12)]);
    let by_number = ExampleQuery { numbers: Some((3, 5)), ..query() };
    assert_eq!(project.matching_ids(&by_number).unwrap(), ids[2..5]);
}

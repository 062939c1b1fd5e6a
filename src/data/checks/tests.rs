//! Every check on data with one fault and on data without; every fix.

use super::*;
use crate::data::{Example, Message, Role, Split};
use crate::task::Unwatched;

/// Sound examples, all different.
fn sound(num: usize) -> Vec<Row> {
    const WORDS: [&str; 24] = [
        "kettle", "lamp", "parcel", "invoice", "jacket", "speaker", "watch", "garden", "window", "river", "basket",
        "candle", "ladder", "mirror", "pencil", "saddle", "thread", "umbrella", "violin", "wagon", "anchor", "bridge",
        "copper", "dragon",
    ];
    let word = |i: usize| WORDS[text::mix(i as u64) as usize % WORDS.len()];
    (0..num)
        .map(|i| {
            let prompt: Vec<&str> = (0..12).map(|j| word(100 * i + j)).collect();
            row(i, Split::Train, &prompt.join(" "), &format!("The {} and the {}, {i}", word(7 * i), word(7 * i + 1)))
        })
        .collect()
}

fn row(index: usize, split: Split, prompt: &str, answer: &str) -> Row {
    let messages = vec![
        Message::new(Role::System, "Be brief."),
        Message::new(Role::User, prompt),
        Message::new(Role::Assistant, answer),
    ];
    let (id, number) = (1000 + index as i64, index as u64 + 1);
    Row { id, number, split, source: None, label: None, example: Example::from(messages) }
}

fn run(rows: &[Row], options: Options, rendering: Option<&dyn Rendering>) -> CheckReport {
    let mut checker = Checker::new(options, rendering);
    rows.chunks(64).for_each(|rows| checker.add(rows));
    checker.finish(&Unwatched).unwrap()
}

fn found(rows: &[Row]) -> Vec<(Check, i64)> {
    run(rows, Options::default(), None).findings.into_iter().map(|finding| (finding.check, finding.id)).collect()
}

/// What is there after all changes of a fix.
fn apply(rows: &[Row], fix: &Fix) -> Vec<Row> {
    let mut rows = rows.to_vec();
    for change in &fix.changes {
        match &change.action {
            Action::Delete | Action::SetAside => rows.retain(|row| row.id != change.id),
            Action::MoveTo { after, .. } => {
                rows.iter_mut().filter(|row| row.id == change.id).for_each(|row| row.split = *after);
            }
            Action::SetMessages { after, .. } => {
                rows.iter_mut()
                    .filter(|row| row.id == change.id)
                    .for_each(|row| row.example.messages.clone_from(after));
            }
        }
    }
    rows
}

/// The planted rows' findings, and that the first remedy leaves nothing of them.
#[track_caller]
fn check(rows: &[Row], expected: &[(Check, i64)]) {
    assert_eq!(found(rows), expected);
    let report = run(rows, Options::default(), None);
    let mut mended = rows.to_vec();
    for (check, _) in expected {
        let Some(remedy) = check.remedies().first() else { return };
        let now = mended.clone();
        let mut lookup = |id| now.iter().find(|row| row.id == id).cloned();
        mended = apply(&mended, &plan(*check, *remedy, &report.findings, &mut lookup));
    }
    assert_eq!(found(&mended), []);
}

/// Sound examples with the last ones replaced.
fn with(planted: &[(Split, &str, &str)]) -> Vec<Row> {
    let mut rows = sound(100);
    for (index, (split, prompt, answer)) in planted.iter().enumerate() {
        rows[90 + index] = row(90 + index, *split, prompt, answer);
    }
    rows
}

const TRAIN: Split = Split::Train;

#[test]
fn sound_examples_have_no_findings() {
    check(&sound(300), &[]);
}

#[test]
fn copies_are_told_from_near_copies_and_contradictions() {
    use Check::{Contradiction, ExactDuplicate, NearDuplicate};
    let long = "My new kettle arrived with a deep dent in its side and the lid does not close any more, what now?";
    let near =
        "My new kettle arrived with a deep dent in its side and the lid does not close any more, what can I do now?";
    check(
        &with(&[(TRAIN, long, "Send it back."), (TRAIN, long, "Send  it back.")]),
        &[(ExactDuplicate, 1090), (ExactDuplicate, 1091)],
    );
    check(
        &with(&[(TRAIN, long, "Send it back."), (TRAIN, near, "Send it back.")]),
        &[(NearDuplicate, 1090), (NearDuplicate, 1091)],
    );
    check(
        &with(&[(TRAIN, long, "Send it back."), (TRAIN, long, "Keep it.")]),
        &[(Contradiction, 1090), (Contradiction, 1091)],
    );
    check(
        &with(&[(TRAIN, long, r#"{"a": 1, "b": 2}"#), (TRAIN, "Something else, or not?", r#"{"b": 2, "a": 1}"#)]),
        &[],
    );
}

#[test]
fn the_majority_of_answers_stays() {
    let rows =
        with(&[(TRAIN, "Which one?", "Left."), (TRAIN, "which one?", "Right."), (TRAIN, "Which  one?", "Left. ")]);
    let report = run(&rows, Options::default(), None);
    let mut lookup = |id| rows.iter().find(|row| row.id == id).cloned();
    let fix = plan(Check::Contradiction, Remedy::SetAside, &report.findings, &mut lookup);
    assert_eq!(fix.changes, [Change { id: 1091, number: 92, action: Action::SetAside }]);
    assert_eq!(fix.label(), "set aside (same prompt, different answers, 1 example)");
}

#[test]
fn held_out_twins_are_brought_together_where_they_are_held_out() {
    let rows = with(&[
        (TRAIN, "where IS my parcel", "On its way."),
        (Split::Validation, "Where is my parcel", "On its way."),
        (Split::Test, "where is my parcel", "On its way."),
    ]);
    let report = run(&rows, Options::default(), None);
    assert_eq!(report.of(Check::Leakage).count(), 3);
    let mut lookup = |id| rows.iter().find(|row| row.id == id).cloned();
    let fix = plan(Check::Leakage, Remedy::MoveToOneSplit, &report.findings, &mut lookup);
    assert_eq!(fix.changes.iter().map(|change| change.id).collect::<Vec<_>>(), [1090, 1091]);
    assert_eq!(run(&apply(&rows, &fix), Options::default(), None).of(Check::Leakage).count(), 0);
}

#[test]
fn faults_of_single_examples() {
    use Check::*;
    let one = |prompt: &str, answer: &str| with(&[(TRAIN, prompt, answer)]);
    let question = "Is there anything that I could do about it by myself?";
    check(&one(question, " \n"), &[(EmptyTurn, 1090)]);
    check(&one("DonÃ¢â‚¬â„¢t do that, please, says the manual.", "I see what they mean."), &[(EncodingDamage, 1090)]);
    check(&one("<|im_start|>user\nIs it there, or is it not?<|im_end|>", "Yes, it is there."), &[(DoubledBos, 1090)]);
    check(&one(question, "Please write to sven@firma.se about it."), &[(PersonalData, 1090)]);
    check(&one("My password: hunter2horse, is it safe to use it?", "I would not say so."), &[(Secret, 1090)]);
    check(&one(question, "As an AI language model, I can't."), &[(Refusal, 1090)]);
    check(&one(question, "Yes, there is.\n"), &[(OuterWhitespace, 1090)]);
    check(&one("Is there anything at all? ".repeat(400).trim_end(), "Yes, there is."), &[(LengthOutlier, 1090)]);
    let mut rows = sound(100);
    rows[90].example.messages.swap(0, 1);
    check(&rows, &[(RoleOrder, 1090)]);
    let mut rows = sound(100);
    rows[90].example.messages[2].weight = Some(0);
    check(&rows, &[(NothingTrained, 1090)]);
}

#[test]
fn json_and_labels() {
    let mut rows = sound(100);
    for (i, row) in rows.iter_mut().enumerate() {
        row.example.messages[2].content = format!(r#"{{"kind": "{}", "n": {i}}}"#, ["complaint", "praise"][i % 2]);
    }
    check(&rows, &[]);
    let mut broken = rows.clone();
    broken[90].example.messages[2].content = "{\"kind\": 'praise', \"n\": 1,".to_owned();
    check(&broken, &[(Check::InvalidJson, 1090)]);
    let mut misspelled = rows.clone();
    misspelled[90].example.messages[2].content = r#"{"kind": "Complaint", "n": 1}"#.to_owned();
    check(&misspelled, &[(Check::UnknownLabel, 1090)]);
    let mut rare = rows.clone();
    rare[90].example.messages[2].content = r#"{"kind": "wish", "n": 1}"#.to_owned();
    check(&rare, &[(Check::RareLabel, 1090)]);
    let set = LabelSet { field: "kind".to_owned(), labels: vec!["complaint".to_owned()] };
    let report = run(&rows, Options { label_sets: vec![set], ..Options::default() }, None);
    assert_eq!(report.of(Check::UnknownLabel).count(), 50);
    let mut same = rows;
    same.iter_mut().skip(8).for_each(|row| row.example.messages[2].content = r#"{"kind": "praise"}"#.to_owned());
    assert_eq!(found(&same), [(Check::Imbalance, 1001)]);
}

#[test]
fn rows_in_another_language() {
    let english =
        |i: usize| format!("On day {i} the parcel came, but the lamp in it was broken, and nobody answers the phone.");
    let mut rows = sound(100);
    rows.iter_mut().enumerate().for_each(|(i, row)| row.example.messages[1].content = english(i));
    check(&rows, &[]);
    rows[90].example.messages[1].content =
        "Das Paket kam am Montag an, aber die Lampe darin war zerbrochen, und niemand geht ans Telefon.".to_owned();
    check(&rows, &[(Check::OtherLanguage, 1090)]);
}

/// A token a character; the prompt ending in `!` loses its end of turn.
struct Letters;

impl Rendering for Letters {
    fn facts(&self, example: &Example) -> Result<RenderFacts, Refused> {
        let text: String = example.messages.iter().map(|m| m.content.as_str()).collect();
        let num_tokens = text.chars().count();
        if text.contains("refuse me") {
            let takes_folded = example.messages[0].role == Role::System;
            return Err(Refused { reason: "there is no such role".to_owned(), takes_folded });
        }
        Ok(RenderFacts {
            num_tokens,
            too_long: (num_tokens > 300).then(|| format!("{num_tokens} tokens")),
            num_trained: if num_tokens > 400 { 0 } else { 5 },
            ends_turn: !text.contains('!'),
            num_bos: 1 + usize::from(text.contains('$')),
            left_out: text.contains('%').then(|| "It leaves out a turn (turn 1)".to_owned()).into_iter().collect(),
        })
    }
}

#[test]
fn a_system_turn_that_is_refused_is_folded_into_the_question() {
    // They begin with a system turn.
    let rows = with(&[(TRAIN, "Does it refuse me, or does it not?", "Yes, it does so.")]);
    let report = run(&rows, Options::default(), Some(&Letters));
    let [finding] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!(finding.check, Check::RoleOrder);
    assert!(finding.detail.contains("refuses the system turn"), "{}", finding.detail);
    let fix =
        plan(Check::RoleOrder, Remedy::Repair, &report.findings, &mut |id| rows.iter().find(|r| r.id == id).cloned());
    let [Change { action: Action::SetMessages { after, .. }, .. }] = &fix.changes[..] else { panic!("{fix:?}") };
    assert_eq!(after[0].content, "Be brief.\n\nDoes it refuse me, or does it not?");
}

#[test]
fn faults_that_only_a_model_shows() {
    use Check::*;
    let check = |prompt: &str, expected: &[Check]| {
        let rows = with(&[(TRAIN, prompt, "Yes, it does so.")]);
        let report = run(&rows, Options::default(), Some(&Letters));
        assert_eq!(report.findings.iter().map(|finding| finding.check).collect::<Vec<_>>(), expected);
        assert!(report.skipped.is_empty());
    };
    check("Does it end here, or does it go on?", &[]);
    check("Does it end here, or does it go on!", &[MissingEndOfTurn]);
    check("Does it cost ten $, or does it not?", &[DoubledBos]);
    check("Does it lose 5 %, or does it not?", &[TemplateOmission]);
    check(&format!("Is it long? {}", "o".repeat(300)), &[TooLong]);
    check(&format!("Is it long? {}", "o".repeat(420)), &[NothingTrained, TooLong, LengthOutlier]);
    let mut rows = with(&[(TRAIN, "Does it refuse me, or does it not?", "Yes, it does so.")]);
    rows.iter_mut().filter(|row| row.example.messages[1].content.contains("refuse")).for_each(|row| {
        row.example.messages.remove(0);
    });
    let report = run(&rows, Options::default(), Some(&Letters));
    assert_eq!(report.findings.iter().map(|finding| finding.check).collect::<Vec<_>>(), [TemplateRefusal]);
    assert_eq!(
        run(&sound(3), Options::default(), None).skipped,
        [TooLong, MissingEndOfTurn, TemplateRefusal, TemplateOmission]
    );
}

/// Prose of another file, in German, all different.
fn german(num: usize) -> Vec<Row> {
    let things = ["Wasserkocher", "Paket", "Jacke", "Lampe", "Uhr", "Rechnung", "Fenster"];
    let problems =
        ["funktioniert nicht mehr", "ist viel zu klein", "kam gestern zerbrochen an", "fehlt in der Lieferung"];
    let german = |i: usize| {
        let (thing, problem) = (things[i % 7], problems[i / 7 % 4]);
        let prompt =
            format!("Guten Tag Nummer {i}, mein Artikel {thing} {problem}, was soll ich jetzt machen? Danke {i}");
        let answer =
            format!("Das tut uns leid. Bitte schicken Sie uns Ihren Artikel {thing} mit dem Zettel {i} zurück.");
        let mut row = row(500 + i, TRAIN, &prompt, &answer);
        row.example.messages.remove(0);
        row.source = Some("kunden.csv".to_owned());
        row
    };
    (0..num).map(german).collect()
}

/// Tickets with JSON answers, as the sample has them.
fn json(num: usize) -> Vec<Row> {
    let mut rows = sound(num);
    for (i, row) in rows.iter_mut().enumerate() {
        row.example.messages[2].content = format!(r#"{{"kind": "{}", "n": {i}}}"#, ["complaint", "praise"][i % 2]);
    }
    rows
}

#[test]
fn plain_text_of_another_file_is_no_broken_json_nor_another_language_nor_length() {
    let mut rows = json(400);
    rows.extend(german(300));
    let report = run(&rows, Options::default(), None);
    let judged = [Check::InvalidJson, Check::OtherShape, Check::OtherLanguage, Check::LengthOutlier, Check::RareLabel];
    let found: Vec<_> = report.findings.iter().filter(|finding| judged.contains(&finding.check)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn text_among_json_is_another_shape_and_broken_json_must_be_fixed() {
    let mut rows = json(200);
    rows.extend(german(30));
    rows[7].example.messages[2].content = "I would say that this is praise.".to_owned();
    rows[8].example.messages[2].content = r#"It is {"kind": "praise", "n": 8}."#.to_owned();
    rows[9].example.messages[2].content = r#"{"kind": "praise", "n": "#.to_owned();
    let report = run(&rows, Options::default(), None);
    let ids = |check| report.of(check).map(|finding| finding.id).collect::<Vec<_>>();
    assert_eq!((ids(Check::OtherShape), ids(Check::InvalidJson)), (vec![1007, 1008], vec![1009]));
    assert_eq!(
        (Check::OtherShape.severity(), Check::InvalidJson.severity()),
        (Severity::ShouldLook, Severity::MustFix)
    );
    let told = &report.of(Check::OtherShape).next().unwrap().detail;
    assert_eq!(told, "not JSON, where 197 of 200 answers with the same system prompt are JSON");
    let mut lookup = |id| rows.iter().find(|row| row.id == id).cloned();
    let fix = plan(Check::OtherShape, Remedy::Repair, &report.findings, &mut lookup);
    assert_eq!(fix.changes.iter().map(|change| change.id).collect::<Vec<_>>(), [1008]);
}

#[test]
fn what_is_usual_is_usual_in_its_group() {
    let mut rows = sound(100);
    let mut long = german(100);
    for row in &mut long {
        row.example.messages[1].content = row.example.messages[1].content.repeat(30);
    }
    rows.extend(long);
    let lengths = |rows: &[Row]| run(rows, Options::default(), None).of(Check::LengthOutlier).count();
    assert_eq!(lengths(&rows), 0, "long mails beside short questions");
    rows[100].example.messages[1].content = "Zu kurz".to_owned();
    rows[0].example.messages[1].content = "Far too long for a question of these. ".repeat(100);
    assert_eq!(lengths(&rows), 2, "each in its own group");
}

#[test]
fn a_label_set_is_not_meant_for_examples_of_another_task() {
    let mut rows = sound(60);
    for (i, row) in rows.iter_mut().enumerate() {
        row.example.messages[2].content = ["refund", "delivery", "refunt"][if i == 7 { 2 } else { i % 2 }].to_owned();
    }
    let mut other = german(60);
    for (i, row) in other.iter_mut().enumerate() {
        row.example.messages[1].content = format!("Ja, Zettel {i}");
    }
    rows.extend(other);
    let set = LabelSet { field: ANSWER.to_owned(), labels: vec!["refund".to_owned(), "delivery".to_owned()] };
    let report = run(&rows, Options { label_sets: vec![set], ..Options::default() }, None);
    assert_eq!(report.of(Check::UnknownLabel).map(|finding| finding.id).collect::<Vec<_>>(), [1007]);
}

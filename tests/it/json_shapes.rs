//! Whatever way rows of a known shape are laid out in a file, the same examples come of them, or a sentence that refuses
//! them: never other examples.

use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tunewright::data::import::{ImportReport, ImportRequest};
use tunewright::data::{Example, ImportError, read_examples};
use tunewright::task::Unwatched;

type Row = Map<String, Value>;

fn read(folder: &Path, name: &str, content: &str) -> Result<(Vec<Example>, ImportReport), ImportError> {
    let path = folder.join(name);
    tunewright::fs::write_atomic(&path, content.as_bytes()).unwrap();
    let mut examples = Vec::new();
    let report = read_examples(&ImportRequest::new(&path), &Unwatched, &mut |row| {
        examples.push(row.example);
        ControlFlow::Continue(())
    })?;
    Ok((examples, report))
}

/// Texts as people have them, and such as look like something else.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zäß🧶]([a-z ,;|\"'\n{}:#\\[\\]]{0,8}[a-z.])?",
        1 => prop::sample::select(vec!["3", "true", "null", "no", "[1, 2]", "[]", "{}", "{\"a\": 1}", "['a', 'b']", "[{",
            "array of tea", "NaN", "0", "[{\"name\": \"tea\"}]", "good", "assistant"]).prop_map(str::to_owned),
    ]
}

fn turn(names: [&str; 2], role: &str, text: String) -> Value {
    json!({names[0]: role, names[1]: text})
}

/// One to three questions, each with its answer.
fn exchanges() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((text(), text()), 1..4)
}

fn turns(names: [&'static str; 2], roles: [&'static str; 2]) -> impl Strategy<Value = Value> {
    exchanges().prop_map(move |pairs| {
        let both = |(question, answer)| [turn(names, roles[0], question), turn(names, roles[1], answer)];
        pairs.into_iter().flat_map(both).collect()
    })
}

/// Every shape that a row can have.
fn row_of(shape: usize) -> BoxedStrategy<Value> {
    let (openai, share_gpt) = (["role", "content"], ["from", "value"]);
    let pair = || (text(), text());
    match shape {
        0 => turns(openai, ["user", "assistant"]).prop_map(|turns| json!({"messages": turns})).boxed(),
        1 => (turns(share_gpt, ["human", "gpt"]), text())
            .prop_map(|(turns, system)| json!({"id": 1, "conversations": turns, "system": system}))
            .boxed(),
        2 => (pair(), prop::option::of(text()), prop::option::of(exchanges()))
            .prop_map(|((question, answer), input, history)| {
                json!({"instruction": question, "input": input, "output": answer, "history": history})
            })
            .boxed(),
        3 => pair().prop_map(|(question, answer)| json!({"prompt": question, "completion": answer})).boxed(),
        4 => (turns(openai, ["user", "assistant"]), text(), text())
            .prop_map(move |(context, question, answer)| {
                let mut prompt = context.as_array().unwrap().clone();
                prompt.push(turn(openai, "user", question));
                json!({"prompt": prompt, "completion": [turn(openai, "assistant", answer)]})
            })
            .boxed(),
        5 => (pair(), text())
            .prop_map(|((question, answer), worse)| json!({"prompt": question, "chosen": answer, "rejected": worse}))
            .boxed(),
        6 => (pair(), text())
            .prop_map(move |((question, answer), worse)| {
                let both = |text| json!([turn(openai, "user", question.clone()), turn(openai, "assistant", text)]);
                json!({"chosen": both(answer), "rejected": both(worse)})
            })
            .boxed(),
        7 => (exchanges(), text())
            .prop_map(|(pairs, topic)| {
                let pair = |(question, answer)| json!({"human": question, "assistant": answer});
                json!({"topic": topic, "conversation": pairs.into_iter().map(pair).collect::<Vec<_>>()})
            })
            .boxed(),
        8 => exchanges().prop_map(|pairs| json!({"conversations": pairs})).boxed(),
        9 => exchanges()
            .prop_map(|pairs| {
                let texts: Vec<_> = pairs.into_iter().flat_map(|(question, answer)| [question, answer]).collect();
                json!({"n": 2, "conversations": texts})
            })
            .boxed(),
        10 => turns(["role", "text"], ["user", "model"])
            .prop_map(|turns| {
                let turn = |turn: &Value| json!({"role": turn["role"], "parts": [{"text": turn["text"]}]});
                json!({"contents": turns.as_array().unwrap().iter().map(turn).collect::<Vec<_>>()})
            })
            .boxed(),
        11 => (pair(), text(), exchanges())
            .prop_map(|((question, answer), worse, history)| {
                json!({"query": question, "response": answer, "rejected_response": worse, "history": history})
            })
            .boxed(),
        12 => (pair(), any::<bool>())
            .prop_map(|((question, answer), label)| json!({"prompt": question, "completion": answer, "label": label}))
            .boxed(),
        13 => (text(), -3..9_i32).prop_map(|(question, answer)| json!({"question": question, "answer": answer})).boxed(),
        14 => (text(), prop::sample::select(vec!["tea", "coffee"]))
            .prop_map(|(text, label)| json!({"text": text, "label": label}))
            .boxed(),
        15 => pair()
            .prop_map(|(question, answer)| {
                let turn = |role, text| format!("<|im_start|>{role}\n{text}<|im_end|>\n");
                json!({"text": turn("user", question) + &turn("assistant", answer)})
            })
            .boxed(),
        16 => (pair(), any::<bool>())
            .prop_map(move |((question, answer), train)| {
                let answer = json!({"role": "assistant", "content": answer, "train": train});
                json!({"messages": [turn(openai, "user", question), answer]})
            })
            .boxed(),
        _ => (text(), text(), text())
            .prop_map(move |(question, answer, worse)| {
                let input = json!({"messages": [turn(openai, "user", question)]});
                let turns = |text| json!([turn(openai, "assistant", text)]);
                json!({"input": input, "preferred_output": turns(answer), "non_preferred_output": turns(worse)})
            })
            .boxed(),
    }
}

const NUM_SHAPES: usize = 18;

/// All rows with the same keys, as a table has them.
fn filled(rows: &[Row]) -> Vec<Row> {
    let keys = keys(rows);
    let value = |row: &Row, key: &String| (key.clone(), row.get(key).cloned().unwrap_or(Value::Null));
    rows.iter().map(|row| keys.iter().map(|key| value(row, key)).collect()).collect()
}

fn keys(rows: &[Row]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for key in rows.iter().flat_map(Row::keys) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

/// Lists and objects as texts with JSON in them.
fn nested(rows: &[Row]) -> Vec<Row> {
    let value = |value: &Value| match value {
        Value::Array(_) | Value::Object(_) => value.to_string().into(),
        other => other.clone(),
    };
    rows.iter().map(|row| row.iter().map(|(key, item)| (key.clone(), value(item))).collect()).collect()
}

/// Lists and objects as Python prints them.
fn python(rows: &[Row]) -> Vec<Row> {
    let value = |value: &Value| match value {
        Value::Array(_) | Value::Object(_) => value.to_string().replace('"', "'").replace("null", "None").into(),
        other => other.clone(),
    };
    rows.iter().map(|row| row.iter().map(|(key, item)| (key.clone(), value(item))).collect()).collect()
}

fn csv(rows: &[Row]) -> String {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(keys(rows)).unwrap();
    for row in nested(&filled(rows)) {
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.write_record(row.values().map(cell)).unwrap();
    }
    String::from_utf8(table.into_inner().unwrap()).unwrap()
}

fn lines(rows: &[Row]) -> String {
    rows.iter().map(|row| Value::from(row.clone()).to_string() + "\n").collect()
}

/// Name and content of the same rows, laid out in every way.
fn layouts(rows: &[Row]) -> Vec<(&'static str, &'static str, String)> {
    let (table, keys) = (filled(rows), keys(rows));
    let column = |key: &String| table.iter().map(|row| row[key].clone()).collect::<Vec<_>>();
    let by_number =
        |values: Vec<Value>| values.into_iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect::<Row>();
    let columns: Row = keys.iter().map(|key| (key.clone(), column(key).into())).collect();
    let objects: Row = keys.iter().map(|key| (key.clone(), by_number(column(key)).into())).collect();
    let by_row = by_number(table.iter().cloned().map(Value::from).collect());
    let data: Vec<Vec<Value>> = table.iter().map(|row| row.values().cloned().collect()).collect();
    let index: Vec<_> = (0..rows.len()).collect();
    vec![
        ("list", "a.json", json!(rows).to_string()),
        ("pretty", "a.json", serde_json::to_string_pretty(rows).unwrap()),
        ("wrapped", "a.json", json!({"version": "1", "tags": ["a"], "data": rows}).to_string()),
        ("stream", "a.json", rows.iter().map(|row| serde_json::to_string_pretty(row).unwrap()).collect()),
        ("nested", "a.jsonl", lines(&nested(rows))),
        ("csv", "a.csv", csv(rows)),
        ("columns", "a.json", json!(columns).to_string()),
        ("pandas columns", "a.json", Value::from(objects).to_string()),
        ("pandas index", "a.json", Value::from(by_row).to_string()),
        ("pandas split", "a.json", json!({"columns": keys, "index": index, "data": data}).to_string()),
        ("pandas table", "a.json", json!({"schema": {"fields": []}, "data": table}).to_string()),
        ("batch", "a.jsonl", lines(std::slice::from_ref(&columns))),
        ("python", "a.jsonl", lines(&python(rows))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_rows_give_the_same_examples_however_they_are_laid_out(
        rows in (0..NUM_SHAPES, 1..4_usize).prop_flat_map(|(shape, num)| prop::collection::vec(row_of(shape), num)),
    ) {
        let rows: Vec<Row> = rows.into_iter().map(|row| row.as_object().unwrap().clone()).collect();
        let folder = tempfile::tempdir().unwrap();
        let plain = read(folder.path(), "plain.jsonl", &lines(&rows));
        let Ok((plain, report)) = plain else { return Ok(()) };
        prop_assert_eq!(plain.len() as u64 + report.num_rejected, rows.len() as u64);
        // On a line of its own, a column of pairs looks like a conversation of them, and a column of one pair is the
        // same conversation either way.
        let are_pairs = rows.iter().all(|row| row.len() == 1 && row.values().all(|value| value[0].is_array()));
        let is_pair = rows.len() == 1 && rows[0].get("conversations").and_then(Value::as_array).is_some_and(|texts| texts.len() == 2);
        let is_either = are_pairs || is_pair;
        for (layout, name, content) in layouts(&rows) {
            if is_either && layout == "batch" {
                continue;
            }
            let Ok((examples, report)) = read(folder.path(), name, &content) else { continue };
            let are_all = examples == plain && report.num_rejected == rows.len() as u64 - plain.len() as u64;
            let is_said = report.num_rejected > 0 && report.rejected.iter().all(|row| !row.reason.is_empty());
            prop_assert!(
                are_all || (is_said && examples.iter().all(|example| plain.contains(example))),
                "{}: {}\n{:#?}\nbut plain\n{:#?}\n{:?}", layout, content, examples, plain, report.rejected
            );
        }
    }
}

/// The layouts that must be read, not only not be misread.
#[test]
fn usual_layouts_of_usual_shapes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let turns = |n: u8| json!([{"role": "user", "content": format!("q{n}")}, {"role": "assistant", "content": "a"}]);
    for rows in [
        [json!({"messages": turns(1)}), json!({"messages": turns(2)})],
        [
            json!({"instruction": "q", "input": "i", "output": "a"}),
            json!({"instruction": "r", "input": "", "output": "b"}),
        ],
        [
            json!({"prompt": "q", "completion": "a", "label": true}),
            json!({"prompt": "q", "completion": "b", "label": false}),
        ],
        [
            json!({"prompt": "q", "chosen": "a", "rejected": "b"}),
            json!({"prompt": "r", "chosen": "a", "rejected": "b"}),
        ],
        [json!({"question": "q", "answer": 1}), json!({"question": "r", "answer": 2})],
    ] {
        let rows = rows.map(|row| row.as_object().unwrap().clone());
        let (plain, _) = read(folder.path(), "plain.jsonl", &lines(&rows)).unwrap();
        assert_eq!(plain.len(), 2);
        for (layout, name, content) in layouts(&rows) {
            if ["batch", "python"].contains(&layout) {
                continue;
            }
            let (examples, report) = read(folder.path(), name, &content).unwrap_or_else(|e| panic!("{layout}: {e}"));
            assert_eq!((examples, report.num_rejected), (plain.clone(), 0), "{layout}: {content}");
        }
    }
}

//! Rows in shapes of other tools: each is read as what it is, or refused by name; nothing turns round in silence.

use serde_json::{Value, json};

use super::{Desk, case};

/// What is in the project after importing a file with this content, and the report on it.
fn import(name: &str, content: &str) -> (Value, Vec<Value>) {
    let desk = Desk::new();
    let path = desk.path(name);
    tunewright::fs::write_atomic(&path, content.as_bytes()).unwrap();
    let (report, examples) = desk.import(&path);
    (report["files"][0].clone(), examples.into_iter().map(without_split).collect())
}

fn without_split(mut example: Value) -> Value {
    example.as_object_mut().unwrap().remove("split");
    example
}

fn import_case(name: &str) -> (Value, Vec<Value>) {
    let (report, examples) = Desk::new().import(&case(name));
    (report["files"][0].clone(), examples.into_iter().map(without_split).collect())
}

/// Turns as `u: text`, the weight behind the role; rejected ones behind a bar.
fn told(example: &Value) -> String {
    let turn = |turn: &Value| {
        let calls = turn["tool_calls"].as_array().map(|calls| {
            calls.iter().map(|call| format!(" !{}", call["function"]["name"].as_str().unwrap())).collect::<String>()
        });
        let role = &turn["role"].as_str().unwrap()[..1];
        let weight = turn["weight"].as_u64().map(|weight| weight.to_string()).unwrap_or_default();
        format!("{role}{weight}: {}{}", turn["content"].as_str().unwrap(), calls.unwrap_or_default())
    };
    let turns = |turns: &Value| turns.as_array().unwrap().iter().map(turn).collect::<Vec<_>>().join(" / ");
    let rejected = example.get("rejected").map(|rejected| format!(" | {}", turns(rejected))).unwrap_or_default();
    turns(&example["messages"]) + &rejected
}

fn reasons(report: &Value) -> Vec<String> {
    let rows = report["first_rejected"].as_array().unwrap();
    rows.iter().map(|row| format!("{}: {}", row["line"], row["reason"].as_str().unwrap())).collect()
}

/// A note with how often and the first line.
fn notes(report: &Value) -> Vec<String> {
    let notes = report["notes"].as_array().unwrap().iter();
    notes
        .map(|note| format!("{} × {}, {}", note["count"], note["what"].as_str().unwrap(), note["first"]["line"]))
        .collect()
}

/// A command line that fails: what it says.
fn refused(name: &str, content: &str) -> String {
    let desk = Desk::new();
    let path = desk.path(name);
    tunewright::fs::write_atomic(&path, content.as_bytes()).unwrap();
    let ran = desk.run(&["data", "import", path.to_str().unwrap(), "--project", desk.path("p").to_str().unwrap()]);
    assert_eq!(ran.code(), Some(1), "{}", ran.out());
    ran.err().replace(&desk.path("").display().to_string(), "")
}

#[test]
fn d01_columns_of_lists_are_turned_into_rows() {
    let (report, examples) = import_case("D01/columns.json");
    let notes = notes(&report);
    assert!(notes.iter().any(|note| note.contains("the file holds columns, not rows")), "{notes:?}");
    let expected =
        ["u: Name a green tea / a: Sencha", "u: Name a black tea / a: Assam", "u: Name a white tea / a: Silver Needle"];
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), expected);
    let (_, examples) = import_case("D01/prompts.json");
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), ["u: 2+2? / a: 4", "u: 3+3? / a: 6"]);
}

#[test]
fn what_pandas_writes_is_read_in_every_orientation() {
    let expected = ["u: 2+2? / a: 4", "u: 3+3? / a: 6"];
    for document in [
        json!({"prompt": ["2+2?", "3+3?"], "completion": ["4", "6"]}),
        json!({"prompt": {"0": "2+2?", "1": "3+3?"}, "completion": {"0": "4", "1": "6"}}),
        json!({"prompt": {"a": "2+2?", "b": "3+3?"}, "completion": {"a": "4", "b": "6"}}),
        json!({"0": {"prompt": "2+2?", "completion": "4"}, "1": {"prompt": "3+3?", "completion": "6"}}),
        json!({"a": {"prompt": "2+2?", "completion": "4"}, "b": {"prompt": "3+3?", "completion": "6"}}),
        json!({"columns": ["prompt", "completion"], "index": [0, 1], "data": [["2+2?", "4"], ["3+3?", "6"]]}),
        json!({"schema": {"fields": [{"name": "prompt", "type": "string"}], "primaryKey": ["index"]},
            "data": [{"index": 0, "prompt": "2+2?", "completion": "4"}, {"index": 1, "prompt": "3+3?", "completion": "6"}]}),
        json!({"prompt": ["2+2?", "3+3?"], "completion": [4, 6]}),
    ] {
        let (_, examples) = import("a.json", &document.to_string());
        assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), expected, "{document}");
        // The same where the first rows alone are longer than what is looked at first.
        let long = "x".repeat(100_000);
        let text = document.to_string().replace("2+2?", &format!("2+2?{long}"));
        let (_, examples) = import("a.json", &text);
        assert_eq!(examples.len(), 2, "{}", &text[..200]);
        assert_eq!(told(&examples[0]), format!("u: 2+2?{long} / a: 4"));
    }
    let split = json!({"columns": ["prompt", "completion"], "data": [["2+2?", "4"], ["3+3?"]]});
    let (report, _) = import("a.json", &split.to_string());
    assert_eq!(reasons(&report), ["2: the row doesn't have as many values as there are columns"]);
}

#[test]
fn a_document_that_is_two_things_or_too_long_is_refused() {
    let pairs = r#"{"conversations": [["Hi", "Hello"], ["Bye", "Ciao"]]}"#;
    let said = refused("a.json", pairs);
    assert!(
        said.contains("conversations may be one conversation of 2 questions and answers, or a column of 2"),
        "{said}"
    );
    let lists = refused("a.jsonl", r#"{"question": ["1"], "answer": ["2"]}"#);
    assert!(lists.contains("none of their fields holds a text (question is a list, answer is a list)"), "{lists}");
    let desk = Desk::new();
    let path = desk.path("a.json");
    let long = json!({"prompt": ["x".repeat(2 << 20)], "completion": ["y"]}).to_string();
    tunewright::fs::write_atomic(&path, long.as_bytes()).unwrap();
    let ran = desk.run(&["data", "import", path.to_str().unwrap(), "--project", "p", "--max-row", "1"]);
    assert!(ran.err().contains("a document of columns is read up to 1 MB (--max-row)"), "{}", ran.err());
}

#[test]
fn d08_roles_of_other_tools_are_known_and_marks_that_a_turn_is_not_trained_are_kept() {
    let (report, examples) = import_case("D08/sharegpt.jsonl");
    let expected = [
        "s: Be kind. / u: Hi / a: Hello!",
        "s: Use tools. / u: Stock? / a:  !stock / t: {\"n\": 3} / a: Three.",
        "u: Hi / a0: Hey / u: More / a1: Sure",
        "u: Hi / t: a result / a: Hey",
        "u: Hi / a: Hey",
        "u: Hi / t: {} / a: Hey",
        "u: Hi / a0: Hey / u: Again / a: Hey hey",
        "u: Hi / s: (the user left) / a: Bye",
        "a: I speak first / u: Hi / a: Hey",
        "u: Two calls / a:  !a !b / t: ok / a: Done",
    ];
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(
        reasons(&report),
        [
            "6: conversations[1].value.name is missing: a call names its function",
            "8: conversations is empty",
            "9: conversations[1].value is null, but it must be a text"
        ]
    );
    let notes = notes(&report);
    for note in [
        "1 × the role \"AI\" is read as assistant, 5",
        "1 × the role \"ipython\" is read as tool, 7",
        "1 × an answer is not trained, as its mark says (train: false), 10",
    ] {
        assert!(notes.iter().any(|known| known == note), "{note} in {notes:?}");
    }
    assert_eq!(report["unused"], json!(["id"]));
}

#[test]
fn d12_conversations_as_json_text_are_read_as_what_they_hold() {
    for name in ["D12/text.jsonl", "D12/text.csv", "D12/text.parquet"] {
        let (report, examples) = import_case(name);
        assert_eq!((&report["imported"], &report["rejected"]), (&json!(2), &json!(0)), "{name}");
        assert_eq!(told(&examples[0]), "u: Hi / a: Hello, \"you\"", "{name}");
        assert!(notes(&report).iter().any(|note| note.starts_with("2 × messages is a text with JSON in it")), "{name}");
    }
    let python = r#"{"messages": "[{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': None}]"}"#;
    let (report, examples) = import("a.jsonl", python);
    let reason = "1: messages looks like a list as Python prints it, not like JSON: write it with json.dumps";
    assert_eq!((reasons(&report), examples.len()), (vec![reason.to_owned()], 0));
    let numpy = "prompt,chosen,rejected\nQ,\"[{'content': 'A', 'role': 'assistant'}]\",\"[{'content': 'B', 'role': 'assistant'}]\"\n";
    assert!(reasons(&import("a.csv", numpy).0)[0].contains("chosen looks like a list as Python prints it"));
}

#[test]
fn d20_shapes_of_turns_are_recognised_or_refused_by_name() {
    let (_, examples) = import_case("D20/moss.jsonl");
    let expected = ["u: Hi / a: Hello / u: Bye / a: Ciao", "u: Tea? / a: Yes"];
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), expected);
    let (report, examples) = import_case("D20/pairs.jsonl");
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(notes(&report), ["1 × conversations is a list of texts, read as questions and answers in turn, 2"]);
    let (_, examples) = import_case("D20/gemini.jsonl");
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), ["u: Hi / a: Hello", "u: Tea? / a: Yes"]);
    let (_, examples) = import_case("D20/userassistant.jsonl");
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), ["u: Hi / a: Hello", "u: Bye / a: Ciao"]);
    let (report, examples) = import_case("D20/text.jsonl");
    assert!(examples.is_empty());
    assert_eq!(
        reasons(&report),
        [
            "1: text holds a whole conversation already written out (### Human: …), which can't be taken apart without \
             doubt: bring its turns (messages)",
            "2: text holds a whole conversation already written out ([INST] …), which can't be taken apart without doubt: \
             bring its turns (messages)"
        ]
    );
}

#[test]
fn d24_a_bad_answer_is_never_learned_as_a_good_one() {
    let (report, examples) = import_case("D24/kto.jsonl");
    let expected =
        ["u: How hot? / a: 80 °C.", "u: How hot? / a:  | a: No idea, go away.", "u: How long? / a:  | a: Who cares"];
    assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), expected);
    let note = "2 × marked as a bad answer (label: false): kept as a rejected answer, not trained, 2";
    assert_eq!(notes(&report), [note]);
    assert_eq!(report["unused"], json!([]));
}

#[test]
fn a_verdict_is_known_under_its_other_names_and_in_tables() {
    let bad = "u: Q2 / a:  | a: A2";
    let rows = |mark: &str, good: Value, worse: Value| {
        let row = |n: u8, value: &Value| {
            let (question, answer) = (format!("Q{n}"), format!("A{n}"));
            json!({"prompt": question, "completion": answer, mark: value})
        };
        format!("{}\n{}\n", row(1, &good), row(2, &worse))
    };
    for (mark, good, worse) in [
        ("label", json!(1), json!(0)),
        ("label", json!("desirable"), json!("undesirable")),
        ("label", json!("True"), json!("False")),
        ("kto_tag", json!(true), json!(false)),
        ("is_good", json!("yes"), json!("no")),
        ("thumbs_down", json!(false), json!(true)),
        ("rating", json!("thumbs_up"), json!("thumbs_down")),
        ("feedback", json!("👍"), json!("👎")),
        ("Rejected", json!(false), json!(true)),
    ] {
        let (report, examples) = import("a.jsonl", &rows(mark, good, worse));
        assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), ["u: Q1 / a: A1", bad], "{mark}: {report}");
    }
    for table in [
        "prompt,completion,label\nQ1,A1,True\nQ2,A2,False\n",
        "question,answer,is_correct\nQ1,A1,1\nQ2,A2,0\n",
        "question,chosen,response\nQ1,yes,A1\nQ2,no,A2\n",
    ] {
        let (report, examples) = import("a.csv", table);
        assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), ["u: Q1 / a: A1", bad], "{table}: {report}");
        assert!(notes(&report)[0].starts_with("1 × marked as a bad answer"), "{report}");
    }
    // A class isn't a verdict, and a label without an answer beside it is the answer.
    let (report, examples) = import("a.jsonl", &rows("label", json!("billing"), json!("no")));
    assert_eq!((told(&examples[1]), &report["unused"]), ("u: Q2 / a: A2".to_owned(), &json!(["label"])));
    let (_, examples) = import("a.csv", "text,label\nfine,1\nawful,0\n");
    assert_eq!(told(&examples[1]), "u: awful / a: 0");
    // A number that stands for the answer is none either.
    let classes = "prompt,completion,label\na,good,1\nb,bad,0\nc,good,1\nd,bad,0\n";
    let (report, examples) = import("a.csv", classes);
    assert_eq!((told(&examples[1]), &report["unused"]), ("u: b / a: bad".to_owned(), &json!(["label"])));
    let rows = [("a", "good", 1), ("b", "bad", 0), ("c", "good", 1), ("d", "bad", 0)]
        .map(|(question, answer, label)| json!({"prompt": question, "completion": answer, "label": label}).to_string());
    assert_eq!(told(&import("a.jsonl", &rows.join("\n")).1[1]), "u: b / a: bad");
    // What says both, or neither, is refused.
    let both = r#"{"prompt": "Q", "completion": "A", "label": true, "is_bad": true}"#;
    assert_eq!(
        reasons(&import("a.jsonl", both).0),
        ["1: is_bad says that the answer is bad, but label says that it is good"]
    );
}

#[test]
fn marks_of_turns_and_rows_become_weights_or_are_refused() {
    let row = |mark: &str, value: Value| {
        let turns = json!([{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", mark: value},
            {"role": "user", "content": "Q"}, {"role": "assistant", "content": "B"}]);
        json!({"messages": turns}).to_string()
    };
    for (mark, value) in [
        ("train", json!(false)),
        ("trainable", json!(0)),
        ("loss", json!(false)),
        ("weight", json!(0.0)),
        ("loss-scale", json!(0)),
        ("masked", json!(true)),
        ("Training", json!("false")),
    ] {
        let (_, examples) = import("a.jsonl", &row(mark, value));
        assert_eq!(told(&examples[0]), "u: Q / a0: A / u: Q / a: B", "{mark}");
    }
    for (mark, value, reason) in [
        ("mask", json!(true), "mask is true, which may mean that this is learned or that it isn't: write weight 1"),
        ("loss_mask", json!(1), "loss_mask is 1, which may mean"),
        ("weight", json!(0.5), "weight is 0.5, but it must be 0 or 1"),
        ("train", json!("maybe"), "train is \"maybe\", but it must be true or false"),
        (
            "train_detail",
            json!([{"begin_offset": 0, "end_offset": 1, "train": false}]),
            "train_detail marks parts of a turn",
        ),
    ] {
        let (report, examples) = import("a.jsonl", &row(mark, value));
        assert!(
            examples.is_empty() && reasons(&report)[0].starts_with(&format!("1: messages[1].{reason}")),
            "{report}"
        );
    }
    let (report, examples) = import("a.jsonl", r#"{"prompt": "Q", "completion": "A", "train": false}"#);
    assert_eq!(told(&examples[0]), "u: Q / a0: A");
    assert!(notes(&report).iter().any(|note| note == "1 × not trained, as the row says (train: false), 1"), "{report}");
    // Other numbers of a row are named, not guessed at.
    let (report, _) = import("a.jsonl", r#"{"prompt": "Q", "completion": "A", "loss": 0.31, "score": 2, "rating": 1}"#);
    assert_eq!(report["unused"], json!(["loss", "score", "rating"]));
}

#[test]
fn shapes_of_other_tools_are_read() {
    let check = |row: Value, expected: &str| {
        let (report, examples) = import("a.jsonl", &row.to_string());
        assert_eq!(examples.iter().map(told).collect::<Vec<_>>(), [expected], "{row}: {report}");
    };
    let (user, good, bad) = (
        json!({"role": "user", "content": "Q"}),
        json!({"role": "assistant", "content": "A"}),
        json!({"role": "assistant", "content": "B"}),
    );
    let (prompt, chosen, rejected) = (json!([user]), json!([good]), json!([bad]));
    let pair = "u: Q / a: A | a: B";
    check(json!({"prompt": "Q", "chosen": "A", "rejected": "B"}), pair);
    check(json!({"prompt": prompt, "chosen": chosen, "rejected": rejected}), pair);
    check(json!({"chosen": [user, good], "rejected": [user, bad]}), pair);
    check(json!({"prompt": "Q", "messages": [user, good], "chosen": [user, good], "rejected": [user, bad]}), pair);
    check(json!({"input": {"messages": prompt}, "preferred_output": chosen, "non_preferred_output": rejected}), pair);
    check(json!({"instruction": "Q", "input": "", "chosen": "A", "rejected": "B"}), pair);
    check(
        json!({"conversations": [{"from": "human", "value": "Q"}], "chosen": {"from": "gpt", "value": "A"},
            "rejected": {"from": "gpt", "value": "B"}}),
        pair,
    );
    check(json!({"messages": [user, good], "rejected_response": "B"}), pair);
    check(json!({"messages": [user, good], "rejected_messages": [user, bad]}), pair);
    check(json!({"query": "Q", "response": "A", "rejected_response": "B"}), pair);
    // What both share is the prompt, also where it has answers in it.
    check(
        json!({"chosen": [user, bad, user, good], "rejected": [user, bad, user, bad]}),
        "u: Q / a0: B / u: Q / a: A | a: B",
    );
    check(json!({"query": "Q", "response": "A", "history": [["q", "a"]]}), "u: q / a: a / u: Q / a: A");
    check(
        json!({"system": [{"text": "S"}], "messages": [{"role": "user", "content": [{"text": "Q"}]}, good]}),
        "s: S / u: Q / a: A",
    );
    check(
        json!({"messages": [{"role": "System", "content": "S"}, {"role": "User", "content": "Q"}, {"role": "Chatbot", "content": "A"}]}),
        "s: S / u: Q / a: A",
    );
    check(
        json!({"systemInstruction": {"parts": [{"text": "S"}]}, "contents": [{"role": "user", "parts": [{"text": "Q"}]},
            {"role": "model", "parts": [{"text": "A"}]}]}),
        "s: S / u: Q / a: A",
    );
    check(
        json!({"conversation": [{"system": "S", "input": "Q", "output": "A", "output_with_loss": false},
            {"input": "Q", "output": "B"}]}),
        "s: S / u: Q / a0: A / u: Q / a: B",
    );
    check(json!({"text": "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"}), "u: Q / a: A");
    check(json!({"prompt": "Q", "completion": 3}), "u: Q / a: 3");
    check(json!({"messages": [user, {"role": "assistant", "content": true}]}), "u: Q / a: true");
}

#[test]
fn what_is_not_read_of_other_tools_is_named() {
    let check = |row: Value, expected: &str| {
        let (report, examples) = import("a.jsonl", &row.to_string());
        assert!(examples.is_empty(), "{row}: {examples:?}");
        assert_eq!(reasons(&report), [format!("1: {expected}")], "{row}");
    };
    let user = json!({"role": "user", "content": "Q"});
    check(
        json!({"instruction": "Q", "output": ["A", "B"]}),
        "output is a list of 2 texts, but it must be one text (does the file hold columns instead of rows?)",
    );
    check(json!({"instruction": {"0": "Q"}, "output": "A"}), "instruction is an object, but it must be a text");
    check(
        json!({"chosen": "\n\nHuman: Q\n\nAssistant: A", "rejected": "\n\nHuman: Q\n\nAssistant: B"}),
        "prompt is missing, and the two answers don't begin with the same turns: what they answer isn't known",
    );
    check(
        json!({"contents": [{"role": "user", "parts": [{"text": "Q"}]}, {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]}),
        "contents[1].parts[0] has no text: it is \"functionCall\", and only text can be trained on",
    );
    check(
        json!({"contents": [{"role": "user", "parts": [{"text": "Q"}]}, {"role": "model", "parts": [{"text": "Hm", "thought": true}]}]}),
        "contents[1].parts[0] is a thought, and thoughts of a turn are not read",
    );
    check(
        json!({"system": "Be brief.", "messages": [{"role": "system", "content": "Be long."}, user]}),
        "system says another system message than the first turn, and which is meant is unknown",
    );
    check(
        json!({"messages": [user, {"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]}]}),
        "messages[1].content[0] is of the type \"tool_use\", but only text can be trained on",
    );
    for (rows, expected) in [
        (json!({"id": "a", "body": {"messages": [user]}}), "what could be an example is wrapped in body"),
        (json!({"id": "a", "log": [user]}), "log holds turns, but under a name that isn't known: call it messages"),
        (json!({"data": [[1, 2]], "tags": {"a": 1}}), "none of their fields holds a text"),
        (json!({"text": "A tale of tea."}), "has only one column with texts (text): a prompt without an answer"),
    ] {
        let said = refused("a.jsonl", &rows.to_string());
        assert!(said.contains(expected) && !said.contains("needs a mapping"), "{said}");
    }
}

#[test]
fn what_was_guessed_or_left_out_is_said_with_its_first_row() {
    let rows = [
        json!({"prompt": "Q", "completion": "A"}),
        json!({"prompt": "Q2", "completion": 4, "level": 1}),
        json!({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", "reasoning_content": "Hm."}]}),
        json!({"prompt": "Q", "chosen": "A", "rejected": "B", "chosen_score": 2, "rejected_score": 5}),
    ];
    let content = rows.map(|row| row.to_string()).join("\n");
    let (report, _) = import("a.jsonl", &content);
    let notes = notes(&report);
    for note in [
        "1 × completion is a number, and its text is taken (4), 2",
        "1 × reasoning_content of a turn is left out: the answer is learned without its thinking, 3",
        "1 × the chosen answer has the lower score (chosen_score 2, rejected_score 5), 4",
    ] {
        assert!(notes.iter().any(|known| known == note), "{note} in {notes:?}");
    }
    assert_eq!(report["unused"], json!(["level", "chosen_score", "rejected_score"]));
    let desk = Desk::new();
    tunewright::fs::write_atomic(&desk.path("a.jsonl"), content.as_bytes()).unwrap();
    let said = desk.run(&["data", "import", "a.jsonl", "--project", "p"]).err();
    assert!(said.contains("note: 1 example: completion is a number, and its text is taken (4), line 2"), "{said}");
    assert!(said.contains("not used: level, chosen_score, rejected_score"), "{said}");
    std::fs::remove_dir_all(desk.path("p")).unwrap();
    tunewright::fs::write_atomic(&desk.path("b.csv"), b"question,answer,mood\nQ,A,calm\n").unwrap();
    let said = desk.run(&["data", "import", "b.csv", "--project", "p"]).err();
    assert!(said.contains("not used: mood"), "{said}");
}

#[test]
fn a_field_that_judges_the_answer_is_read_or_told() {
    let rows = |field: &str, bad: &str, good: &str| {
        format!(
            "{{\"prompt\": \"p\", \"completion\": \"c\", \"{field}\": {bad}}}\n{{\"prompt\": \"p2\", \"completion\": \"c2\", \"{field}\": {good}}}\n"
        )
    };
    for field in ["quality", "review", "annotation"] {
        let (report, examples) = import("a.jsonl", &rows(field, "\"bad\"", "\"good\""));
        assert_eq!(examples[0]["rejected"][0]["content"], "c", "{field}: {report}");
        assert_eq!(examples[1]["messages"][1]["content"], "c2", "{field}: {report}");
    }
    for (field, bad, good) in [("status", "\"rejected\"", "\"accepted\""), ("score", "-1", "1"), ("stars", "1", "5")] {
        let (report, examples) = import("a.jsonl", &rows(field, bad, good));
        assert_eq!(examples.len(), 2);
        let notes = notes(&report);
        assert!(notes.iter().any(|note| note.contains("is trained")), "{field}: {notes:?}");
    }
}

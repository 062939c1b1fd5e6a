//! Chat templates: what they write, and which tokens are trained.

use std::path::PathBuf;

use tunewright::data::{Example, read_all};
use tunewright::model::Chat;
use tunewright::recipe::RenderSpec;
use tunewright::render::{RenderedExample, TokenView, render, token_view};
use tunewright::task::Unwatched;

use super::{Desk, case};

const SPEC: RenderSpec = RenderSpec { max_length: 512, ..RenderSpec::WHOLE };

/// The tiny model with a case's template, its data and its recipe.
struct Bench {
    desk: Desk,
    chat: Chat,
    examples: Vec<Example>,
}

impl Bench {
    fn new(id: &str) -> Self {
        let desk = Desk::new();
        let folders = [case("_model"), case(id).join("model"), case(id)];
        for file in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), desk.path(&file.file_name().to_string_lossy())).unwrap();
            }
        }
        let chat = Chat::load(&desk.path("")).unwrap();
        let examples = read_all(&desk.path("data.jsonl"), &Unwatched).unwrap();
        Self { desk, chat, examples }
    }

    fn rendered(&self, at: usize) -> RenderedExample {
        render(&self.chat, &self.examples[at], SPEC).unwrap()
    }

    /// The text of each run of trained tokens.
    fn trained(&self, at: usize) -> Vec<String> {
        let [sample] = &self.rendered(at).samples[..] else { panic!("one sample") };
        let places: Vec<usize> = (0..sample.ids.len()).filter(|&i| sample.is_trained[i]).collect();
        let text = |run: &[usize]| self.chat.tokenizer.decode(&run.iter().map(|&i| sample.ids[i]).collect::<Vec<_>>());
        places.chunk_by(|a, b| a + 1 == *b).map(|run| text(run).unwrap()).collect()
    }

    fn text(&self, at: usize) -> String {
        let [sample] = &self.rendered(at).samples[..] else { panic!("one sample") };
        self.chat.tokenizer.decode(&sample.ids).unwrap()
    }

    fn view(&self, at: usize) -> TokenView {
        token_view(&self.chat, &self.examples[at], SPEC).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path(name)
    }

    /// What training says on its way.
    fn warnings(&self) -> String {
        let ran = self.desk.run(&["train", "recipe.toml", "--out", "run", "--json"]);
        assert_eq!(ran.code(), Some(0), "{}", ran.err());
        let of_warning = |line: &&str| line.contains("warning");
        ran.out().lines().chain(ran.err().lines()).filter(of_warning).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn t02_an_answer_that_the_template_takes_apart_is_trained_as_it_is_written() {
    let bench = Bench::new("T02");
    let first = "<think>\nIt whistles.\n</think>\n\nYes.<|im_end|>";
    assert_eq!(bench.trained(0), [first]);
    assert_eq!(bench.trained(1), [first, "<think>\nI touched it.\n</think>\n\nNo.<|im_end|>"]);
    // The template's marks are special tokens.
    let start = bench.chat.tokenizer.token_to_id("<|im_start|>").unwrap();
    let [sample] = &bench.rendered(1).samples[..] else { panic!("one sample") };
    assert_eq!(sample.ids.iter().filter(|id| **id == start).count(), 4);
    assert_eq!(bench.view(1).warnings, [""; 0]);
}

#[test]
fn t06_arguments_are_text_where_the_template_adds_them_to_text() {
    let bench = Bench::new("T06");
    let call = "stock\n```json\n{\"tea\": \"sencha\"}\n```<|im_end|>";
    assert_eq!(bench.trained(0), [call, "Three.<|im_end|>"]);
    assert_eq!(bench.view(0).warnings, ["The model's chat template leaves out the descriptions of tools"]);
    assert!(
        bench.warnings().contains("leaves out the descriptions of tools in 1 of 1 example"),
        "{}",
        bench.warnings()
    );
}

#[test]
fn t07_an_example_that_the_template_refuses_is_left_out_and_named() {
    let bench = Bench::new("T07");
    let warnings = bench.warnings();
    let expected = "1 of 4 examples is left out, refused by the model's chat template: it is line 4 of data.jsonl: \
                    There is no system role here";
    assert!(warnings.contains(expected), "{warnings}");
    let evaluated = bench.desk.run(&["evaluate", "--model", ".", "--data", "data.jsonl"]);
    assert_eq!(evaluated.code(), Some(0), "{}", evaluated.err());
    assert!(evaluated.err().contains(expected) || evaluated.out().contains(expected), "{}", evaluated.err());
}

#[test]
fn t07_the_repair_folds_the_system_turn_into_the_question() {
    let bench = Bench::new("T07");
    let desk = &bench.desk;
    let imported = desk.run(&["data", "import", "data.jsonl", "--project", "p"]);
    assert_eq!(imported.code(), Some(0), "{}", imported.err());
    let check =
        |fix: &[&str]| desk.run(&[&["data", "check", "--project", "p", "--model", ".", "--json"], fix].concat()).json();
    let found = |report: &serde_json::Value| {
        report["findings"].as_array().unwrap().iter().filter(|f| f["check"] == "role_order").count()
    };
    assert_eq!(found(&check(&[])), 1);
    let fixed = check(&["--fix", "role_order"]);
    assert_eq!((found(&fixed), &fixed["fixed"][0]["examples"]), (0, &1.into()), "{fixed}");
    desk.run(&["data", "export", "--project", "p", "--to", "out.jsonl"]);
    let out = std::fs::read_to_string(bench.path("out.jsonl")).unwrap();
    assert!(out.contains(r#"{"role":"user","content":"Be brief.\n\nHow hot for tea 3?"}"#), "{out}");
}

#[test]
fn data_that_the_template_refuses_as_a_whole_are_listed() {
    let bench = Bench::new("T07");
    let line = |n: u32| {
        format!(
            "{{\"messages\": [{{\"role\": \"system\", \"content\": \"Be brief.\"}}, {{\"role\": \"user\", \"content\": \"Tea {n}?\"}}, {{\"role\": \"assistant\", \"content\": \"Yes.\"}}]}}\n"
        )
    };
    let lines: String = (0..30).map(line).collect();
    tunewright::fs::write_atomic(&bench.path("data.jsonl"), lines.as_bytes()).unwrap();
    for arguments in
        [&["train", "recipe.toml", "--out", "run"][..], &["evaluate", "--model", ".", "--data", "data.jsonl"]]
    {
        let ran = bench.desk.run(arguments);
        assert_eq!(ran.code(), Some(1));
        let err = ran.err();
        assert!(err.contains("30 of 30 examples can't be used with this model"), "{err}");
        assert!(err.contains("--fix role_order"), "{err}");
        assert!(
            err.contains("line 20 of data.jsonl: There is no system role here") && err.contains("and 10 more"),
            "{err}"
        );
    }
}

#[test]
fn t10_a_turn_that_the_template_leaves_out_is_told() {
    let bench = Bench::new("T10");
    assert_eq!(bench.trained(0), ["Aye.<|im_end|>", "No, matey.<|im_end|>"]);
    assert_eq!(bench.view(0).warnings, ["The model's chat template leaves out the system turn (turn 1)"]);
    let expected = "the model's chat template leaves out the system turn in 1 of 1 example";
    assert!(bench.warnings().contains(expected), "{}", bench.warnings());
    let desk = &bench.desk;
    desk.run(&["data", "import", "data.jsonl", "--project", "p"]);
    let report = desk.run(&["data", "check", "--project", "p", "--model", ".", "--json"]).json();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["check"] == "template_omission"), "{report}");
}

#[test]
fn t01_what_the_template_marks_as_generated_is_trained() {
    let bench = Bench::new("T01");
    assert_eq!(bench.trained(0), ["About 60 °C.<|im_end|>"]);
    assert_eq!(bench.warnings(), "");
    // The same where the template takes the answer apart, so that no mark around it stays whole.
    let source = "{% for m in messages %}{% if m.role == 'assistant' %}<|im_start|>assistant\n{% generation %}{{ m.content.split(' ') | reverse | join(' ') }}<|im_end|>{% endgeneration %}\n{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}";
    let mut bench = bench;
    bench.chat.set_template(tunewright::model::chat_template::ChatTemplate::new(Some(source), "", "").unwrap());
    assert_eq!(bench.trained(0), ["°C. 60 About<|im_end|>"]);
}

#[test]
fn t04_line_ends_of_a_template_are_line_feeds() {
    let text = Bench::new("T04").text(0);
    assert!(text.starts_with("<|im_start|>user\nHow hot for tea 0?<|im_end|>\n<|im_start|>assistant\n"), "{text:?}");
    assert!(!text.contains('\r'));
}

#[test]
fn t05_an_example_with_tools_takes_the_template_for_tools() {
    let bench = Bench::new("T05");
    let tool = r#"{"type": "function", "function": {"name": "stock", "description": "Counts the tea", "parameters": {"type": "object", "properties": {"tea": {"type": "string"}}}}}"#;
    assert!(bench.text(0).starts_with(&format!("<|im_start|>system\n{tool}<|im_end|>\n")), "{}", bench.text(0));
    let call = r#"<call>{"name": "stock", "arguments": {"tea": "sencha"}}</call><|im_end|>"#;
    assert_eq!(bench.trained(0), [call, "Three.<|im_end|>"]);
    assert_eq!(bench.warnings(), "");
}

#[test]
fn t08_a_template_with_pythons_methods_is_used() {
    let bench = Bench::new("T08");
    assert!(!bench.trained(0).is_empty() && bench.trained(0).iter().all(|text| text.ends_with("<|im_end|>")));
}

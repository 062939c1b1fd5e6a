//! A template that the recipe chooses, and what becomes of thinking. `scripts/check_templates.py --published` holds kept
//! thinking against the templates that TRL publishes for training.

use serde_json::{Value, json};
use tunewright::data::{Example, Message, Role};
use tunewright::fs::write_atomic;
use tunewright::model::chat_template::ChatTemplate;
use tunewright::model::{Chat, Conversation, ModelError, Turn};
use tunewright::recipe::choices::Choice;
use tunewright::recipe::{ChatFormat, ModelRef, Recipe, RenderSpec, TemplateChoice, Thinking, Training};
use tunewright::render::{Rendered, TokenView, render, token_view};

use crate::fixtures::fixture;

fn spec(chat_template: TemplateChoice, thinking: Thinking) -> RenderSpec {
    RenderSpec { format: ChatFormat { chat_template, thinking }, ..RenderSpec::WHOLE }
}

fn with_template(source: &str) -> Chat {
    let mut chat = Chat::load(&fixture("llama")).unwrap();
    chat.set_template(ChatTemplate::new(Some(source), "", "<|im_end|>").unwrap());
    chat
}

fn example(turns: &[(Role, &str)]) -> Example {
    turns.iter().map(|(role, content)| Message::new(*role, *content)).collect::<Vec<_>>().into()
}

/// The whole text, and the text of each run of trained tokens.
fn texts(chat: &Chat, example: &Example, spec: RenderSpec) -> Result<(String, Vec<String>), ModelError> {
    let rendered = render(chat, example, spec)?;
    let [sample] = <[Rendered; 1]>::try_from(rendered.samples).unwrap();
    let places: Vec<usize> = (0..sample.ids.len()).filter(|&at| sample.is_trained[at]).collect();
    let runs = places.chunk_by(|a, b| a + 1 == *b);
    let text =
        |run: &[usize]| chat.tokenizer.decode(&run.iter().map(|&at| sample.ids[at]).collect::<Vec<_>>()).unwrap();
    Ok((chat.tokenizer.decode(&sample.ids).unwrap(), runs.map(text).collect()))
}

fn prompt(chat: &Chat, thinking: Thinking) -> Result<String, ModelError> {
    let turns = [Turn::new("user", "a")];
    let format = ChatFormat { thinking, ..ChatFormat::OF_MODEL };
    Ok(chat.encode(Conversation { format, ..Conversation::from(&turns) }, true)?.text)
}

/// As Qwen 3 does it, in fewer words.
const LIKE_QWEN: &str = "{%- set ns = namespace(last_query_index=0) -%}\
{%- for m in messages -%}{%- if m.role == 'user' -%}{%- set ns.last_query_index = loop.index0 -%}{%- endif -%}{%- endfor -%}\
{%- for m in messages -%}{%- set content = m.content -%}\
{%- if m.role == 'assistant' -%}{%- set reasoning_content = '' -%}{%- if '</think>' in content -%}\
{%- set reasoning_content = content.split('</think>')[0].split('<think>')[-1].strip('\\n') -%}\
{%- set content = content.split('</think>')[-1].lstrip('\\n') -%}{%- endif -%}\
{%- if loop.index0 > ns.last_query_index -%}\
{{- '<|im_start|>assistant\\n<think>\\n' + reasoning_content + '\\n</think>\\n\\n' + content -}}\
{%- else -%}{{- '<|im_start|>assistant\\n' + content -}}{%- endif -%}\
{%- else -%}{{- '<|im_start|>' + m.role + '\\n' + content -}}{%- endif -%}{{- '<|im_end|>\\n' -}}{%- endfor -%}\
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}\
{%- if enable_thinking is defined and enable_thinking is false -%}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}\
{%- endif -%}";

fn thoughtful() -> Example {
    example(&[
        (Role::User, "One?"),
        (Role::Assistant, "<think>\nfirst\n</think>\n\nYes."),
        (Role::User, "Two?"),
        (Role::Assistant, "<think>\nsecond\n</think>\n\nNo."),
    ])
}

#[test]
fn thinking_is_kept_left_out_or_emptied_in_every_answer() {
    let chat = with_template(LIKE_QWEN);
    let trained = |thinking| texts(&chat, &thoughtful(), spec(TemplateChoice::Model, thinking)).unwrap();
    let ends = |texts: [&str; 2]| texts.map(|text| format!("{text}<|im_end|>")).to_vec();

    assert_eq!(trained(Thinking::Template).1, ends(["Yes.", "<think>\nsecond\n</think>\n\nNo."]));
    let kept = ["<think>\nfirst\n</think>\n\nYes.", "<think>\nsecond\n</think>\n\nNo."];
    assert_eq!(trained(Thinking::Keep).1, ends(kept));
    assert_eq!(trained(Thinking::Drop).1, ends(["Yes.", "No."]));
    assert!(!trained(Thinking::Drop).0.contains("think"), "{}", trained(Thinking::Drop).0);
    // The empty thought is a part of what asks for an answer, as it is when the model is asked.
    let (text, answers) = trained(Thinking::Empty);
    assert_eq!(answers, ends(["Yes.", "No."]));
    assert_eq!(text.matches("<|im_start|>assistant\n<think>\n\n</think>\n\n").count(), 2, "{text}");

    // What is asked for an answer goes with it.
    assert!(prompt(&chat, Thinking::Empty).unwrap().ends_with("assistant\n<think>\n\n</think>\n\n"));
    for thinking in [Thinking::Template, Thinking::Keep, Thinking::Drop] {
        assert!(prompt(&chat, thinking).unwrap().ends_with("assistant\n"));
    }
}

#[test]
fn the_text_that_is_trained_is_the_prompt_and_what_the_model_is_to_write() {
    let chat = with_template(LIKE_QWEN);
    for thinking in [Thinking::Keep, Thinking::Drop, Thinking::Empty] {
        let format = ChatFormat { thinking, ..ChatFormat::OF_MODEL };
        let example = thoughtful();
        let turns = tunewright::render::turns(&example.messages);
        let whole = chat.encode(Conversation { format, ..Conversation::from(&turns) }, false).unwrap();
        for at in [1, 3] {
            let asked = chat.encode(Conversation { format, ..Conversation::from(&turns[..at]) }, true).unwrap().text;
            let answer = whole.answers[at].clone().unwrap();
            assert_eq!(whole.text[..answer.start], asked, "{thinking:?}, turn {at}");
        }
    }
}

#[test]
fn a_template_that_can_not_do_it_says_so() {
    let error = |source: &str, thinking| prompt(&with_template(source), thinking).unwrap_err().to_string();
    let plain =
        "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}A:{% endif %}";
    assert!(error(plain, Thinking::Empty).contains("no form for answers without thinking"));
    let always = plain.replace("A:", "A:<think>\n");
    assert!(error(&always, Thinking::Drop).contains("begins every answer with a thought"));
    assert!(prompt(&with_template(&always), Thinking::Keep).is_ok());
}

#[test]
fn what_is_lost_and_what_was_chosen_is_shown() {
    let chat = with_template(LIKE_QWEN);
    let view =
        |thinking| -> TokenView { token_view(&chat, &thoughtful(), spec(TemplateChoice::Model, thinking)).unwrap() };
    let lost = view(Thinking::Template);
    assert!(lost.warnings.iter().any(|warning| warning.contains("leaves out the thinking of an answer")), "{lost:?}");
    assert!(lost.warnings.iter().any(|warning| warning.contains("can keep the thinking of every answer")));
    let kept = view(Thinking::Keep);
    assert_eq!((kept.notes, kept.warnings), (vec!["The thinking of every answer is kept".to_owned()], Vec::new()));
}

/// The small model as one that brings no template.
fn without_template() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture("llama").join(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("tokenizer_config.json");
    let mut settings: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    settings.as_object_mut().unwrap().remove("chat_template");
    settings["eos_token"] = json!("<pad>");
    settings["add_bos_token"] = json!(false);
    write_atomic(&path, settings.to_string().as_bytes()).unwrap();
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    config["eos_token_id"] = json!(0);
    write_atomic(&path, config.to_string().as_bytes()).unwrap();
    folder
}

#[test]
fn a_template_is_chosen_for_a_model_without_one() {
    let folder = without_template();
    let chat = Chat::load(folder.path()).unwrap();
    assert_eq!(chat.template.name(), None);
    let example = example(&[(Role::System, "Be brief."), (Role::User, "Hi"), (Role::Assistant, "Yes")]);
    let texts = |choice| texts(&chat, &example, spec(choice, Thinking::Template)).unwrap();
    let answer = |text: &str| vec![text.to_owned()];

    assert_eq!(texts(TemplateChoice::Model).1, answer("Yes<pad>"));
    // Its marks are tokens of this model, so that an answer ends with one of them.
    let (text, answers) = texts(TemplateChoice::Chatml);
    assert_eq!(
        text,
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n"
    );
    assert_eq!(answers, answer("Yes<|im_end|>"));
    assert!(
        chat.is_stop(2, spec(TemplateChoice::Chatml, Thinking::Template).format)
            && !chat.is_stop(2, ChatFormat::OF_MODEL)
    );
    // Those of others aren't: the end of the text ends it.
    for (choice, text) in [
        (TemplateChoice::Llama3, "<|start_header_id|>assistant<|end_header_id|>\n\nYes<pad>"),
        (TemplateChoice::Gemma, "<start_of_turn>model\nYes<pad>\n"),
        (TemplateChoice::Mistral, "[INST] Be brief.\n\nHi [/INST] Yes<pad>"),
        (TemplateChoice::Phi, "<|assistant|>\nYes<pad>\n"),
        (TemplateChoice::Alpaca, "### Instruction:\nHi\n\n### Response:\nYes<pad>\n\n"),
        (TemplateChoice::Zephyr, "<|assistant|>\nYes<pad>\n"),
        (TemplateChoice::Plain, "Assistant:\nYes<pad>\n"),
    ] {
        let (written, answers) = texts(choice);
        assert!(written.ends_with(text), "{choice:?}: {written}");
        assert_eq!(answers.len(), 1, "{choice:?}: {answers:?}");
        assert!(answers[0].starts_with("Yes"), "{choice:?}: {answers:?}");
        assert!(answers[0].ends_with("<pad>"), "{choice:?}: {answers:?}");
    }
}

#[test]
fn marks_that_are_no_tokens_are_told() {
    let folder = without_template();
    let chat = Chat::load(folder.path()).unwrap();
    let example = example(&[(Role::User, "Hi"), (Role::Assistant, "Yes")]);
    let view = |choice| token_view(&chat, &example, spec(choice, Thinking::Template)).unwrap();
    let chatml = view(TemplateChoice::Chatml);
    assert_eq!(chatml.notes, ["Turns are written as ChatML, as the recipe chose"]);
    assert!(chatml.warnings.is_empty(), "{:?}", chatml.warnings);
    let gemma = view(TemplateChoice::Gemma);
    let expected =
        "Gemma's marks <start_of_turn>, <end_of_turn> aren't tokens of this model: they are trained as plain text";
    assert_eq!(gemma.warnings, [expected]);
}

#[test]
fn every_choice_renders_turns_with_and_without_a_system_turn() {
    let folder = without_template();
    let chat = Chat::load(folder.path()).unwrap();
    let turns =
        [(Role::System, "s"), (Role::User, "a"), (Role::Assistant, "b"), (Role::User, "c"), (Role::Assistant, "d")];
    for choice in TemplateChoice::VALUES {
        for turns in [&turns[..], &turns[1..]] {
            let (_, answers) = texts(&chat, &example(turns), spec(*choice, Thinking::Template)).unwrap();
            assert_eq!(answers.len(), 2, "{choice:?}: {answers:?}");
        }
    }
}

#[test]
fn the_choice_is_kept_with_the_recipe_and_old_ones_open() {
    let mut recipe = Recipe::new(ModelRef::Starter, "train.jsonl".into());
    recipe.training.chat_template = TemplateChoice::Chatml;
    recipe.training.thinking = Thinking::Keep;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipe.toml");
    write_atomic(&path, recipe.to_toml().unwrap().as_bytes()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("chat_template = \"chatml\"") && text.contains("thinking = \"keep\""), "{text}");
    assert_eq!(Recipe::read(&path).unwrap().training.chat_format(), recipe.training.chat_format());
    let old: String = text
        .lines()
        .filter(|line| !line.starts_with("chat_template") && !line.starts_with("thinking"))
        .map(|line| format!("{line}\n"))
        .collect();
    write_atomic(&path, old.as_bytes()).unwrap();
    assert_eq!(Recipe::read(&path).unwrap().training.chat_format(), ChatFormat::OF_MODEL);
    // What was kept with a run before there was a choice.
    let kept: RenderSpec =
        serde_json::from_value(json!({"train_on": "assistant", "max_length": 9, "too_long": "drop"})).unwrap();
    assert_eq!(kept.format, Training::default().chat_format());
}

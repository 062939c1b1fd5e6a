//! Chat templates as Transformers renders them: what its template engine adds to Jinja, and where the templates lie.

use candle_core::quantized::gguf_file::{Value as Metadata, write};
use serde_json::{Value, json};
use tunewright::fs::write_atomic;
use tunewright::model::chat_template::ChatTemplate;
use tunewright::model::chat_template::sources::Sources;
use tunewright::model::weights::gguf::GgufFile;
use tunewright::model::{Chat, Conversation, Turn};

use super::fixtures::fixture;

fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(Some(source), "<s>", "</s>").unwrap()
}

fn text(source: &str) -> String {
    let turns = [Turn::new("user", "Hi"), Turn::new("assistant", "Hello")];
    template(source).text(&turns, false).unwrap()
}

/// A copy of the small model with a case's template files.
fn model(case: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for from in [fixture("cases/_model"), fixture("cases").join(case).join("model")] {
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

#[test]
fn generation_tags_change_nothing_and_have_a_scope() {
    assert_eq!(text("a\n  {% generation %}\nb {{- eos_token }}{% endgeneration %}\n\nc"), "a\nb</s>\nc");
    assert_eq!(text("{% generation %}{% set x = 1 %}{% endgeneration %}[{{ x }}]"), "[]");
    assert_eq!(
        text("{% for m in messages %} {%- generation -%} {{ loop.index }} {%- endgeneration -%} {% endfor %}"),
        "12"
    );
    assert_eq!(
        text("{% raw %}{% generation %}{% endraw %}{{ '{% generation %}' }}"),
        "{% generation %}{% generation %}"
    );
    assert!(ChatTemplate::new(Some("{% generation %}"), "", "").is_err());
}

#[test]
fn generation_blocks_are_found_in_the_text() {
    let turns = [Turn::new("user", "ä"), Turn::new("assistant", "ö"), Turn::new("assistant", "")];
    let conversation = Conversation::from(&turns);
    let spans = |source: &str| template(source).render_generations(&conversation).unwrap();
    let source = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}:{% else %}\
                  {% generation %}{{ m.content + eos_token }}{% endgeneration %}{% endif %}{% endfor %}";
    assert_eq!(spans(source), Some(("<s>ä:ö</s></s>".to_owned(), vec![6..12, 12..16])));
    assert_eq!(spans("{{ bos_token }}"), None);
    // What looks into the block's text can't be known.
    assert_eq!(spans("{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x | length }}"), None);
}

#[test]
fn line_ends_are_those_of_unix() {
    assert_eq!(text("a\r\n{% if true %}\r\nb\r{% endif %}\r\n"), "a\nb\n");
    let chat = Chat::load(model("T04").path()).unwrap();
    let encoded = chat.encode(&[Turn::new("user", "Hi")], true).unwrap();
    assert!(!encoded.text.contains('\r'), "{:?}", encoded.text);
}

#[test]
fn a_template_for_tools_is_taken_where_there_are_tools() {
    let folder = model("T05");
    let turns = [Turn::new("user", "Hi")];
    let tools: Vec<Value> = vec![json!({"type": "function", "function": {"name": "weather"}})];
    let with_tools = Conversation { turns: &turns, tools: &tools, ..Conversation::default() };
    let text = |folder: &std::path::Path, conversation| Chat::load(folder).unwrap().encode(conversation, false);
    let of_settings = text(folder.path(), with_tools).unwrap().text;
    assert!(of_settings.contains("weather"), "{of_settings}");
    assert!(!text(folder.path(), Conversation::from(&turns)).unwrap().text.contains("weather"));
    let chat = Chat::load(folder.path()).unwrap();
    assert!(chat.template.shows_tools(true) && !chat.template.shows_tools(false));

    // Files come before settings.
    let additional = folder.path().join("additional_chat_templates");
    std::fs::create_dir(&additional).unwrap();
    write_atomic(&folder.path().join("chat_template.jinja"), b"plain").unwrap();
    write_atomic(&additional.join("tool_use.jinja"), b"{{ tools | tojson }}").unwrap();
    assert_eq!(text(folder.path(), Conversation::from(&turns)).unwrap().text, "plain");
    assert!(text(folder.path(), with_tools).unwrap().text.starts_with("[{\"type\": \"function\""));

    // Nothing says which one is to be used.
    std::fs::remove_file(folder.path().join("chat_template.jinja")).unwrap();
    write_atomic(&additional.join("rag.jinja"), b"rag").unwrap();
    let error = text(folder.path(), Conversation::from(&turns)).unwrap_err().to_string();
    assert!(error.contains("rag, tool_use") && error.contains("default"), "{error}");
}

#[test]
fn a_gguf_file_may_hold_several_templates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let text = |text: &str| Metadata::String(text.to_owned());
    let metadata = [
        ("tokenizer.chat_template", text("plain")),
        ("tokenizer.chat_templates", Metadata::Array(vec![text("rag"), text("tool_use")])),
        ("tokenizer.chat_template.rag", text("documents")),
        ("tokenizer.chat_template.tool_use", text("tools")),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    write(&mut std::fs::File::create(&path).unwrap(), &metadata, &[]).unwrap();
    let sources = Sources::of_gguf(&GgufFile::open(&path).unwrap());
    assert_eq!((sources.used(false), sources.used(true)), (Some("plain"), Some("tools")));
    assert_eq!(sources.names, ["default", "rag", "tool_use"]);
}

/// `scripts/jinja_values.py` writes them down. What Jinja2 refuses is refused, and what it renders becomes the same text.
#[test]
fn small_templates_become_what_jinja2_makes_of_them() {
    let text = std::fs::read_to_string(fixture("jinja_values.json")).unwrap();
    let values: Value = serde_json::from_str(&text).unwrap();
    let turns: Vec<Turn<'_>> = values["messages"].as_array().unwrap().iter().map(turn).collect();
    let mut others = Vec::new();
    for row in values["rows"].as_array().unwrap() {
        let source = row["template"].as_str().unwrap();
        let rendered = ChatTemplate::new(Some(source), "<s>", "</s>").and_then(|template| template.text(&turns, false));
        if rendered.as_deref().ok() != row["text"].as_str() {
            others.push(format!("{source:?}: {rendered:?}, but Jinja2: {}", row["text"]));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

fn turn(message: &Value) -> Turn<'_> {
    Turn::new(message["role"].as_str().unwrap(), message["content"].as_str().unwrap())
}

#[test]
fn reported_expressions_have_jinja2s_values() {
    let text = std::fs::read_to_string(fixture("cases/T08/parts/parts.json")).unwrap();
    let parts: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(parts.len(), 14);
    for part in parts {
        let rendered = template(part["template"].as_str().unwrap()).text(&[Turn::new("user", "Hi")], false);
        assert_eq!(rendered.unwrap(), part["jinja2_3.1.6"].as_str().unwrap(), "{}", part["name"]);
    }
}

#[test]
fn a_template_that_breaks_its_own_rule_says_what_it_says() {
    let error = |source: &str| {
        let template = ChatTemplate::new(Some(source), "", "")?;
        template.text(&[Turn::new("user", "Hi")], false)
    };
    let error = |source: &str| error(source).unwrap_err().to_string();
    assert_eq!(error("{{ raise_exception('no system role') }}"), "the chat template can't be used: no system role");
    let sum = "+ can't be used with values of type str and NoneType";
    let source = "\n\n{%- if true %}\n{# a\n#}{{ messages[0].content + none }}{% endif %}";
    assert_eq!(error(source), format!("the chat template can't be used: {sum} (line 5 of the template)"));
    let source = "{% macro m() %}\n{{ raise_exception('no tools') }}{% endmacro %}{{ m() }}";
    assert_eq!(error(source), "the chat template can't be used: no tools");
    assert!(error("{% for %}").contains("chat:1"));
}

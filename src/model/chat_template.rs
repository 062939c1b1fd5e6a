//! Chat templates: Jinja, as Transformers' `apply_chat_template` runs it.

use std::io::Write;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::ModelError;
use super::conversation::{Conversation, template_tools, template_turns};

/// For models that bring no template: plain turns, each answer closed by the end-of-sequence token.
const PLAIN: &str = "{% for message in messages %}{{ message['role'] | capitalize }}{{ ':\n' }}{{ message['content'] }}\
{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}";

/// A compiled template with the tokens it may name.
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// In words: `ChatML`.
    name: Option<&'static str>,
    bos_token: String,
    eos_token: String,
    /// Whether it shows the model which tools there are.
    pub shows_tools: bool,
    /// Whether it writes the calls that a turn makes.
    pub writes_tool_calls: bool,
}

impl ChatTemplate {
    /// `source` is `None` for models without a template, which get plain turns.
    pub fn new(source: Option<&str>, bos_token: &str, eos_token: &str) -> Result<Self, ModelError> {
        let mut environment = Environment::new();
        // As Transformers sets Jinja up.
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|e| ModelError::Template(e.to_string()))?,
        );
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| jiff::Zoned::now().strftime(&format).to_string());
        environment.add_filter("tojson", to_json);
        environment.set_fuel(Some(2_000_000));
        environment
            .add_template_owned("chat", source.unwrap_or(PLAIN).to_owned())
            .map_err(|e| ModelError::Template(e.to_string()))?;
        Ok(Self {
            environment,
            name: source.map(template_name),
            bos_token: bos_token.to_owned(),
            eos_token: eos_token.to_owned(),
            shows_tools: source.is_some_and(|source| source.contains("tools")),
            writes_tool_calls: source.is_some_and(|source| source.contains("tool_calls")),
        })
    }

    /// `None` for a model without a template of its own.
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The mark of a text's beginning; empty for models without one.
    pub fn bos_token(&self) -> &str {
        &self.bos_token
    }

    /// Where the template itself says what the assistant writes.
    pub(super) fn render_generations(
        &self,
        _conversation: &Conversation<'_>,
    ) -> Result<Option<(String, Vec<std::ops::Range<usize>>)>, ModelError> {
        Ok(None)
    }

    /// The conversation as one text; with `add_generation_prompt` up to where the answer begins.
    pub(super) fn render(
        &self,
        conversation: &Conversation<'_>,
        add_generation_prompt: bool,
    ) -> Result<String, ModelError> {
        let error = |e: minijinja::Error| ModelError::Template(e.detail().map_or(e.to_string(), str::to_owned));
        let template = self.environment.get_template("chat").map_err(error)?;
        template
            .render(context! {
                messages => template_turns(conversation),
                tools => template_tools(conversation),
                add_generation_prompt,
                bos_token => self.bos_token.clone(),
                eos_token => self.eos_token.clone(),
            })
            .map_err(error)
    }
}

/// JSON as Python writes it: with a space after commas and colons, or over several lines.
fn to_json(value: Value, indent: Option<Value>, options: Kwargs) -> Result<String, minijinja::Error> {
    let indent: Option<Value> = indent.map_or_else(|| options.get("indent"), |indent| Ok(Some(indent)))?;
    let num_spaces = indent.and_then(|indent| indent.as_usize());
    // Said by some templates; it is what is done anyway.
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let mut json = Vec::new();
    let written = match num_spaces {
        Some(num_spaces) => {
            let spaces = " ".repeat(num_spaces);
            let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, formatter))
        }
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Spaced)),
    };
    let error = |e: String| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, e);
    written.map_err(|e| error(e.to_string()))?;
    String::from_utf8(json).map_err(|e| error(e.to_string()))
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, is_first: bool) -> std::io::Result<()> {
        if is_first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, is_first: bool) -> std::io::Result<()> {
        if is_first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}

/// The family of a template, by the marks it writes.
pub fn template_name(source: &str) -> &'static str {
    let marks = [
        ("<|im_start|>", "ChatML"),
        ("<|start_header_id|>", "Llama 3"),
        ("<start_of_turn>", "Gemma"),
        ("[INST]", "Mistral"),
        ("<|user|>", "Zephyr"),
    ];
    marks.iter().find(|(mark, _)| source.contains(mark)).map_or("Own", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Turn;

    fn render(template: &ChatTemplate, turns: &[Turn<'_>], add_generation_prompt: bool) -> Result<String, ModelError> {
        template.render(&turns.into(), add_generation_prompt)
    }

    #[test]
    fn python_methods_and_exceptions_work() {
        let source = "{% if messages[0].content.strip().startswith('no') %}{{ raise_exception('refused: ' + messages[0].role) }}{% endif %}{{ bos_token }}{{ messages[0]['content'].upper() }}";
        let template = ChatTemplate::new(Some(source), "<s>", "</s>").unwrap();
        assert_eq!(render(&template, &[Turn::new("user", "hi")], false).unwrap(), "<s>HI");
        let error = render(&template, &[Turn::new("user", " no")], false).unwrap_err().to_string();
        assert_eq!(error, "the chat template can't be used: refused: user");
    }

    #[test]
    fn a_model_without_a_template_gets_plain_turns() {
        let template = ChatTemplate::new(None, "", "</s>").unwrap();
        assert_eq!(template.name(), None);
        let turns = [Turn::new("user", "Hi"), Turn::new("assistant", "Hello")];
        assert_eq!(render(&template, &turns, true).unwrap(), "User:\nHi\nAssistant:\nHello</s>\nAssistant:\n");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let source = "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}";
        let template = ChatTemplate::new(Some(source), "", "").unwrap();
        assert!(render(&template, &[], false).is_err());
        assert!(ChatTemplate::new(Some("{% if %}"), "", "").is_err());
    }
}

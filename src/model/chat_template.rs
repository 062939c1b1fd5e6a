//! Chat templates: Jinja, as Transformers' `apply_chat_template` runs it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::ModelError;

/// For models that bring no template: plain turns, each answer closed by the end-of-sequence token.
const PLAIN: &str = "{% for message in messages %}{{ message['role'] | capitalize }}{{ ':\n' }}{{ message['content'] }}\
{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}";

/// A turn, as templates see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TemplateMessage<'a> {
    pub role: &'a str,
    pub content: String,
}

/// A compiled template with the tokens it may name.
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// In words: `ChatML`.
    name: Option<&'static str>,
    bos_token: String,
    eos_token: String,
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
        environment.add_filter("tojson", |value: Value| -> Result<String, minijinja::Error> {
            serde_json::to_string(&value)
                .map_err(|e| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, e.to_string()))
        });
        environment.set_fuel(Some(2_000_000));
        environment
            .add_template_owned("chat", source.unwrap_or(PLAIN).to_owned())
            .map_err(|e| ModelError::Template(e.to_string()))?;
        Ok(Self {
            environment,
            name: source.map(template_name),
            bos_token: bos_token.to_owned(),
            eos_token: eos_token.to_owned(),
        })
    }

    /// `None` for a model without a template of its own.
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The conversation as one text; with `add_generation_prompt` up to where the answer begins.
    pub fn render(&self, messages: &[TemplateMessage<'_>], add_generation_prompt: bool) -> Result<String, ModelError> {
        let error = |e: minijinja::Error| ModelError::Template(e.detail().map_or(e.to_string(), str::to_owned));
        let template = self.environment.get_template("chat").map_err(error)?;
        template
            .render(context! {
                messages => Value::from(Serde(messages)),
                add_generation_prompt,
                bos_token => self.bos_token.clone(),
                eos_token => self.eos_token.clone(),
            })
            .map_err(error)
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

    fn turn<'a>(role: &'a str, content: &str) -> TemplateMessage<'a> {
        TemplateMessage { role, content: content.to_owned() }
    }

    #[test]
    fn python_methods_and_exceptions_work() {
        let source = "{% if messages[0].content.strip().startswith('no') %}{{ raise_exception('refused: ' + messages[0].role) }}{% endif %}{{ bos_token }}{{ messages[0]['content'].upper() }}";
        let template = ChatTemplate::new(Some(source), "<s>", "</s>").unwrap();
        assert_eq!(template.render(&[turn("user", "hi")], false).unwrap(), "<s>HI");
        let error = template.render(&[turn("user", " no")], false).unwrap_err().to_string();
        assert_eq!(error, "the chat template can't be used: refused: user");
    }

    #[test]
    fn a_model_without_a_template_gets_plain_turns() {
        let template = ChatTemplate::new(None, "", "</s>").unwrap();
        assert_eq!(template.name(), None);
        let turns = [turn("user", "Hi"), turn("assistant", "Hello")];
        assert_eq!(template.render(&turns, true).unwrap(), "User:\nHi\nAssistant:\nHello</s>\nAssistant:\n");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let source = "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}";
        let template = ChatTemplate::new(Some(source), "", "").unwrap();
        assert!(template.render(&[], false).is_err());
        assert!(ChatTemplate::new(Some("{% if %}"), "", "").is_err());
    }
}

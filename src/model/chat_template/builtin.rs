//! Templates to choose from for a model that brings none.

use crate::recipe::TemplateChoice;

/// A template to choose.
struct Builtin {
    choice: TemplateChoice,
    /// What it writes that should be single tokens of the model; the last of them ends an answer.
    marks: &'static [&'static str],
    source: &'static str,
}

/// Stands for the end of an answer: its mark, and the end of a text where that mark isn't a token at which a model stops.
const END: &str = "%END%";

const BUILTINS: &[Builtin] = &[
    Builtin {
        choice: TemplateChoice::Chatml,
        marks: &["<|im_start|>", "<|im_end|>"],
        source: "{%- for message in messages -%}{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] -}}\
                 {%- if message['role'] == 'assistant' -%}{{- %END% -}}{%- else -%}{{- '<|im_end|>' -}}{%- endif -%}\
                 {{- '\\n' -}}{%- endfor -%}\
                 {%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}",
    },
    Builtin {
        choice: TemplateChoice::Llama3,
        marks: &["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        source: "{%- for message in messages -%}\
                 {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim -}}\
                 {%- if message['role'] == 'assistant' -%}{{- %END% -}}{%- else -%}{{- '<|eot_id|>' -}}{%- endif -%}\
                 {%- endfor -%}{%- if add_generation_prompt -%}\
                 {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}",
    },
    Builtin {
        choice: TemplateChoice::Gemma,
        marks: &["<start_of_turn>", "<end_of_turn>"],
        source: "{%- set ns = namespace(system='') -%}{%- for message in messages -%}\
                 {%- if message['role'] == 'system' -%}{%- set ns.system = message['content'] | trim + '\\n\\n' -%}\
                 {%- elif message['role'] == 'assistant' -%}\
                 {{- '<start_of_turn>model\\n' + message['content'] | trim + %END% + '\\n' -}}\
                 {%- elif message['role'] == 'user' -%}\
                 {{- '<start_of_turn>user\\n' + ns.system + message['content'] | trim + '<end_of_turn>\\n' -}}\
                 {%- set ns.system = '' -%}\
                 {%- else -%}{{- raise_exception('the Gemma template has no turns of ' + message['role']) -}}{%- endif -%}\
                 {%- endfor -%}{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}",
    },
    Builtin {
        choice: TemplateChoice::Mistral,
        marks: &["[INST]", "[/INST]"],
        source: "{%- set ns = namespace(system='') -%}{%- for message in messages -%}\
                 {%- if message['role'] == 'system' -%}{%- set ns.system = message['content'] | trim + '\\n\\n' -%}\
                 {%- elif message['role'] == 'assistant' -%}{{- ' ' + message['content'] | trim + eos_token -}}\
                 {%- elif message['role'] == 'user' -%}\
                 {{- '[INST] ' + ns.system + message['content'] | trim + ' [/INST]' -}}{%- set ns.system = '' -%}\
                 {%- else -%}{{- raise_exception('the Mistral template has no turns of ' + message['role']) -}}\
                 {%- endif -%}{%- endfor -%}",
    },
    Builtin {
        choice: TemplateChoice::Phi,
        marks: &["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
        source: "{%- for message in messages -%}{{- '<|' + message['role'] + '|>\\n' + message['content'] -}}\
                 {%- if message['role'] == 'assistant' -%}{{- %END% -}}{%- else -%}{{- '<|end|>' -}}{%- endif -%}\
                 {{- '\\n' -}}{%- endfor -%}\
                 {%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}",
    },
    Builtin {
        choice: TemplateChoice::Alpaca,
        marks: &[],
        source: "{%- for message in messages -%}{%- if message['role'] == 'system' -%}\
                 {{- message['content'] | trim + '\\n\\n' -}}\
                 {%- elif message['role'] == 'assistant' -%}{{- message['content'] | trim + eos_token + '\\n\\n' -}}\
                 {%- elif message['role'] == 'user' -%}{%- if loop.first -%}\
                 {{- 'Below is an instruction that describes a task. Write a response that appropriately completes the \
                 request.\\n\\n' -}}{%- endif -%}\
                 {{- '### Instruction:\\n' + message['content'] | trim + '\\n\\n### Response:\\n' -}}\
                 {%- else -%}{{- raise_exception('the Alpaca template has no turns of ' + message['role']) -}}\
                 {%- endif -%}{%- endfor -%}",
    },
    Builtin {
        choice: TemplateChoice::Zephyr,
        marks: &["<|system|>", "<|user|>", "<|assistant|>"],
        source: "{%- for message in messages -%}\
                 {{- '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' -}}{%- endfor -%}\
                 {%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}",
    },
    Builtin { choice: TemplateChoice::Plain, marks: &[], source: PLAIN },
];

/// Plain turns, each answer closed by the end-of-sequence token.
pub const PLAIN: &str = "{% for message in messages %}{{ message['role'] | capitalize }}{{ ':\n' }}{{ message['content'] }}\
{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}";

/// The text of a template that was chosen; `None` for the model's own. `is_token` says what the model has as one token,
/// `begins_with_bos` whether its texts begin with a mark.
pub fn source(choice: TemplateChoice, is_token: impl Fn(&str) -> bool, begins_with_bos: bool) -> Option<String> {
    let builtin = BUILTINS.iter().find(|builtin| builtin.choice == choice)?;
    let end = match end_mark(choice) {
        Some(mark) if is_token(mark) => format!("'{mark}'"),
        // A mark that is plain text ends nothing: the end of the text does, right after the answer.
        _ => "eos_token".to_owned(),
    };
    let bos = if begins_with_bos { "{{- bos_token -}}" } else { "" };
    Some(format!("{bos}{}", builtin.source.replace(END, &end)))
}

/// What a chosen template writes that should be single tokens of the model.
pub fn marks(choice: TemplateChoice) -> &'static [&'static str] {
    BUILTINS.iter().find(|builtin| builtin.choice == choice).map_or(&[], |builtin| builtin.marks)
}

/// What ends an answer, beside the end of a text.
pub fn end_mark(choice: TemplateChoice) -> Option<&'static str> {
    let builtin = BUILTINS.iter().find(|builtin| builtin.choice == choice)?;
    builtin.marks.last().copied().filter(|_| builtin.source.contains(END))
}

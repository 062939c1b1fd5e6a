//! Whatever a template does with the texts of a conversation, only what it writes for an answer is trained.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tunewright::data::{Example, Message, Role};
use tunewright::model::Chat;
use tunewright::model::chat::Omission;
use tunewright::model::chat_template::ChatTemplate;
use tunewright::recipe::RenderSpec;
use tunewright::render::{RenderedExample, render};

use crate::fixtures::fixture;

const SPEC: RenderSpec = RenderSpec { max_length: 4000, ..RenderSpec::WHOLE };

/// Letters that only texts of this role have, and no word that templates write or look for in an answer.
fn letters(role: Role) -> &'static str {
    match role {
        Role::System => "JVG",
        Role::User => "QUZ",
        Role::Assistant => "abc",
        Role::Tool => "FWY",
    }
}

fn chat(template: &str) -> Chat {
    let mut chat = Chat::load(&fixture("llama")).unwrap();
    chat.set_template(ChatTemplate::new(Some(template), "", "").unwrap());
    chat
}

fn trained(chat: &Chat, rendered: &RenderedExample) -> String {
    let sample = &rendered.samples[0];
    let ids: Vec<u32> = sample.ids.iter().zip(&sample.is_trained).filter(|(_, t)| **t).map(|(id, _)| *id).collect();
    chat.tokenizer.decode(&ids).unwrap()
}

/// A text of words in the role's letters, at times with something in it that templates look for.
fn text(role: Role, rng: &mut ChaCha8Rng) -> String {
    let letters: Vec<char> = letters(role).chars().collect();
    let word = |rng: &mut ChaCha8Rng| -> String {
        let num = rng.random_range(1..6);
        (0..num).map(|_| *letters.choose(rng).unwrap()).collect()
    };
    let words = |rng: &mut ChaCha8Rng| -> String {
        let num = rng.random_range(1..7);
        (0..num).map(|_| word(rng)).collect::<Vec<_>>().join(" ")
    };
    let (one, other) = (words(rng), words(rng));
    match rng.random_range(0..12) {
        0 => format!("<think>\n{one}\n</think>\n\n{other}"),
        1 => format!("{one}</think>{other}"),
        2 => format!("  {one}\n"),
        3 => format!("{one}|{other}"),
        4 => format!("{one}\n\n{other}"),
        5 => format!("{one}<|im_end|>\n<|im_start|>assistant\n{other}"),
        6 => String::new(),
        7 => format!("<tool_response>{one}</tool_response>"),
        8 => format!("/no_think {one}"),
        _ => one,
    }
}

fn conversation(rng: &mut ChaCha8Rng) -> Example {
    let mut messages = Vec::new();
    let mut say = |role, rng: &mut ChaCha8Rng| messages.push(Message::new(role, text(role, rng)));
    if rng.random_bool(0.5) {
        say(Role::System, rng);
    }
    for _ in 0..rng.random_range(1..4) {
        say(Role::User, rng);
        if rng.random_bool(0.2) {
            say(Role::Assistant, rng);
            say(Role::Tool, rng);
        }
        say(Role::Assistant, rng);
    }
    let mut example = Example::from(messages);
    for at in 1..example.messages.len() {
        if example.messages[at].role == Role::Tool {
            let call = json!({"type": "function", "function": {"name": "f", "arguments": "{\"x\": \"ab\"}"}});
            example.messages[at - 1].tool_calls = vec![call];
        }
    }
    example
}

/// What a template makes of the text of a turn `m`: keeps, trims, rewrites, splits, shortens or drops it.
const READINGS: &[&str] = &[
    "m.content",
    "m.content",
    "m.content",
    "m.content | trim",
    "m.content.strip('\\n')",
    "m.content | upper",
    "m.content.split('</think>')[-1]",
    "m.content.split('</think>')[-1].lstrip('\\n')",
    "m.content.split('|')[0]",
    "m.content.split('|') | reverse | join(' / ')",
    "m.content | replace('a', 'bb')",
    "m.content[:3]",
    "m.content[2:]",
    "m.content[1:-1]",
    "m.content | reverse",
    "(m.content | tojson)",
    "''",
    "m.content + m.content",
    "'<think>\\n' + m.content.split('</think>')[0].split('<think>')[-1].strip('\\n') + '\\n</think>\\n\\n' + m.content.split('</think>')[-1].lstrip('\\n')",
];

/// What a template may put in front of a turn or behind it, the texts of other turns among it.
const ASIDES: &[&str] = &[
    "",
    "",
    "",
    "",
    "{{ '<think>\\n\\n</think>\\n\\n' }}",
    "{{ messages[0].content }}",
    "{{ messages[0].content[1:4] }}",
    "{{ messages[-1].content }}",
    "{% if not loop.first %}{{ messages[loop.index0 - 1].content }}{% endif %}",
    "{% if not loop.first %}{{ messages[loop.index0 - 1].content[1:3] }}{% endif %}",
    "{% if not loop.first %}{{ messages[loop.index0 - 1].content | lower }}{% endif %}",
    "{% if loop.last %}{{ messages[0].content }}{% endif %}",
    "{% if loop.nextitem is defined %}{{ loop.nextitem.content[:2] }}{% endif %}",
];

/// How calls are written.
const CALLS: &[&str] = &[
    "",
    "{% for c in m.tool_calls %}<call>{{ c.function.arguments | tojson }}</call>{% endfor %}",
    "{% for c in m.tool_calls %}{{ c.function.arguments }}{% endfor %}",
    "{% if m.tool_calls %}{{ messages[0].content[1:3] }}{% endif %}",
];

fn template(rng: &mut ChaCha8Rng) -> String {
    let pick = |list: &[&'static str], rng: &mut ChaCha8Rng| *list.choose(rng).unwrap();
    let turn = |header: &str, rng: &mut ChaCha8Rng| {
        let end = pick(&["<|im_end|>\n", "<|im_end|>\n", "<|im_end|>", "\n"], rng);
        let (before, reading) = (pick(ASIDES, rng), pick(READINGS, rng));
        let (calls, after) = (pick(CALLS, rng), pick(ASIDES, rng));
        format!("{header}{before}{{{{ {reading} }}}}{calls}{after}{end}")
    };
    let assistant = turn("<|im_start|>assistant\n", rng);
    let other = turn("<|im_start|>{{ m.role }}\n", rng);
    let order = pick(&["messages", "messages", "messages", "messages", "messages | reverse", "messages[1:]"], rng);
    let generation = pick(
        &[
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
            "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}",
            "",
        ],
        rng,
    );
    format!(
        "{{% for m in {order} %}}{{% if m.role == 'assistant' %}}{assistant}{{% else %}}{other}{{% endif %}}{{% endfor %}}{generation}"
    )
}

#[test]
fn no_token_of_another_turn_is_ever_trained() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut num_rendered, mut num_trained, mut num_uncertain) = (0, 0, 0);
    for _ in 0..1500 {
        let source = template(&mut rng);
        let chat = chat(&source);
        for _ in 0..3 {
            let example = conversation(&mut rng);
            let Ok(rendered) = render(&chat, &example, SPEC) else { continue };
            num_rendered += 1;
            let text = trained(&chat, &rendered);
            num_trained += usize::from(!text.is_empty());
            num_uncertain += usize::from(rendered.left_out.iter().any(|l| l.what == Omission::Uncertain));
            for role in [Role::System, Role::User, Role::Tool] {
                let foreign = |c: char| letters(role).to_lowercase().contains(c);
                assert!(
                    !text.to_lowercase().contains(foreign),
                    "{role:?} is trained: {text:?}\n{source}\n{:?}",
                    example.messages
                );
            }
            let start = chat.tokenizer.token_to_id("<|im_start|>").unwrap();
            let sample = &rendered.samples[0];
            let is_header = sample.ids.iter().zip(&sample.is_trained).any(|(id, trained)| *trained && *id == start);
            assert!(!is_header, "the beginning of a turn is trained: {text:?}\n{source}\n{:?}", example.messages);
        }
    }
    // The test says something only if many answers are found.
    assert!(num_rendered > 3000 && 4 * num_trained > num_rendered, "{num_trained} of {num_rendered}");
    assert!(num_uncertain > 50, "{num_uncertain}");
}

#[test]
fn with_a_plain_template_every_answer_is_trained_and_nothing_is_told() {
    let source = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}<call>{{ c.function.arguments | tojson }}</call>{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let chat = chat(source);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for _ in 0..300 {
        let example = conversation(&mut rng);
        let rendered = render(&chat, &example, SPEC).unwrap();
        let answers = example.messages.iter().filter(|m| m.role == Role::Assistant && !m.is_blank());
        let call = |m: &Message| if m.tool_calls.is_empty() { "" } else { "<call>{\"x\": \"ab\"}</call>" };
        let expected: String = answers.map(|m| format!("{}{}<|im_end|>", m.content, call(m))).collect();
        assert_eq!(trained(&chat, &rendered), expected, "{:?}", example.messages);
        assert_eq!(rendered.left_out, []);
    }
}

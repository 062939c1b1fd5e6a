//! Examples beyond the limit: whatever the conversation, the limit and the policy, nothing is longer than the limit,
//! nothing is trained twice, and what is left out is counted.

use proptest::prelude::*;
use tunewright::data::{Example, Message, Role};
use tunewright::model::Chat;
use tunewright::model::chat_template::ChatTemplate;
use tunewright::recipe::{RenderSpec, TooLong, TrainOn};
use tunewright::render::{Fate, Rendered, RenderedExample, render, token_view};

use crate::fixtures::fixture;

fn chat() -> Chat {
    Chat::load(&fixture("llama")).unwrap()
}

/// A template that begins with a mark of its own, as Llama 3 does.
fn chat_with_bos() -> Chat {
    let mut chat = chat();
    let source = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>\n{% endfor %}";
    chat.template = ChatTemplate::new(Some(source), "<|im_start|>", "").unwrap();
    chat
}

fn message(role: Role, content: String) -> Message {
    Message::new(role, content)
}

/// Some turns, the lengths of their texts in words, and whether the answer counts.
fn conversation() -> impl Strategy<Value = Example> {
    let turn = (1usize..12, 0usize..16, prop::bool::weighted(0.8));
    (prop::option::of(1usize..6), prop::collection::vec(turn, 1..6), any::<bool>()).prop_map(
        |(system, turns, ends_with_question)| {
            let words = |num: usize, word: &str| vec![word; num].join(" ");
            let mut messages: Vec<Message> =
                system.into_iter().map(|num| message(Role::System, words(num, "rule"))).collect();
            for (i, (question, answer, counts)) in turns.into_iter().enumerate() {
                messages.push(message(Role::User, words(question, "what")));
                // Each is another, so that it is known again.
                let mut answer = message(Role::Assistant, format!("{i} {}", words(answer, "so")));
                answer.weight = (!counts).then_some(0);
                messages.push(answer);
            }
            if ends_with_question {
                messages.push(message(Role::User, "and?".to_owned()));
            }
            messages.into()
        },
    )
}

fn spec() -> impl Strategy<Value = RenderSpec> {
    let train_on = prop::sample::select(vec![TrainOn::Assistant, TrainOn::Last, TrainOn::All]);
    let policy = prop::sample::select(TooLong::ALL.to_vec());
    (train_on, 2usize..160, policy).prop_map(|(train_on, max_length, too_long)| RenderSpec {
        train_on,
        max_length,
        too_long,
        ..RenderSpec::WHOLE
    })
}

fn whole(chat: &Chat, example: &Example, spec: RenderSpec) -> Rendered {
    let all = render(chat, example, RenderSpec { max_length: usize::MAX, ..spec }).unwrap();
    assert_eq!(all.fate, Fate::Whole);
    all.samples.into_iter().next().unwrap()
}

/// Each stretch of trained tokens.
fn trained(sample: &Rendered) -> Vec<Vec<u32>> {
    let places: Vec<usize> = (0..sample.ids.len()).filter(|&i| sample.is_trained[i]).collect();
    places.chunk_by(|a, b| a + 1 == *b).map(|run| run.iter().map(|&i| sample.ids[i]).collect()).collect()
}

fn is_in_order(part: &[Vec<u32>], all: &[Vec<u32>]) -> bool {
    let mut rest = all.iter();
    part.iter().all(|one| rest.any(|other| other == one))
}

fn check_each_policy(spec: RenderSpec, whole: &Rendered, used: &RenderedExample) -> Result<(), TestCaseError> {
    let (max_length, num) = (spec.max_length, whole.ids.len());
    if num <= max_length {
        prop_assert_eq!(
            used,
            &RenderedExample { samples: vec![whole.clone()], num_tokens: num, fate: Fate::Whole, left_out: Vec::new() }
        );
        return Ok(());
    }
    match used.fate {
        Fate::Whole => prop_assert!(false, "it does not fit"),
        Fate::LeftOut => {
            prop_assert!(used.samples.is_empty() && matches!(spec.too_long, TooLong::Drop | TooLong::Split));
        }
        Fate::CutRight { num_cut } => {
            prop_assert_eq!((spec.too_long, num_cut), (TooLong::CutRight, num - max_length));
            prop_assert_eq!(&used.samples[0].ids[..], &whole.ids[..max_length]);
            prop_assert_eq!(&used.samples[0].is_trained[..], &whole.is_trained[..max_length]);
        }
        Fate::CutLeft { num_kept, num_cut } => {
            prop_assert_eq!((spec.too_long, num_cut), (TooLong::CutLeft, num - max_length));
            let sample = &used.samples[0];
            prop_assert_eq!([&whole.ids[..num_kept], &whole.ids[num_kept + num_cut..]].concat(), sample.ids.clone());
            let last = trained(whole).pop().filter(|_| spec.train_on != TrainOn::All);
            if let Some(last) = last.filter(|_| whole.is_trained.iter().rposition(|t| *t).unwrap() + 2 >= num)
                && last.len() + 2 <= max_length
            {
                prop_assert_eq!(trained(sample).pop(), Some(last), "the last answer stays whole");
            }
        }
        Fate::Split { num_parts, num_left_out } => {
            prop_assert_eq!((spec.too_long, num_parts), (TooLong::Split, used.samples.len()));
            if spec.train_on != TrainOn::All {
                let (all, kept) = (trained(whole), used.samples.iter().flat_map(trained).collect::<Vec<_>>());
                prop_assert!(is_in_order(&kept, &all), "{:?} of {:?}", kept, all);
                prop_assert_eq!(kept.len() + num_left_out, all.len());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_longer_than_the_limit_and_nothing_is_silent(
        example in conversation(), spec in spec(), has_bos: bool,
    ) {
        let chat = if has_bos { chat_with_bos() } else { chat() };
        let whole = whole(&chat, &example, spec);
        let used = render(&chat, &example, spec).unwrap();
        prop_assert_eq!(used.num_tokens, whole.ids.len());
        for sample in &used.samples {
            prop_assert!(sample.ids.len() <= spec.max_length);
            prop_assert_eq!(sample.ids.len(), sample.is_trained.len());
            prop_assert!(!sample.is_trained[0], "nothing stands before the first token");
        }
        prop_assert!(used.num_trained() <= whole.num_trained());
        check_each_policy(spec, &whole, &used)?;

        let view = token_view(&chat, &example, spec).unwrap();
        let seen: Vec<u32> = view.pieces.iter().filter(|piece| piece.is_trained).map(|piece| piece.id).collect();
        let is_used: Vec<u32> = used.samples.iter().flat_map(trained).flatten().collect();
        prop_assert_eq!(seen, is_used, "the view shows the very tokens that are trained");
        prop_assert!(view.pieces.iter().all(|piece| !(piece.is_cut && piece.is_trained)));
        let parts: Vec<usize> = view.pieces.iter().filter_map(|piece| piece.begins_part).collect();
        let num_parts = if let Fate::Split { num_parts, .. } = used.fate { num_parts } else { 0 };
        prop_assert_eq!(parts, (1..=num_parts).collect::<Vec<_>>());
        let says = view.warnings.iter().any(|warning| warning.contains(&format!("limit of {}", spec.max_length)));
        prop_assert_eq!(says, used.fate != Fate::Whole);
        prop_assert_eq!(used.too_long_in_words(spec).is_some(), used.fate != Fate::Whole);
    }
}

fn example(turns: &[(Role, &str)]) -> Example {
    turns.iter().map(|(role, text)| message(*role, (*text).to_owned())).collect::<Vec<_>>().into()
}

const THREE: [(Role, &str); 7] = [
    (Role::System, "Be brief."),
    (Role::User, "One?"),
    (Role::Assistant, "The first answer."),
    (Role::User, "Two?"),
    (Role::Assistant, "The second answer."),
    (Role::User, "Three?"),
    (Role::Assistant, "The third answer, of which there is far more to be told than of both others taken together."),
];

fn texts(chat: &Chat, used: &RenderedExample) -> Vec<String> {
    used.samples.iter().map(|sample| chat.tokenizer.decode(&sample.ids).unwrap()).collect()
}

fn rendered(chat: &Chat, num: usize) -> String {
    let used = render(chat, &example(&THREE[..num]), RenderSpec::WHOLE).unwrap();
    texts(chat, &used).remove(0)
}

#[test]
fn parts_are_conversations_of_their_own_with_the_system_message() {
    let chat = chat();
    let both = render(&chat, &example(&THREE[..5]), RenderSpec::WHOLE).unwrap().num_tokens;
    let spec = RenderSpec { max_length: both, too_long: TooLong::Split, ..RenderSpec::WHOLE };
    let used = render(&chat, &example(&THREE), spec).unwrap();
    let third = example(&[THREE[0], THREE[5], THREE[6]]);
    let third = texts(&chat, &render(&chat, &third, RenderSpec::WHOLE).unwrap()).remove(0);
    if used.samples.len() == 2 {
        assert_eq!(texts(&chat, &used), [rendered(&chat, 5), third]);
        assert_eq!(used.fate, Fate::Split { num_parts: 2, num_left_out: 0 });
    } else {
        // The third answer is too long even alone.
        assert_eq!(texts(&chat, &used), [rendered(&chat, 5)]);
        assert_eq!(used.fate, Fate::Split { num_parts: 1, num_left_out: 1 });
    }
    let spec = RenderSpec { max_length: both - 1, ..spec };
    let used = render(&chat, &example(&THREE[..5]), spec).unwrap();
    let second = example(&[THREE[0], THREE[3], THREE[4]]);
    let second = texts(&chat, &render(&chat, &second, RenderSpec::WHOLE).unwrap()).remove(0);
    assert_eq!(texts(&chat, &used), [rendered(&chat, 3), second]);
    assert_eq!(used.fate, Fate::Split { num_parts: 2, num_left_out: 0 });
}

#[test]
fn a_beginning_is_cut_after_the_system_message_and_the_mark() {
    let cut = |chat: &Chat, turns: &[(Role, &str)], fewer: usize| {
        let num_tokens = render(chat, &example(turns), RenderSpec::WHOLE).unwrap().num_tokens;
        let spec = RenderSpec { max_length: num_tokens - fewer, too_long: TooLong::CutLeft, ..RenderSpec::WHOLE };
        texts(chat, &render(chat, &example(turns), spec).unwrap()).remove(0)
    };
    let (plain, with_bos) = (chat(), chat_with_bos());
    let text = cut(&plain, &THREE[..5], 3);
    assert!(text.starts_with("<|im_start|>system\nBe brief.<|im_end|>\n"), "{text}");
    assert!(text.ends_with("The second answer.<|im_end|>\n") && !text.contains("user\nOne?"), "{text}");
    let text = cut(&with_bos, &THREE[1..5], 3);
    assert!(text.starts_with("<|im_start|>") && !text.contains("user: One"), "{text}");
    // Where a mark begins every turn, it is none of the text's.
    let text = cut(&plain, &THREE[1..5], 3);
    assert!(!text.starts_with("<|im_start|>"), "{text}");
}

//! The real starter model against an independent implementation: candle-transformers' Llama on the same, unpacked weights.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Llama, LlamaConfig};
use tunewright::generate::{Sampling, Session, greedy_answers};
use tunewright::model::spec::Part;
use tunewright::model::{LanguageModel, ModelSpec, Turn, weights};
use tunewright::recipe::ChatFormat;
use tunewright::task::Unwatched;

use crate::fixtures::starter;

fn witness(spec: &ModelSpec) -> (Llama, Cache) {
    let mut source = weights::open(&starter()).unwrap();
    let mut tensors = HashMap::new();
    // The starter's head is its embedding.
    for part in spec.parts() {
        let (values, shape) = match part {
            Part::Embedding | Part::Weight(..) => {
                let shape = match part {
                    Part::Weight(layer, module) => spec.shape(layer, module),
                    _ => (spec.vocab_size, spec.hidden_size),
                };
                (source.matrix(part, shape.0, shape.1).unwrap().to_f32().unwrap(), vec![shape.0, shape.1])
            }
            _ => (source.vector(part, spec.hidden_size).unwrap(), vec![spec.hidden_size]),
        };
        tensors.insert(part.name(spec), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    }
    let config = serde_json::json!({
        "hidden_size": spec.hidden_size, "intermediate_size": spec.intermediate_size, "vocab_size": spec.vocab_size,
        "num_hidden_layers": spec.num_layers(), "num_attention_heads": spec.num_heads,
        "num_key_value_heads": spec.num_kv_heads, "rms_norm_eps": spec.rms_norm_eps, "rope_theta": spec.ropes[0].theta,
        "max_position_embeddings": spec.context_length, "tie_word_embeddings": true,
    });
    let config = serde_json::from_value::<LlamaConfig>(config).unwrap().into_config(false);
    let cache = Cache::new(true, DType::F32, &config, &Device::Cpu).unwrap();
    (Llama::load(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu), &config).unwrap(), cache)
}

#[test]
fn the_starter_answers_as_an_independent_implementation_does() {
    let model = LanguageModel::load(&starter(), &Unwatched).unwrap();
    let facts = &model.facts;
    assert_eq!((facts.num_parameters, facts.quantization.as_str()), (134_515_008, "Q4_1"));
    assert_eq!((facts.chat_template.as_deref(), facts.problem.as_deref()), (Some("ChatML"), None));

    let prompt = [Turn::new("user", "What is the capital of France?")];
    let sampling = Sampling { max_new_tokens: 24, ..Default::default() };
    let mut session = Session::new(&model, None, (&prompt).into(), &sampling).unwrap();
    let mut streamed = String::new();
    while session.end().is_none() {
        streamed.push_str(&session.advance().unwrap());
    }
    assert_eq!(streamed, session.text().unwrap());

    let (witness, mut cache) = witness(model.decoder.spec());
    let mut new = model.chat.encode(&prompt, true).unwrap().ids();
    let (mut ids, mut position) = (Vec::new(), 0);
    while ids.len() < sampling.max_new_tokens {
        let input = Tensor::new(&new[..], &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let logits = witness.forward(&input, position, &mut cache).unwrap();
        position += new.len();
        let token = logits.argmax(1).unwrap().to_vec1::<u32>().unwrap()[0];
        if model.chat.is_stop(token, ChatFormat::OF_MODEL) {
            break;
        }
        ids.push(token);
        new = vec![token];
    }
    assert_eq!(streamed, model.chat.tokenizer.decode_plain(&ids).unwrap());
    assert!(streamed.contains("Paris"), "{streamed}");

    // Prompts of different lengths that share a batch don't disturb each other.
    let other = vec![Turn::new("user", "Name three colours, please.")];
    let together = [prompt.to_vec(), other.clone(), prompt.to_vec()];
    let answer = |prompts: &[Vec<Turn>]| {
        let prompts: Vec<_> = prompts.iter().map(Into::into).collect();
        greedy_answers(&model, None, &prompts, 24, &Unwatched).unwrap().unwrap()
    };
    let batched = answer(&together);
    assert_eq!([&batched[0], &batched[2]], [&streamed, &streamed]);
    assert_eq!(batched[1], answer(&[other])[0]);
}

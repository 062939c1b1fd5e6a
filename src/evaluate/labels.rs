//! How likely each label of a list is as the answer to a prompt: no answer has to be written, and none can be beside the
//! list.

use candle_core::Result as Computed;

use super::EvaluateError;
use super::loss::EVAL_TOKENS;
use crate::data::{Example, Message, Role};
use crate::model::lora::LoraAdapter;
use crate::model::{Chat, GradientPass, LanguageModel, ModelError, ProductType};
use crate::recipe::{ChatFormat, RenderSpec, TrainOn};
use crate::render::batch::{Batch, Layout};
use crate::render::{Rendered, Whole};
use crate::task::{Task, Unit};
use crate::words::thousands;

/// By which figure labels are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelScore {
    /// The log-likelihood of the whole label, as the probability of that answer is.
    #[default]
    Sum,
    /// The mean over its tokens, which doesn't favour short labels.
    Mean,
}

/// How likely each label is as the answer to each prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelLikelihoods {
    pub labels: Vec<String>,
    /// `[num_examples][num_labels]`, in nats, summed over the label's tokens and the end-of-turn token, as the template
    /// writes it. Empty for an example that is left out.
    pub log_likelihood: Vec<Vec<f64>>,
    /// The number of those tokens, likewise.
    pub num_tokens: Vec<Vec<usize>>,
    /// Examples that are left out (from 0), and why.
    pub left_out: Vec<(usize, String)>,
}

impl LabelLikelihoods {
    /// The score of each label for an example; empty for one that is left out.
    pub fn scores(&self, example: usize, score: LabelScore) -> Vec<f64> {
        let (Some(sums), Some(nums)) = (self.log_likelihood.get(example), self.num_tokens.get(example)) else {
            return Vec::new();
        };
        match score {
            LabelScore::Sum => sums.clone(),
            LabelScore::Mean => sums.iter().zip(nums).map(|(sum, num)| sum / (*num).max(1) as f64).collect(),
        }
    }

    /// The softmax of the scores: how probable each label is, if it is one of the list.
    pub fn probabilities(&self, example: usize, score: LabelScore) -> Vec<f64> {
        let scores = self.scores(example, score);
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    /// The label with the highest score, the first of equal ones; `None` for an example that is left out.
    pub fn pick(&self, example: usize, score: LabelScore) -> Option<usize> {
        let scores = self.scores(example, score);
        (0..scores.len()).reduce(|best, at| if scores[at] > scores[best] { at } else { best })
    }
}

/// The likelihood of each label as the answer to each example's prompt. A prompt is computed once for all labels. What
/// can't be measured, because the template refuses it or it is longer than the model reads, is left out and named.
///
/// # Errors
/// Where the list of labels can't be used, the adapter doesn't fit, the model can't compute, or the task was stopped.
pub fn label_likelihoods(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    examples: &[Example],
    labels: &[String],
    format: ChatFormat,
    task: &dyn Task,
) -> Result<LabelLikelihoods, EvaluateError> {
    let layout = Layout::Compact(model.decoder.spec().switches_beyond());
    measure(model, adapter, (examples, labels, format), layout, task)
}

/// [`label_likelihoods`] with every prompt computed anew for each label: the witness, and what its speed is held against.
///
/// # Errors
/// As [`label_likelihoods`].
pub fn label_likelihoods_apart(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    examples: &[Example],
    labels: &[String],
    format: ChatFormat,
    task: &dyn Task,
) -> Result<LabelLikelihoods, EvaluateError> {
    measure(model, adapter, (examples, labels, format), Layout::Whole, task)
}

fn measure(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    (examples, labels, format): (&[Example], &[String], ChatFormat),
    layout: Layout,
    task: &dyn Task,
) -> Result<LabelLikelihoods, EvaluateError> {
    check(labels)?;
    let mut found = LabelLikelihoods {
        labels: labels.to_vec(),
        log_likelihood: vec![Vec::new(); examples.len()],
        num_tokens: vec![Vec::new(); examples.len()],
        left_out: Vec::new(),
    };
    let mut writer = Writer { chat: &model.chat, format, labels, endings: None };
    let mut prompts = Vec::with_capacity(examples.len());
    let context = model.decoder.spec().context_length;
    for (at, example) in examples.iter().enumerate() {
        if task.is_stopped() {
            return Err(EvaluateError::Stopped);
        }
        match writer.write(example).and_then(|prompt| prompt.fitting(context)) {
            Ok(prompt) => {
                found.log_likelihood[at] = vec![0.0; labels.len()];
                found.num_tokens[at] = prompt.endings.iter().map(Vec::len).collect();
                prompts.push((at, prompt));
            }
            Err(why) => found.left_out.push((at, why)),
        }
    }
    let mut pass = GradientPass::new(ProductType::F32, 0);
    if let Some(adapter) = adapter {
        pass.set_adapter(&model.decoder, adapter).map_err(ModelError::from)?;
    }
    let jobs: Vec<Job<'_>> = prompts.iter().flat_map(|(at, prompt)| jobs(*at, prompt, layout)).collect();
    let mut rest = &jobs[..];
    let tell = |rest: &[Job<'_>]| {
        let is_open = |at: usize| rest.first().is_some_and(|job| at >= job.example);
        let num_open = prompts.iter().filter(|(at, _)| is_open(*at)).count();
        task.progress((examples.len() - num_open) as u64, Some(examples.len() as u64), Unit::Examples);
    };
    tell(rest);
    while !rest.is_empty() {
        if task.go_on().is_none() {
            return Err(EvaluateError::Stopped);
        }
        let mut num_rows = 0;
        let fits = rest.iter().take_while(|job| {
            num_rows += job.num_rows(layout);
            num_rows <= EVAL_TOKENS
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        compute(model, &mut pass, now, layout, &mut found).map_err(ModelError::from)?;
        tell(later);
        rest = later;
    }
    match found.log_likelihood.iter().flatten().all(|value| value.is_finite()) {
        true => Ok(found),
        false => Err(model.decoder.not_finite("the likelihood of a label").into()),
    }
}

fn check(labels: &[String]) -> Result<(), EvaluateError> {
    let refused = |message: String| Err(EvaluateError::Refused { message });
    if labels.len() < 2 {
        return refused("there is nothing to choose from: the list of labels needs two at least".to_owned());
    }
    if labels.iter().any(|label| label.trim().is_empty()) {
        return refused("a label of the list is empty".to_owned());
    }
    let mut sorted: Vec<&String> = labels.iter().collect();
    sorted.sort();
    match sorted.windows(2).find(|two| two[0] == two[1]) {
        Some(two) => refused(format!("the label {:?} is twice in the list", two[0])),
        None => Ok(()),
    }
}

/// A prompt, and what each label makes of its end.
struct Prompt {
    /// Up to the answer.
    ids: Vec<u32>,
    /// The label's tokens and the end-of-turn token.
    endings: Vec<Vec<u32>>,
}

impl Prompt {
    fn fitting(self, context: usize) -> Result<Self, String> {
        let longest = self.endings.iter().map(Vec::len).max().unwrap_or_default();
        match self.ids.len() + longest {
            num if num <= context => Ok(self),
            num => {
                let [num, context] = [num, context].map(thousands);
                Err(format!("with its longest label it has {num} tokens, but the model reads {context} at most"))
            }
        }
    }
}

/// Writes prompts with labels, as the template does.
struct Writer<'a> {
    chat: &'a Chat,
    format: ChatFormat,
    labels: &'a [String],
    /// What the first prompt ended with. Templates write an answer the same way whatever was asked, so that another prompt
    /// has to be written with a single label, which shows whether that holds.
    endings: Option<Vec<Vec<u32>>>,
}

impl Writer<'_> {
    fn write(&mut self, example: &Example) -> Result<Prompt, String> {
        let (first, others) = self.labels.split_first().ok_or("there is no label")?;
        let (ids, ending) = self.write_one(example, first)?;
        if let Some(known) = self.endings.as_ref().filter(|known| known.first() == Some(&ending)) {
            return Ok(Prompt { ids, endings: known.clone() });
        }
        let mut endings = vec![ending];
        for label in others {
            let (begin, ending) = self.write_one(example, label)?;
            if begin != ids {
                return Err(format!(
                    "the template writes it otherwise before the answer {label:?} than before {first:?}"
                ));
            }
            endings.push(ending);
        }
        self.endings.get_or_insert_with(|| endings.clone());
        Ok(Prompt { ids, endings })
    }

    /// The tokens before the answer, and those of the answer.
    fn write_one(&self, example: &Example, label: &str) -> Result<(Vec<u32>, Vec<u32>), String> {
        let prompt = example.prompt().iter().cloned();
        let messages: Vec<Message> = prompt.chain([Message::new(Role::Assistant, label)]).collect();
        let example = Example { messages, tools: example.tools.clone(), ..Example::default() };
        let spec = RenderSpec { train_on: TrainOn::Last, format: self.format, ..RenderSpec::WHOLE };
        let Rendered { mut ids, is_trained } =
            Whole::new(self.chat, &example, spec).map_err(|error| error.to_string())?.sample();
        let first = is_trained.iter().position(|trained| *trained);
        let last = is_trained.iter().rposition(|trained| *trained);
        let (Some(first), Some(last)) = (first, last) else {
            return Err("it isn't certain where the model's chat template writes the answer".to_owned());
        };
        ids.truncate(last + 1);
        let ending = ids.split_off(first);
        Ok((ids, ending))
    }
}

/// A prompt with some of its labels.
struct Job<'a> {
    example: usize,
    prompt: &'a Prompt,
    labels: std::ops::Range<usize>,
}

impl Job<'_> {
    /// The rows that the model computes for it: a label's last token has nothing after it to predict.
    fn num_rows(&self, layout: Layout) -> usize {
        let beginning = self.prompt.ids.len();
        let endings = self.prompt.endings[self.labels.clone()].iter();
        match layout {
            Layout::Whole => endings.map(|ending| beginning + ending.len()).sum(),
            Layout::Compact(_) => beginning + endings.map(|ending| ending.len() - 1).sum::<usize>(),
        }
    }
}

/// Parts of a prompt's labels, so that each goes through the model at once; a long prompt takes as many rows for its labels
/// as for itself.
fn jobs(example: usize, prompt: &Prompt, layout: Layout) -> Vec<Job<'_>> {
    let most = EVAL_TOKENS.max(2 * prompt.ids.len());
    let mut jobs = Vec::new();
    let mut start = 0;
    for end in 1..=prompt.endings.len() {
        let job = |labels| Job { example, prompt, labels };
        let is_full = |end: usize| job(start..end).num_rows(layout) > most;
        if end == prompt.endings.len() || is_full(end + 1) {
            jobs.push(job(start..end));
            start = end;
        }
    }
    jobs
}

fn compute(
    model: &LanguageModel,
    pass: &mut GradientPass,
    jobs: &[Job<'_>],
    layout: Layout,
    found: &mut LabelLikelihoods,
) -> Computed<()> {
    let (mut samples, mut places) = (Vec::new(), Vec::new());
    for Job { example, prompt, labels } in jobs {
        for label in labels.clone() {
            let ending = &prompt.endings[label];
            let ids = [prompt.ids.as_slice(), ending].concat();
            let is_trained = (0..ids.len()).map(|at| at >= prompt.ids.len()).collect();
            samples.push(Rendered { ids, is_trained });
            places.push((*example, label));
        }
    }
    let batch = Batch::laid_out(&samples, layout);
    let losses = pass.losses(&model.decoder, batch.supervised())?;
    for (loss, owner) in losses.into_iter().zip(&batch.owners) {
        let (example, label) = places[*owner as usize];
        found.log_likelihood[example][label] -= loss;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likelihoods() -> LabelLikelihoods {
        LabelLikelihoods {
            labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
            log_likelihood: vec![vec![-2.0, -1.0, -3.0], Vec::new()],
            num_tokens: vec![vec![2, 1, 6], Vec::new()],
            left_out: vec![(1, "too long".to_owned())],
        }
    }

    #[test]
    fn labels_are_held_against_each_other_by_sum_or_mean() {
        let found = likelihoods();
        assert_eq!((found.pick(0, LabelScore::Sum), found.pick(0, LabelScore::Mean)), (Some(1), Some(2)));
        assert_eq!(found.scores(0, LabelScore::Mean), [-1.0, -1.0, -0.5]);
        let probabilities = found.probabilities(0, LabelScore::Sum);
        let expected = 1.0 / (1.0 + (-1.0f64).exp() + (-2.0f64).exp());
        assert!((probabilities[1] - expected).abs() < 1e-12);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!((found.pick(1, LabelScore::Sum), found.probabilities(1, LabelScore::Sum)), (None, Vec::new()));
        assert_eq!(found.pick(7, LabelScore::Sum), None);
    }

    #[test]
    fn a_list_that_cannot_be_used_is_refused() {
        let refused = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            check(&labels).err().map(|error| error.to_string())
        };
        assert_eq!(refused(&["a", "b"]), None);
        assert!(refused(&["a"]).unwrap().contains("two at least"));
        assert!(refused(&["a", " "]).unwrap().contains("empty"));
        assert!(refused(&["a", "b", "a"]).unwrap().contains("\"a\" is twice"));
    }

    #[test]
    fn the_labels_of_a_prompt_are_parted_where_they_are_too_many_rows() {
        let prompt = |beginning: usize, num: usize| Prompt { ids: vec![1; beginning], endings: vec![vec![2; 5]; num] };
        let parts = |prompt: &Prompt| -> Vec<usize> {
            jobs(0, prompt, Layout::Compact(None)).iter().map(|job| job.labels.len()).collect()
        };
        assert_eq!(parts(&prompt(100, 77)), [77]);
        assert_eq!(parts(&prompt(100, 500)), [231, 231, 38]);
        assert_eq!(parts(&prompt(2000, 600)), [500, 100]);
    }
}

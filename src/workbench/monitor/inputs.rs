//! The training inputs that new ones are held against.

use super::{WorkbenchError, label};
use crate::data::{Example, Role, Split, read_all};
use crate::evaluate::Scorer;
use crate::monitor::inputs::{MOST_BATCH_VECTORS, MOST_REFERENCE_VECTORS};
use crate::monitor::{FalseAlarms, Input, InputFindings, Vocabulary, inputs};
use crate::run::{RunDir, RunRecord};
use crate::task::{Quiet, Task};

/// So many training examples are compared, evenly spread over all; the vocabulary is that of all.
const MOST_COMPARED: usize = 2000;

/// What a run was trained on.
pub struct TrainingInputs {
    compared: Vec<Known>,
    vocabulary: Vocabulary,
    /// Why there are none.
    lacks: Option<String>,
}

/// What is known of an example.
struct Known {
    text: String,
    label: Option<String>,
    hidden: Option<Vec<f32>>,
}

impl TrainingInputs {
    /// Reads the frozen training examples; a run of an older version, or one whose data were deleted, has none.
    pub fn read(run: &RunRecord, scorer: &Scorer<'_>, task: &dyn Task) -> Result<Self, WorkbenchError> {
        let path = RunDir(&run.run_dir).data_of(Split::Train);
        if !path.is_file() {
            let lacks = Some(format!("Inputs aren't compared with the training data: {} isn't there", path.display()));
            return Ok(Self { compared: Vec::new(), vocabulary: Vocabulary::default(), lacks });
        }
        let all = read_all(&path, &Quiet(task))?;
        let texts: Vec<String> = all.iter().map(text).collect();
        let vocabulary = Vocabulary::of(texts.iter().map(String::as_str));
        let num = all.len().min(MOST_COMPARED);
        let chosen: Vec<&Example> = (0..num).map(|at| &all[at * all.len() / num]).collect();
        let compared = known(&chosen, MOST_REFERENCE_VECTORS, scorer, task)?;
        Ok(Self { compared, vocabulary, lacks: None })
    }

    /// Holds new examples against them.
    pub fn compare(
        &self,
        examples: &[Example],
        scorer: &Scorer<'_>,
        task: &dyn Task,
    ) -> Result<InputFindings, WorkbenchError> {
        if let Some(lacks) = &self.lacks {
            return Ok(InputFindings { notes: vec![lacks.clone()], ..InputFindings::default() });
        }
        let new = known(&examples.iter().collect::<Vec<_>>(), MOST_BATCH_VECTORS, scorer, task)?;
        Ok(inputs(&as_inputs(&self.compared), &self.vocabulary, &as_inputs(&new), FalseAlarms::default()))
    }
}

fn as_inputs(known: &[Known]) -> Vec<Input<'_>> {
    known.iter().map(|k| Input { text: &k.text, label: k.label.as_deref(), hidden: k.hidden.as_deref() }).collect()
}

/// With the hidden states of no more than so many, evenly spread.
fn known(
    examples: &[&Example],
    most_hidden: usize,
    scorer: &Scorer<'_>,
    task: &dyn Task,
) -> Result<Vec<Known>, WorkbenchError> {
    let mut all: Vec<Known> =
        examples.iter().map(|example| Known { text: text(example), label: label(example), hidden: None }).collect();
    let num = examples.len().min(most_hidden);
    let places: Vec<usize> = (0..num).map(|at| at * examples.len() / num).collect();
    let chosen: Vec<&Example> = places.iter().map(|place| examples[*place]).collect();
    for (place, hidden) in places.into_iter().zip(scorer.hidden(&chosen, task)?) {
        all[place].hidden = hidden;
    }
    Ok(all)
}

/// All that the model is shown but the system message, which is the same everywhere.
fn text(example: &Example) -> String {
    let turns = example.prompt().iter().filter(|message| message.role != Role::System);
    turns.map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n")
}

//! What is asked of an evaluation.

use std::path::{Path, PathBuf};

use super::Contender;
use super::answers::answers_folder;
use crate::data::Split;
use crate::recipe::{Recipe, RenderSpec};
use crate::run::RunDir;

/// Who is measured, and on which examples.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRequest {
    /// The others are compared with the first.
    pub contenders: Vec<Contender>,
    /// JSONL in any known format.
    pub data: PathBuf,
    /// What the loss counts, and what becomes of longer examples; its format gives way to each contender's own.
    pub spec: RenderSpec,
    /// Also answer every prompt greedily, however long its example is, and compare with the expected answer.
    pub generate: bool,
    /// Also ask for the likelihood of each label, where the expected answers come from a list.
    pub labels: bool,
    /// The folder where answers are kept, so that none is made twice.
    pub answers: Option<PathBuf>,
}

impl EvaluationRequest {
    /// A run against its base model, on the frozen examples that it held out.
    pub fn of_run(run_dir: &Path, recipe: &Recipe, adapter: Option<PathBuf>, part: Split, generate: bool) -> Self {
        let spec = recipe.training.render_spec();
        let base = Contender::base(recipe.base_model.clone(), spec.format);
        let tuned = adapter.map(|adapter| Contender::tuned(recipe.base_model.clone(), adapter, spec.format));
        Self {
            contenders: std::iter::once(base).chain(tuned).collect(),
            data: RunDir(run_dir).data_of(part),
            spec,
            generate,
            labels: false,
            answers: Some(answers_folder(run_dir)),
        }
    }

    /// The first with an adapter: the one that the verdict is about.
    pub fn tuned(&self) -> Option<&Contender> {
        self.contenders.iter().find(|contender| contender.adapter().is_some())
    }
}

//! The released run on a file of examples: every measure, and the one that is tested.

use std::path::Path;

use super::label;
use crate::data::Example;
use crate::evaluate::answers::answers_folder;
use crate::evaluate::metrics::{Direction, Scale};
use crate::evaluate::{
    self, Contender, EvaluateError, EvaluationReport, EvaluationRequest, Findings, MetricFindings, ModelHere,
};
use crate::monitor::{Figure, Watched};
use crate::run::RunRecord;
use crate::task::Task;

/// What was measured of a file's examples.
pub struct Measures {
    pub figures: Vec<Figure>,
    /// None where no answer could be compared.
    pub watched: Option<Watched>,
}

/// Answers every prompt of a file, whose examples are these, and measures the answers. The tested measure is the one that is
/// asked for; else the first by which an answer is right or wrong, or the most telling one.
pub fn measure(
    run: &RunRecord,
    model: &ModelHere,
    path: &Path,
    examples: &[Example],
    metric: Option<&str>,
    task: &dyn Task,
) -> Result<Measures, EvaluateError> {
    let contender = Contender::of_run(run).ok_or_else(|| EvaluateError::NoWeights { run_dir: run.run_dir.clone() })?;
    let request = EvaluationRequest {
        contenders: vec![contender],
        data: path.to_owned(),
        spec: run.recipe.training.render_spec(),
        generate: true,
        labels: false,
        answers: Some(answers_folder(&run.run_dir)),
    };
    let here = || ModelHere { model: model.model.clone(), path: model.path.clone() };
    let report = evaluate::run::<EvaluateError>(&request, &mut |_| Ok(here()), task)?;
    let findings = Findings::of(&report, &[]);
    let figures = findings.metrics.iter().filter_map(figure).collect();
    let watched = match metric {
        // What fits these examples best may be another one than with the reference.
        Some(name) => Findings::of(&report, &[name.to_owned()]).metrics.into_iter().next(),
        None => tested(findings.metrics),
    };
    Ok(Measures { figures, watched: watched.map(|metric| watched_of(&metric, &report, examples)) })
}

fn figure(metric: &MetricFindings) -> Option<Figure> {
    let figure = (*metric.figures.first()?)?;
    Some(Figure {
        metric: metric.name.clone(),
        title: metric.title.clone(),
        is_share: metric.scale == Scale::Share,
        value: figure.value,
        low: figure.low,
        high: figure.high,
        num: figure.num,
    })
}

fn tested(metrics: Vec<MetricFindings>) -> Option<MetricFindings> {
    let mut telling: Vec<_> = metrics.into_iter().filter(|metric| metric.direction != Direction::Neither).collect();
    let is_binary = |metric: &MetricFindings| {
        let mut values = metric.values.iter().flatten().flatten();
        metric.scale == Scale::Share && values.all(|value| *value == 0.0 || *value == 1.0)
    };
    let at = telling.iter().position(is_binary).unwrap_or_default();
    (at < telling.len()).then(|| telling.swap_remove(at))
}

/// By the examples' places: the report leaves out those that couldn't be measured, and names each by its line.
fn watched_of(metric: &MetricFindings, report: &EvaluationReport, examples: &[Example]) -> Watched {
    let mut values = vec![None; examples.len()];
    let measured = report.examples.iter().zip(metric.values.first().into_iter().flatten());
    for (example, value) in measured {
        let row = usize::try_from(example.line).unwrap_or_default().wrapping_sub(1);
        if let Some(place) = values.get_mut(row) {
            *place = *value;
        }
    }
    Watched {
        metric: metric.name.clone(),
        title: metric.title.clone(),
        higher_is_better: metric.direction == Direction::HigherIsBetter,
        values,
        labels: examples.iter().map(label).collect(),
    }
}

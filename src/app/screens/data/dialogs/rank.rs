//! The dialog that asks a model which examples matter: those with the highest loss, or what to label next.

use egui::{Context, Ui};

use crate::app::Action as AnyAction;
use crate::app::AppState;
use crate::app::kit::{
    Combo, Dialog, DialogEnd, NumberField, Text, Theme, WRONG_NUMBER, dialog, format, has_wrong_number, segmented,
};
use crate::app::parts::run_label;
use crate::app::screens::data::action::DialogAction;
use crate::app::shell::words;
use crate::engine::{ComputeJob, JobSpec};
use crate::evaluate::Judge;
use crate::project::ProjectState;
use crate::recipe::Training;
use crate::run::RunRecord;
use crate::workbench::scores::{base_judge, run_judge};

/// What is asked of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Question {
    #[default]
    Loss,
    /// So many prompts.
    Next,
}

/// The dialog, as it is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankForm {
    pub question: Question,
    pub under: Under,
    pub count: usize,
}

impl Default for RankForm {
    fn default() -> Self {
        Self { question: Question::Loss, under: Under::Newest, count: 20 }
    }
}

/// Which model judges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Under {
    /// The newest run, or the base model while there is none.
    #[default]
    Newest,
    Base,
    Run(String),
}

/// Beside a loss.
pub(in crate::app::screens::data) const LOSS_MEANS: &str = "How surprising the answer is to the model, per token: 0 is certain, 0.7 a toss of a \
    coin. It is gone when the text changes";

const QUESTIONS: [(Question, &str); 2] = [(Question::Loss, "Rank by loss"), (Question::Next, "What to label next")];
/// More than anybody labels in one go.
const MOST_NEXT: f64 = 1000.0;

pub(super) fn show(
    ctx: &Context,
    form: &RankForm,
    state: &AppState,
    project: &ProjectState,
    actions: &mut Vec<AnyAction>,
) {
    let judges = judges(project, &state.runs.records);
    let chosen = chosen(&judges, &form.under);
    let is_busy = state.jobs.find(|spec| {
        matches!(
            spec,
            JobSpec::Compute(ComputeJob::ScoreExamples { .. }) | JobSpec::Compute(ComputeJob::LabelNext { .. })
        )
    });
    let reason = match (chosen, is_busy) {
        _ if has_wrong_number(ctx) => Some(WRONG_NUMBER),
        (None, _) => Some("Choose a model first, on the Model screen"),
        (_, Some(_)) => Some("A model is being asked already; the status bar shows how far it is"),
        _ => None,
    };
    let num = project.counts.taking_part();
    let act = match form.question {
        Question::Loss => format!("Rank {}", format::count(num, "example", "examples")),
        Question::Next => format!("Find {}", format::count(form.count as u64, "example", "examples")),
    };
    let (end, changed) = Dialog::new("rank", "Which examples matter").primary(&act, reason).show(
        ctx,
        |ui| dialog::body(ui, |ui| fields(ui, form, &judges, chosen)),
        |ui| drop(ui.add(Text::small("Runs in the background").faint())),
    );
    match (end, chosen.and_then(|at| judges.get(at))) {
        (DialogEnd::Confirmed, Some((.., judge))) => {
            actions.push(DialogAction::Rank(form.question, form.count, judge.clone()).into());
        }
        (DialogEnd::Cancelled, _) => actions.push(DialogAction::Close.into()),
        _ => {
            if let Some(form) = changed {
                actions.push(DialogAction::RankForm(form).into());
            }
        }
    }
}

/// The base model and every run that has weights, with the words for it.
fn judges(project: &ProjectState, runs: &[RunRecord]) -> Vec<(Under, String, Judge)> {
    let defaults = Training::default();
    let training = project.settings.recipe.as_ref().map_or(&defaults, |recipe| &recipe.training);
    let base = project
        .settings
        .model
        .as_ref()
        .map(|model| (Under::Base, format!("{}, as it is", words::model_name(model)), base_judge(model, training)));
    let run =
        |run: &RunRecord| Some((Under::Run(run.name.clone()), format!("Run {}", run_label(run)), run_judge(run)?));
    base.into_iter().chain(runs.iter().filter_map(run)).collect()
}

fn chosen(judges: &[(Under, String, Judge)], under: &Under) -> Option<usize> {
    let named = judges.iter().position(|(of, ..)| of == under);
    let newest = || judges.iter().position(|(of, ..)| matches!(of, Under::Run(_)));
    named.or_else(newest).or((!judges.is_empty()).then_some(0))
}

/// Tells a changed form.
fn fields(ui: &mut Ui, form: &RankForm, judges: &[(Under, String, Judge)], chosen: Option<usize>) -> Option<RankForm> {
    let theme = Theme::of(ui);
    let mut changed = form.clone();
    if let Some(question) = segmented(ui, "What to ask", &QUESTIONS, form.question) {
        changed.question = question;
    }
    ui.add_space(theme.space.xs);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        ui.add(Text::body("Asked of"));
        let options: Vec<(usize, &str)> = judges.iter().map(|(_, words, _)| words.as_str()).enumerate().collect();
        let combo = Combo::new("Model that judges", &options, chosen.unwrap_or(usize::MAX));
        if judges.is_empty() {
            ui.add(Text::body("No model is chosen yet").faint());
        } else if let Some((under, ..)) = combo.width(theme.size.side_panel_min).show(ui).and_then(|at| judges.get(at))
        {
            changed.under = under.clone();
        }
        if form.question == Question::Next {
            let field = NumberField::new("How many", form.count as f64).integer().unit("examples");
            if let Some(count) = field.width(theme.size.settings_name_width).show(ui) {
                changed.count = count.clamp(1.0, MOST_NEXT) as usize;
            }
        }
    });
    ui.add_space(theme.space.xs);
    for line in explanation(form.question) {
        ui.add(Text::body(*line).soft().wrapped());
    }
    (changed != *form).then_some(changed)
}

fn explanation(question: Question) -> &'static [&'static str] {
    match question {
        Question::Loss => &[
            "High under a run: the other examples speak against this answer. Often the label is wrong. A short run, of an \
             epoch or less, tells best: a long one has learned the wrong answers, too.",
            "Low under the base model: it knew this before, and learns nothing from it.",
        ],
        Question::Next => &[
            "The model answers each prompt, and says how unsure it is of its own words. Chosen are those it is most unsure \
             about, unlike what is labelled already and unlike each other.",
            "Prompts without an answer come first, then examples that nobody has reviewed. They stand behind the chip \
             “Next” above the table, the most worthwhile on top.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::ModelRef;

    #[test]
    fn the_newest_run_judges_unless_another_is_chosen() {
        let judge = |under: Under| (under, String::new(), base_judge(&ModelRef::Starter, &Training::default()));
        let run = |name: &str| Under::Run(name.to_owned());
        let judges = [judge(Under::Base), judge(run("b")), judge(run("a"))];
        for (under, expected) in
            [(Under::Newest, Some(1)), (Under::Base, Some(0)), (run("a"), Some(2)), (run("gone"), Some(1))]
        {
            assert_eq!(chosen(&judges, &under), expected, "{under:?}");
        }
        assert_eq!((chosen(&judges[..1], &Under::Newest), chosen(&[], &Under::Base)), (Some(0), None));
    }
}

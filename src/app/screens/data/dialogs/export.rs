//! Export of the data: which examples, in which shape, in one file or several, and what came of it.

use std::path::PathBuf;

use egui::{Context, Ui};

use super::DataDialog;
use crate::app::Action as AnyAction;
use crate::app::AppState;
use crate::app::Screen;
use crate::app::effect::Effect;
use crate::app::files::{FilePick, PickKind};
use crate::app::kit::row::to_column;
use crate::app::kit::{
    Button, Combo, Dialog, DialogEnd, Text, Theme, dialog, format, icon, marked_text, progress, segmented, switch,
};
use crate::app::screens::data::action::DialogAction;
use crate::app::screens::data::state::DataState;
use crate::app::shell::words;
use crate::app::start::Start;
use crate::data::export::ExportReport;
use crate::data::shape::FileShape;
use crate::engine::{Failure, IoJob, JobId, JobSpec, Outcome, Reply};
use crate::project::{ExampleQuery, ProjectState};
use crate::workbench::data_export::{DataExport, ExportWhat};

/// What a person did in the dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum ExportAction {
    Open,
    Choose(ExportChoice),
    /// Asks where to.
    PickFile,
    Write(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    All,
    /// What the filters let through.
    Shown,
    Marked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Zstd,
}

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportChoice {
    pub what: What,
    pub shape: FileShape,
    pub packing: Packing,
    pub with_split: bool,
    pub with_date: bool,
    pub per_split: bool,
}

impl ExportChoice {
    /// The name of a new file.
    fn file_name(&self, project: &str) -> String {
        let packing = match self.packing {
            _ if !self.shape.is_text() => "",
            Packing::None => "",
            Packing::Gzip => ".gz",
            Packing::Zstd => ".zst",
        };
        format!("{project}.{}{packing}", self.shape.extension())
    }
}

/// The open dialog.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportDialog {
    pub choice: ExportChoice,
    pub job: Option<JobId>,
    pub reports: Option<Vec<ExportReport>>,
    pub failure: Option<Failure>,
}

impl DataState {
    pub(in crate::app::screens::data) fn export(&mut self, action: ExportAction, jobs: &mut dyn Start) -> Vec<Effect> {
        match (action, &mut self.dialog) {
            (ExportAction::Open, _) => {
                self.flush(jobs);
                self.open_dialog(DataDialog::Export(self.new_export()), jobs);
                return vec![Effect::Show(Screen::Data)];
            }
            (ExportAction::Choose(choice), Some(DataDialog::Export(dialog))) => *dialog = ExportDialog::new(choice),
            (ExportAction::PickFile, Some(DataDialog::Export(dialog))) => {
                let pick = file_pick(dialog.choice, self.project_name());
                return vec![Effect::Pick(pick, |path| DialogAction::Export(ExportAction::Write(path)).into())];
            }
            (ExportAction::Write(to), Some(DataDialog::Export(ExportDialog { choice, job: None, .. }))) => {
                let choice = *choice;
                let job = jobs.start(self.export_job(choice, to));
                self.dialog = Some(DataDialog::Export(ExportDialog { job: Some(job), ..ExportDialog::new(choice) }));
            }
            (ExportAction::PickFile | ExportAction::Choose(_) | ExportAction::Write(_), _) => {}
        }
        Vec::new()
    }

    fn export_job(&self, choice: ExportChoice, to: PathBuf) -> JobSpec {
        let what = match choice.what {
            What::All => ExportWhat::Matching(ExampleQuery::default()),
            What::Shown => ExportWhat::Matching(self.filters.query()),
            What::Marked => ExportWhat::Ids(self.marks.ids()),
        };
        let ExportChoice { shape, with_split, with_date, per_split, .. } = choice;
        let request = DataExport { what, shape, to, with_split, with_date, per_split };
        JobSpec::Io(IoJob::ExportData { project: self.folder().to_owned(), request })
    }

    /// What is marked, or what the filters show, is probably meant.
    fn new_export(&self) -> ExportDialog {
        let what = match () {
            () if !self.marks.is_empty() => What::Marked,
            () if self.is_filtered() => What::Shown,
            () => What::All,
        };
        let shape = FileShape::OPENAI_MESSAGES;
        let (packing, with_split, with_date, per_split) = (Packing::None, true, true, false);
        ExportDialog::new(ExportChoice { what, shape, packing, with_split, with_date, per_split })
    }
}

impl ExportDialog {
    fn new(choice: ExportChoice) -> Self {
        Self { choice, job: None, reports: None, failure: None }
    }

    pub fn on_reply(&mut self, job: JobId, reply: &Reply) {
        if let (Reply::Exported(reports), true) = (reply, self.job == Some(job)) {
            self.reports = Some(reports.clone());
        }
    }

    pub fn on_finished(&mut self, job: JobId, outcome: &Outcome) {
        if self.job.take_if(|mine| *mine == job).is_some()
            && let Outcome::Failed(failure) = outcome
        {
            self.failure = Some(failure.clone());
        }
    }
}

/// The system's dialog for a new file.
fn file_pick(choice: ExportChoice, project: &str) -> FilePick {
    FilePick { title: "Export examples", kind: PickKind::Save { name: choice.file_name(project) } }
}

const SHAPES: [(FileShape, &str); 8] = [
    (FileShape::OPENAI_MESSAGES, "OpenAI messages (JSONL)"),
    (FileShape::OPENAI_MESSAGES_PARQUET, "OpenAI messages (Parquet)"),
    (FileShape::SHAREGPT, "ShareGPT (JSONL)"),
    (FileShape::ALPACA, "Alpaca (JSONL)"),
    (FileShape::PROMPT_COMPLETION, "Prompt and completion (JSONL)"),
    (FileShape::PROMPT_COMPLETION_CSV, "Prompt and completion (CSV)"),
    (FileShape::TEXT_LABEL_CSV, "Text and label (CSV)"),
    (FileShape::PREFERENCE, "Preference pairs (JSONL)"),
];

const ABOUT: [(FileShape, &str); 8] = [
    (FileShape::OPENAI_MESSAGES, "Holds everything: turns with weights, tools, rejected answers"),
    (FileShape::OPENAI_MESSAGES_PARQUET, "One packed table; holds turns of any role, but neither weights nor tools"),
    (FileShape::SHAREGPT, "Holds turns of any role and their weights, but no tools"),
    (FileShape::ALPACA, "Holds questions and answers in turn, with a system message"),
    (FileShape::PROMPT_COMPLETION, "Holds examples of which only the last answer is learned"),
    (FileShape::PROMPT_COMPLETION_CSV, "Holds one question, its answer and a system message"),
    (FileShape::TEXT_LABEL_CSV, "Holds one question and its answer, without a system message"),
    (FileShape::PREFERENCE, "Holds examples with a chosen and a rejected answer"),
];

fn about(shape: FileShape) -> &'static str {
    ABOUT.iter().find(|(known, _)| *known == shape).map_or("", |(_, about)| about)
}

pub(super) fn show(
    ctx: &Context,
    dialog: &ExportDialog,
    state: &AppState,
    project: &ProjectState,
    actions: &mut Vec<AnyAction>,
) {
    let counts = Counts::of(state, project);
    let num = counts.of_choice(dialog.choice.what);
    let words = format!("Export {}…", format::count(num, "example", "examples"));
    let reason = match dialog.job {
        Some(_) => Some("The export is running"),
        None if num == 0 => Some("There are no examples to export"),
        None => None,
    };
    let frame = Dialog::new("export data", "Export data").icon(icon::UPLOAD_SIMPLE).primary(&words, reason);
    let cancel = if dialog.reports.is_some() { "Close" } else { "Cancel" };
    let mut body_actions = Vec::new();
    let (end, choice) = frame.cancel(cancel).show(
        ctx,
        |ui| {
            dialog::body(ui, |ui| {
                let choice = fields(ui, dialog, &counts, project.has_dates);
                outcome(ui, dialog, &mut body_actions);
                choice
            })
        },
        |ui| {
            if let Some(job) = dialog.job {
                let told = state.jobs.get(job).and_then(|job| job.progress);
                let theme = Theme::of(ui);
                progress(ui, "Export", told.and_then(|told| told.share()), theme.size.settings_name_width);
                ui.add(Text::small(told.map_or_else(|| "Exporting".to_owned(), |told| words::progress(&told))));
            }
        },
    );
    actions.append(&mut body_actions);
    let mut push = |action: ExportAction| actions.push(DialogAction::Export(action).into());
    match end {
        DialogEnd::Confirmed => push(ExportAction::PickFile),
        DialogEnd::Cancelled => actions.push(DialogAction::Close.into()),
        DialogEnd::StillOpen if choice != dialog.choice && dialog.job.is_none() => push(ExportAction::Choose(choice)),
        DialogEnd::StillOpen => {}
    }
}

/// How many examples each choice takes.
struct Counts {
    all: u64,
    left_out: Option<String>,
    shown: Option<u64>,
    marked: Option<u64>,
}

impl Counts {
    fn of(state: &AppState, project: &ProjectState) -> Self {
        let data = &state.data;
        let query = data.filters.query();
        let shown = match query.split.is_some() || query.wants_left_out() {
            true => data.rows.num_matching().unwrap_or_default(),
            // Those among them that take part.
            false => data.facets.splits.iter().sum(),
        };
        let marked = data.marks.len() as u64;
        Self {
            all: project.counts.taking_part(),
            left_out: project.counts.left_out(),
            shown: data.is_filtered().then_some(shown),
            marked: (marked > 0).then_some(marked),
        }
    }

    fn of_choice(&self, what: What) -> u64 {
        match what {
            What::All => self.all,
            What::Shown => self.shown.unwrap_or_default(),
            What::Marked => self.marked.unwrap_or_default(),
        }
    }
}

fn fields(ui: &mut Ui, dialog: &ExportDialog, counts: &Counts, has_dates: bool) -> ExportChoice {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.m;
    let mut choice = dialog.choice;
    row(ui, "Examples", |ui| {
        let words = |name: &str, num: u64| format!("{name} {}", format::thousands(num));
        let mut options = vec![(What::All, words("All", counts.all))];
        options.extend(counts.shown.map(|num| (What::Shown, words("Shown", num))));
        options.extend(counts.marked.map(|num| (What::Marked, words("Marked", num))));
        let options: Vec<_> = options.iter().map(|(what, words)| (*what, words.as_str())).collect();
        match options.as_slice() {
            [(_, words)] => drop(ui.add(Text::body(*words))),
            _ => choice.what = segmented(ui, "Which examples", &options, choice.what).unwrap_or(choice.what),
        }
        if let (What::All, Some(words)) = (choice.what, &counts.left_out) {
            ui.add(Text::small(format!("without {words}")).faint());
        }
    });
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = theme.space.xs;
        row(ui, "Shape", |ui| {
            let combo = Combo::new("Shape", &SHAPES, choice.shape).width(theme.size.side_panel_min);
            choice.shape = combo.show(ui).unwrap_or(choice.shape);
        });
        // As high as its text.
        ui.spacing_mut().interact_size.y = 0.0;
        row(ui, "", |ui| drop(ui.add(Text::small(about(choice.shape)).soft())));
    });
    row(ui, "Split", |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.l;
        let words = "In each row";
        choice.with_split =
            switch(ui, "Say the split in each row", words, choice.with_split).unwrap_or(choice.with_split);
        let words = "A file for each";
        choice.per_split = switch(ui, "A file for each split", words, choice.per_split).unwrap_or(choice.per_split);
    });
    if has_dates {
        row(ui, "Date", |ui| {
            let name = "Say the date in each row";
            choice.with_date = switch(ui, name, "In each row", choice.with_date).unwrap_or(choice.with_date);
        });
    }
    if choice.shape.is_text() {
        row(ui, "Packing", |ui| {
            let options = [(Packing::None, "None"), (Packing::Gzip, "gzip"), (Packing::Zstd, "Zstandard")];
            choice.packing = segmented(ui, "Packing", &options, choice.packing).unwrap_or(choice.packing);
        });
    }
    choice
}

/// A name, and beside it its control.
fn row(ui: &mut Ui, name: &str, control: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let left = ui.cursor().left();
        if !name.is_empty() {
            ui.add(Text::body(name).soft());
        }
        to_column(ui, left + theme.size.settings_name_width / 2.0);
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        control(ui);
    });
}

/// What was written, what the shape could not hold, or what went wrong.
fn outcome(ui: &mut Ui, dialog: &ExportDialog, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.xs;
    if let Some(failure) = &dialog.failure {
        marked_text(ui, icon::X_CIRCLE.filled(), theme.status.error, Text::body(&failure.message));
        if let Some(hint) = &failure.hint {
            ui.add(Text::small(hint).soft().wrapped());
        }
    }
    let Some(reports) = &dialog.reports else { return };
    for report in reports {
        let written = format::count(report.num_exported, "example", "examples");
        let words = format!("{written} written to {}", report.path.display());
        marked_text(ui, icon::CHECK_CIRCLE.filled(), theme.status.ok, Text::body(words));
        for (reason, num) in &report.reasons {
            let words = format!("{} left out: {reason}", format::count(*num, "example", "examples"));
            marked_text(ui, icon::WARNING.filled(), theme.status.warning, Text::body(words));
        }
    }
    if let Some(folder) = reports.first().and_then(|report| report.path.parent())
        && ui.add(Button::link("Show the folder").small()).clicked()
    {
        actions.push(AnyAction::OpenFolder(folder.to_owned()));
    }
}

/// For the status bar.
pub fn told(reports: &[ExportReport]) -> String {
    let sum = |of: fn(&ExportReport) -> u64| reports.iter().map(of).sum::<u64>();
    let (written, left_out) = (sum(|report| report.num_exported), sum(|report| report.num_rejected));
    let left_out = match left_out {
        0 => String::new(),
        num => format!(", {} left out", format::thousands(num)),
    };
    let place = match reports {
        [report] => format!(" to {}", report.path.display()),
        _ => format!(" to {} files", reports.len()),
    };
    format!("Exported {}{place}{left_out}", format::count(written, "example", "examples"))
}

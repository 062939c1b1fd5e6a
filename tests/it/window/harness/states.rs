//! A window of any size over a scripted engine that answers whatever it is asked, and the states it can be brought into:
//! for tests that look at every screen.

use std::collections::HashMap;
use std::sync::Arc;

use egui::accesskit::{NodeId, Role};
use egui::{Key, Modifiers, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::screens::{compare, data, dataset, evaluate, train};
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, OpenDialog, Screen, Shell, kit};
use tunewright::data::{Split, preview as look_at};
use tunewright::engine::fake::FakeEngine;
use tunewright::engine::protocol::Side;
use tunewright::engine::{ComputeJob, EventKind, Failure, IoJob, JobId, JobSpec, Outcome, Reply, StoreJob, TrainJob};
use tunewright::project::{ExampleQuery, FacetCounts, ProjectState, RowPage, RunRecord, SplitCounts};
use tunewright::render::tally::Tally;
use tunewright::task::Unwatched;
use tunewright::train::observer::RunFacts;

pub use super::made::runs;
use super::made::{self, EXPECTED};

pub struct Window {
    pub engine: FakeEngine,
    pub harness: Harness<'static, Shell>,
    num_answered: usize,
    /// What the project has.
    pub runs: Vec<RunRecord>,
    pub project: ProjectState,
}

/// A control that was laid out in the last frame.
#[derive(Debug, Clone)]
pub struct Control {
    pub id: egui::Id,
    pub name: String,
    pub layer: egui::LayerId,
    /// The whole of it, and what of it is not cut off.
    pub rect: Rect,
    pub seen: Rect,
}

impl Window {
    /// The first launch.
    pub fn open() -> Self {
        Self::with_settings(AppSettings::default())
    }

    pub fn with_settings(settings: AppSettings) -> Self {
        let engine = FakeEngine::default();
        let shell = Shell::new(Box::new(engine.clone()), settings, Arc::new(|| {}));
        let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
            let ctx = ui.ctx().clone();
            shell.logic(&ctx);
            shell.ui(ui);
            shell.apply_actions(&ctx);
        };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark);
        let harness = builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell);
        Self { engine, harness, num_answered: 0, runs: Vec::new(), project: made::project() }
    }

    /// A project with examples, whose model is chosen, and these runs.
    pub fn with_project(runs: Vec<RunRecord>) -> Self {
        let mut window = Self::open();
        window.runs = runs;
        window.act(Action::OpenProject { folder: "/projects/Support triage".into(), sample: false });
        window
    }

    pub fn at(screen: Screen, runs: Vec<RunRecord>) -> Self {
        let mut window = Self::with_project(runs);
        window.act(Action::Go(screen));
        window
    }

    pub fn shell(&self) -> &Shell {
        self.harness.state()
    }

    pub fn act(&mut self, action: impl Into<Action>) {
        self.harness.state_mut().actions.push(action.into());
        self.settle();
    }

    pub fn click(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).click();
        self.settle();
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    pub fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    pub fn focused_id(&self) -> Option<egui::Id> {
        self.harness.ctx.memory(|memory| memory.focused())
    }

    /// The accessible name of what has the keyboard.
    pub fn focused(&self) -> Option<String> {
        let id = self.focused_id()?;
        Some(self.names().remove(&id.accesskit_id()).unwrap_or_else(|| format!("{id:?}")))
    }

    /// Of everything that a screen reader is told of.
    fn names(&self) -> HashMap<NodeId, String> {
        let nodes = self.harness.root().children_recursive();
        let named = nodes.filter_map(|node| {
            let node = node.accesskit_node();
            let name = node.label().or_else(|| node.value())?;
            Some((node.locate().0, name))
        });
        named.collect()
    }

    pub fn job(&self, fits: impl Fn(&JobSpec) -> bool) -> JobId {
        self.engine.last_job(fits).expect("the window started no such job")
    }

    pub fn tell(&mut self, job: JobId, kind: EventKind) {
        self.engine.tell(job, kind);
        self.harness.run_steps(2);
    }

    /// The window is so large, with text of this size: what counts for the layout is how many points it has.
    pub fn resize(&mut self, pixels: Vec2, zoom: f32) {
        let points = (pixels / zoom).floor();
        self.harness.set_size(points);
        self.settle();
        assert_eq!(self.harness.ctx.content_rect().size(), points);
    }

    /// Answers whatever the window asks, until it asks nothing more.
    pub fn settle(&mut self) {
        for _ in 0..20 {
            self.harness.run_steps(3);
            let started = self.engine.started();
            if started.len() == self.num_answered {
                return;
            }
            for (job, spec) in started.into_iter().skip(std::mem::take(&mut self.num_answered)) {
                if let Some(reply) = self.reply(&spec) {
                    self.engine.answer(job, reply);
                }
            }
            self.num_answered = self.engine.started().len();
        }
        panic!("the window asks for ever");
    }

    /// Trainings, evaluations and answers go on until the test tells something.
    fn reply(&self, spec: &JobSpec) -> Option<Reply> {
        Some(match spec {
            JobSpec::Store(StoreJob::OpenProject { .. })
            | JobSpec::Store(StoreJob::SaveSettings { .. })
            | JobSpec::Store(StoreJob::Edit { .. }) => Reply::Project(self.project.clone()),
            JobSpec::Io(IoJob::DiscoverModels) => Reply::Models(made::models()),
            JobSpec::Store(StoreJob::Query { query, .. }) => Reply::Rows(self.page(query)),
            JobSpec::Store(StoreJob::CountFacets { query, .. }) => {
                Reply::Facets { query: query.clone(), counts: FacetCounts::default() }
            }
            JobSpec::Store(StoreJob::LoadExample { id, .. }) => Reply::Example(made::example(*id)),
            JobSpec::Io(IoJob::PreviewRun { .. }) => Reply::RunPreview(made::preview()),
            JobSpec::Io(IoJob::ListRuns { .. }) => Reply::Runs(self.runs.clone()),
            JobSpec::Io(IoJob::ReadRun { run_dir }) => {
                let run = self.runs.iter().find(|run| run.run_dir == *run_dir)?.clone();
                Reply::Curves {
                    run,
                    steps: (1..=12).map(made::step).collect(),
                    evaluations: vec![made::evaluation(0, 2.5)],
                }
            }
            JobSpec::Io(IoJob::PreviewImport { request }) => Reply::Preview(look_at(request, &Unwatched).ok()?),
            _ => return None,
        })
    }

    fn page(&self, query: &ExampleQuery) -> RowPage {
        let all = self.project.counts;
        let num = match query.split {
            Some(Split::Train) => all.train,
            Some(Split::Validation) => all.validation,
            Some(Split::Test) => all.test,
            None => all.total(),
        };
        let rows = (query.offset..num.min(query.offset + query.limit)).map(|at| made::row(at as i64 + 1, query.split));
        RowPage { query: query.clone(), num_matching: num, rows: rows.collect(), is_partial: false }
    }

    /// Whether scroll areas that hold the control bring all of it into view, where it is cut off.
    pub fn scrolls(&self, control: &Control) -> bool {
        /// As thick as a scroll bar at most.
        const THICK: f32 = 14.0;
        self.harness.ctx.viewport(|viewport| {
            let widgets = &viewport.prev_pass.widgets;
            // A bar belongs to the place that the scroll area lies in, as its content does.
            let of_layer = || widgets.get_layer(control.layer);
            let bars: Vec<_> = of_layer().filter(|w| w.sense.senses_drag()).collect();
            let is_held = |is_bar: &dyn Fn(&egui::WidgetRect) -> bool| {
                let mut at = control.id;
                while let Some(widget) = widgets.get(at).filter(|widget| widget.parent_id != at) {
                    at = widget.parent_id;
                    if bars.iter().any(|bar| bar.parent_id == at && is_bar(bar)) {
                        return true;
                    }
                }
                false
            };
            let is_cut = |all: egui::Rangef, seen: egui::Rangef| seen.min - all.min > 1.0 || all.max - seen.max > 1.0;
            let (all, seen) = (control.rect, control.seen);
            let down = !is_cut(all.y_range(), seen.y_range()) || is_held(&|bar| bar.rect.width() < THICK);
            let across = !is_cut(all.x_range(), seen.x_range()) || is_held(&|bar| bar.rect.height() < THICK);
            down && across
        })
    }

    /// What can be clicked, typed in or reached by Tab, as egui laid it out.
    pub fn controls(&self) -> Vec<Control> {
        let mut names = self.names();
        self.harness.ctx.viewport(|viewport| {
            let widgets = &viewport.prev_pass.widgets;
            let of_layer = widgets.layers().flat_map(|(layer, rects)| rects.iter().map(move |rect| (*layer, rect)));
            let is_control =
                |rect: &egui::WidgetRect| rect.visible && (rect.sense.senses_click() || rect.sense.is_focusable());
            of_layer
                .filter(|(_, rect)| is_control(rect))
                .filter_map(|(layer, rect)| {
                    let name = names.remove(&rect.id.accesskit_id())?;
                    // The edge of a panel is grabbed a little beside it, too; what lies there still has its own room.
                    if name == "Resize panel" {
                        return None;
                    }
                    Some(Control { id: rect.id, name, layer, rect: rect.rect, seen: rect.interact_rect })
                })
                .collect()
        })
    }
}

/// A state of the window and how to get there.
pub type State = (&'static str, fn() -> Window);

/// Every screen in every state, and every dialog.
pub const STATES: &[State] = &[
    ("first launch", Window::open),
    ("settings without a project", || {
        let mut window = Window::open();
        window.act(Action::Go(Screen::Settings));
        window
    }),
    ("model", || Window::with_project(Vec::new())),
    ("data", || Window::at(Screen::Data, Vec::new())),
    ("data with marked rows", || {
        let mut window = Window::at(Screen::Data, Vec::new());
        window.act(data::TableAction::Select(1));
        window.act(data::MarkAction::MarkTo(4));
        window
    }),
    ("data without examples", || {
        let mut window = Window::open();
        window.project.counts = SplitCounts::default();
        window.act(Action::OpenProject { folder: "/projects/Support triage".into(), sample: false });
        window.act(Action::Go(Screen::Data));
        window
    }),
    ("train form", || Window::at(Screen::Train, Vec::new())),
    ("advanced form", || {
        let mut window = Window::at(Screen::Train, Vec::new());
        window.act(train::Action::ToggleAdvanced);
        window
    }),
    ("running", running),
    ("paused", || {
        let mut window = running();
        window.act(train::Action::Pause);
        window
    }),
    ("stop dialog", || {
        let mut window = running();
        window.act(Action::ShowDialog(OpenDialog::StopTraining));
        window
    }),
    ("finished run", || {
        let mut window = running();
        let job = window.job(is_train);
        window.tell(job, EventKind::Finished(Outcome::Completed));
        window
    }),
    ("evaluate without a run", || Window::at(Screen::Evaluate, Vec::new())),
    ("evaluate", || Window::at(Screen::Evaluate, runs())),
    ("evaluating", evaluating),
    ("evaluation", || {
        let mut window = evaluating();
        let job = window.job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::Evaluate { .. })));
        window.engine.answer(job, Reply::Evaluation(made::report()));
        window.settle();
        window
    }),
    ("compare without a run", || Window::at(Screen::Compare, Vec::new())),
    ("compare", || Window::at(Screen::Compare, runs())),
    ("answering", answering),
    ("answered", || {
        let mut window = answering();
        let job = window.job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::Compare { .. })));
        for side in [Side::Before, Side::After] {
            window.tell(job, EventKind::Token { side, text: EXPECTED.to_owned() });
            let end = EventKind::AnswerDone { side, num_tokens: 19, tokens_per_sec: 38.0, ended_by_itself: true };
            window.tell(job, end);
        }
        window.tell(job, EventKind::Finished(Outcome::Completed));
        window
    }),
    ("own prompt", || {
        let mut window = Window::at(Screen::Compare, runs());
        window.act(compare::Action::OwnPrompt(true));
        window
    }),
    ("export without a run", || Window::at(Screen::Export, Vec::new())),
    ("export", || Window::at(Screen::Export, runs())),
    ("runs", || Window::at(Screen::Runs, runs())),
    ("no runs", || Window::at(Screen::Runs, Vec::new())),
    ("settings", || Window::at(Screen::Settings, Vec::new())),
    ("import", importing),
    ("data set", || {
        let mut window = Window::at(Screen::Data, Vec::new());
        window.act(dataset::Action::Open);
        window
    }),
    ("split dialog", || in_data(data::DialogAction::Split(Default::default()))),
    ("rank dialog", || in_data(data::DialogAction::RankForm(Default::default()))),
    ("export dialog", || in_data(data::DialogAction::Export(data::dialogs::export::ExportAction::Open))),
    ("labels dialog", || in_data(data::DialogAction::Labels(data::dialogs::labels::LabelsAction::Open))),
    ("reviewers dialog", || in_data(data::DialogAction::Reviewers(data::dialogs::reviewers::ReviewersAction::Open))),
    ("statistics", || in_data(data::DialogAction::Statistics)),
    ("versions", || in_data(data::DialogAction::History)),
    ("keys", || {
        let mut window = Window::with_project(Vec::new());
        window.act(Action::ShowDialog(OpenDialog::Help));
        window
    }),
    ("command field", || {
        let mut window = Window::with_project(Vec::new());
        window.act(Action::ShowDialog(OpenDialog::Commands));
        window
    }),
    ("failure", || {
        let mut window = Window::with_project(Vec::new());
        let message = "The folder /projects/Support triage could not be read".to_owned();
        let failure = Failure { message, hint: Some("Choose another one".to_owned()), is_internal: false };
        window.act(Action::ShowDialog(OpenDialog::Failure(failure)));
        window
    }),
];

fn in_data(action: impl Into<Action>) -> Window {
    let mut window = Window::at(Screen::Data, Vec::new());
    window.act(action);
    window
}

pub fn is_train(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Train(TrainJob::Train { .. }))
}

fn running() -> Window {
    let mut window = Window::at(Screen::Train, Vec::new());
    window.act(train::Action::Start);
    let job = window.job(is_train);
    let facts = RunFacts {
        num_examples: 400,
        num_validation_examples: 50,
        num_tokens: 40_000,
        num_supervised_tokens: 9_000,
        num_steps: 150,
        num_trainable: 4_884_480,
        tally: Tally::default(),
    };
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::RunStarted { run_dir: "/projects/a/runs/2026-11-22-1".into(), facts });
    window.tell(job, EventKind::Eval(made::evaluation(0, 2.5)));
    (1..=12).for_each(|at| window.tell(job, EventKind::Step(made::step(at))));
    window.tell(job, EventKind::Eval(made::evaluation(12, 0.8)));
    window
}

fn evaluating() -> Window {
    let mut window = Window::at(Screen::Evaluate, runs());
    window.act(evaluate::Action::Start);
    let job = window.job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::Evaluate { .. })));
    window.tell(job, EventKind::Started);
    window
}

fn answering() -> Window {
    let mut window = Window::at(Screen::Compare, runs());
    window.act(compare::Action::Answer);
    let job = window.job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::Compare { .. })));
    window.tell(job, EventKind::Started);
    window
}

fn importing() -> Window {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tickets of the last year.csv");
    let line = |n: u32| format!("{n},Customer {n},Where is order {n}?,delivery,It is on its way,2026-01-02\n");
    let text = "Nr,Customer,Question,Category,Answer,Date\n".to_owned() + &(1..=60).map(line).collect::<String>();
    tunewright::fs::write_atomic(&file, text.as_bytes()).unwrap();
    let mut window = Window::at(Screen::Data, Vec::new());
    window.act(Action::Import(vec![file].into()));
    assert!(window.shell().state.mapping.dialog.as_ref().is_some_and(|dialog| dialog.preview.is_some()));
    window
}

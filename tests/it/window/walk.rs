//! A person who does whatever the window lets her: random acts by accessible label over all screens. Nothing may break,
//! no control that is enabled may do nothing, and from everywhere there is a way on.

mod engine;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use egui::accesskit::{Role, Toggled};
use egui::epaint::text::MissingGlyphPolicy;
use egui::{Event, Key, Modifiers, PointerButton, Pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tunewright::app::files::{Desktop, FileKinds, FilePick, PickKind};
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell};
use tunewright::data::import::ImportRequest;
use tunewright::data::starter;
use tunewright::engine::{Backend as _, Engine, EngineOptions, EventKind, IoJob, JobSpec, Outcome, StoreJob, TrainJob};
use tunewright::hub::Sources;
use tunewright::project::Settings;
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::task::Signal;

use super::harness::{PATIENCE, Wake, harness};
use crate::fixtures::copy_tiny_model;
use engine::WalkEngine;

const NUM_ACTS: usize = 500;
/// Slower than a double click.
const SECS_AN_ACT: f64 = 0.7;
/// Frames after which the window must have come to rest.
const MOST_FRAMES: usize = 400;

/// Chooses the same file each time, or cancels.
struct Chooser {
    folder: PathBuf,
    num_asked: AtomicUsize,
}

impl Chooser {
    fn choose(&self, pick: &PickKind) -> Option<PathBuf> {
        let at = self.num_asked.fetch_add(1, Ordering::Relaxed);
        match pick {
            _ if at % 4 == 3 => None,
            PickKind::Open { .. } => Some(self.folder.join("more.csv")),
            PickKind::Folder => Some(self.folder.join("Other")),
            PickKind::Save { name } => Some(self.folder.join(format!("{at}-{name}"))),
        }
    }
}

impl Desktop for Chooser {
    fn pick(&self, pick: FilePick) -> Option<PathBuf> {
        self.choose(&pick.kind)
    }

    fn pick_several(&self, _: &'static str, (name, endings): FileKinds) -> Option<Vec<PathBuf>> {
        self.choose(&PickKind::Open { name, endings }).map(|file| vec![file])
    }

    fn open_folder(&self, _: &Path) -> io::Result<()> {
        self.num_asked.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A control that can be seen and used.
#[derive(Debug, Clone)]
struct Control {
    role: Role,
    label: String,
    center: Pos2,
    /// Chosen among its like: to choose it again changes nothing.
    is_on: bool,
    id: u64,
}

struct Walk {
    harness: Harness<'static, Shell>,
    engine: WalkEngine,
    wake: Wake,
    desktop: Arc<Chooser>,
    random: TestRng,
    /// Something was given to the system since the last act: copied, opened, or asked of the window.
    has_told: bool,
    /// What the window takes for the time, in seconds: it goes on by acts, not by what this machine needs for them.
    clock: f64,
    /// The last acts, for the message of a failure.
    acts: Vec<String>,
    _folder: tempfile::TempDir,
}

const KEYS: &[(Key, Modifiers)] = &[
    (Key::ArrowDown, Modifiers::NONE),
    (Key::ArrowUp, Modifiers::NONE),
    (Key::Enter, Modifiers::NONE),
    (Key::Escape, Modifiers::NONE),
    (Key::Tab, Modifiers::NONE),
    (Key::Space, Modifiers::NONE),
    (Key::Delete, Modifiers::NONE),
    (Key::E, Modifiers::NONE),
    (Key::J, Modifiers::NONE),
    (Key::R, Modifiers::NONE),
    (Key::A, Modifiers::NONE),
    (Key::F, Modifiers::NONE),
    (Key::Num1, Modifiers::NONE),
    (Key::Num3, Modifiers::NONE),
    (Key::F1, Modifiers::NONE),
    (Key::K, Modifiers::COMMAND),
    (Key::Z, Modifiers::COMMAND),
    (Key::Y, Modifiers::COMMAND),
    (Key::I, Modifiers::COMMAND),
    (Key::Enter, Modifiers::COMMAND),
    (Key::Num1, Modifiers::COMMAND),
    (Key::Num2, Modifiers::COMMAND),
    (Key::Num3, Modifiers::COMMAND),
    (Key::Num4, Modifiers::COMMAND),
    (Key::Num5, Modifiers::COMMAND),
    (Key::Num6, Modifiers::COMMAND),
];

const WORDS: &[&str] =
    &["refund", "3", "0", "-1", "abc", "1e-4", "äß 茶", "{\"a\": 1}", "/", "?", "", "Export", "1024"];

impl Walk {
    fn begin(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        let tiny = models.join("tiny-llama");
        copy_tiny_model(&tiny);
        let project = folder.path().join("Walk");
        let run_dir = furnish(&models, tiny, &project, folder.path());
        let wake = Wake::new();
        let engine = WalkEngine::new(&models, &run_dir, wake.waker());
        let desktop = Arc::new(Chooser { folder: folder.path().to_owned(), num_asked: AtomicUsize::new(0) });
        let shell = Shell::on(desktop.clone(), Box::new(engine.clone()), AppSettings::default());
        let mut harness = harness(shell);
        harness.ctx.set_missing_glyph_policy(MissingGlyphPolicy::Tofu);
        // Words that come and go with the pointer aren't a change that an act made.
        harness.ctx.all_styles_mut(|style| style.interaction.tooltip_delay = f32::MAX);
        harness.state_mut().actions.push(Action::OpenProject { folder: project, sample: false });
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut walk = Self {
            harness,
            engine,
            wake,
            desktop,
            random,
            has_told: false,
            clock: 1.0,
            acts: Vec::new(),
            _folder: folder,
        };
        walk.rest();
        walk
    }

    fn shell(&self) -> &Shell {
        self.harness.state()
    }

    fn fail(&self, what: &str) -> ! {
        let acts = self.acts.iter().rev().take(25).rev().cloned().collect::<Vec<_>>().join("\n");
        let state = &self.shell().state;
        panic!("{what}\non {:?} with {:?}, after {} acts:\n{acts}", state.screen, state.dialog, self.acts.len());
    }

    fn pick(&mut self, num: usize) -> usize {
        (self.random.next_u64() % num as u64) as usize
    }

    /// Until nothing is under way and the window asks for no other frame at once, for a few frames on end: what comes
    /// of one job may be another.
    fn rest(&mut self) {
        let begun = Instant::now();
        let (mut num_frames, mut num_calm) = (0, 0);
        while num_calm < 3 {
            let waits_for = self.engine.pump();
            let is_busy = !waits_for.is_empty() || self.shell().is_busy() || !self.engine.events().is_empty();
            self.step();
            num_frames += 1;
            let is_calm = self.harness.output().viewport_output.values().all(|out| !out.repaint_delay.is_zero());
            let may_rest = !is_busy && (is_calm || num_frames > MOST_FRAMES);
            num_calm = if may_rest { num_calm + 1 } else { 0 };
            if is_busy {
                self.wake.wait();
            }
            if begun.elapsed() > PATIENCE {
                self.fail(&format!("waits without an end for {waits_for:?}"));
            }
        }
    }

    fn step(&mut self) {
        self.harness.step();
        let output = self.harness.output();
        self.has_told |= !output.platform_output.commands.is_empty()
            || output.viewport_output.values().any(|out| !out.commands.is_empty());
    }

    /// Everything that the window shows, as assistive technology reads it.
    fn picture(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for node in self.harness.root().children_recursive() {
            let node = node.accesskit_node();
            (node.role(), node.label(), node.value(), node.is_disabled(), node.is_selected()).hash(&mut hasher);
            (node.toggled().map(|toggled| toggled as u8), node.data().is_expanded()).hash(&mut hasher);
            node.numeric_value().map(f64::to_bits).hash(&mut hasher);
            if let Some(bounds) = node.bounding_box() {
                [bounds.x0, bounds.y0, bounds.x1, bounds.y1].map(|at| at.round() as i64).hash(&mut hasher);
            }
        }
        let context = &self.harness.ctx;
        (context.theme() == egui::Theme::Dark, self.engine.num_asked()).hash(&mut hasher);
        self.desktop.num_asked.load(Ordering::Relaxed).hash(&mut hasher);
        hasher.finish()
    }

    /// The controls in the window that aren't off.
    fn controls(&self) -> Vec<Control> {
        let window = self.harness.ctx.content_rect();
        let nodes = self.harness.root();
        let controls = nodes.children_recursive().filter_map(|node| {
            let inner = node.accesskit_node();
            let role = inner.role();
            let is_control = matches!(
                role,
                Role::Button
                    | Role::CheckBox
                    | Role::RadioButton
                    | Role::ComboBox
                    | Role::Link
                    | Role::MenuItem
                    | Role::MenuItemRadio
                    | Role::Tab
                    | Role::Switch
                    | Role::Row
                    | Role::ListBoxOption
                    | Role::ColumnHeader
                    | Role::TextInput
                    | Role::MultilineTextInput
                    | Role::SpinButton
                    | Role::SearchInput
            );
            if !is_control || inner.is_disabled() || !inner.has_bounds() {
                return None;
            }
            let center = node.rect().center();
            let is_on = inner.toggled() == Some(Toggled::True) || inner.is_selected() == Some(true);
            window.contains(center).then(|| Control {
                role,
                label: inner.label().unwrap_or_default(),
                center,
                is_on,
                id: inner.locate().0.0,
            })
        });
        controls.collect()
    }

    /// Whether the pointer, where it is now, would meet this control.
    fn is_under_pointer(&self, control: &Control) -> bool {
        let is_it = |id: &egui::Id| id.accesskit_id().0 == control.id;
        self.harness.ctx.interaction_snapshot(|seen| seen.hovered.iter().any(is_it))
    }

    fn press(&mut self, key: Key, modifiers: Modifiers) {
        self.acts.push(format!("{modifiers:?} {key:?}"));
        self.harness.key_press_modifiers(modifiers, key);
        self.rest();
    }

    fn click(&mut self, control: &Control) {
        for pressed in [true, false] {
            let button = PointerButton::Primary;
            self.harness.event(Event::PointerButton {
                pos: control.center,
                button,
                pressed,
                modifiers: Modifiers::NONE,
            });
            self.step();
        }
        self.rest();
    }

    /// One act, by pointer, letters or a key.
    fn act(&mut self) {
        self.engine.advance();
        self.clock += SECS_AN_ACT;
        self.harness.input_mut().time = Some(self.clock);
        self.rest();
        if self.pick(4) == 0 {
            let (key, modifiers) = KEYS[self.pick(KEYS.len())];
            return self.press(key, modifiers);
        }
        let controls = self.controls();
        if controls.is_empty() {
            self.fail("there is nothing to do");
        }
        let control = controls[self.pick(controls.len())].clone();
        self.harness.hover_at(control.center);
        self.rest();
        if !self.is_under_pointer(&control) {
            return; // It lies below a dialog or menu, or out of its list's view.
        }
        let before = self.picture();
        self.has_told = false;
        self.acts.push(format!("{:?} {:?}", control.role, control.label));
        self.click(&control);
        let is_text =
            matches!(control.role, Role::TextInput | Role::MultilineTextInput | Role::SpinButton | Role::SearchInput);
        if is_text {
            let words = WORDS[self.pick(WORDS.len())];
            self.acts.push(format!("types {words:?}"));
            self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
            self.harness.event(Event::Text(words.to_owned()));
            return self.rest();
        }
        if !control.is_on && self.picture() == before && !self.has_told {
            self.fail(&format!("{:?} {:?} is enabled and does nothing", control.role, control.label));
        }
    }

    /// Out of whatever is open, and to every step.
    fn find_a_way_on(&mut self) {
        for _ in 0..6 {
            self.press(Key::Escape, Modifiers::NONE);
        }
        if let Some(dialog) = &self.shell().state.dialog {
            self.fail(&format!("Escape doesn't leave {dialog:?}"));
        }
        for screen in Screen::ALL.iter().copied() {
            // With large letters the rail scrolls.
            if let Some(node) = self.harness.query_by_role_and_label(Role::Tab, screen.name()) {
                node.scroll_to_me();
            }
            self.rest();
            let is_entry = |control: &Control| control.role == Role::Tab && control.label == screen.name();
            let Some(entry) = self.controls().into_iter().find(is_entry) else {
                self.fail(&format!("{} is out of reach", screen.name()));
            };
            self.harness.hover_at(entry.center);
            self.rest();
            self.acts.push(format!("goes to {}", screen.name()));
            self.click(&entry);
            if self.shell().state.screen != screen {
                let seen: Vec<_> = self.controls().into_iter().map(|control| control.label).collect();
                self.fail(&format!("{} doesn't open; there are {seen:?}", screen.name()));
            }
        }
    }
}

/// A project with examples of several shapes, what the checks object to, and two runs, one of them stopped. Gives the
/// folder of the stopped one.
fn furnish(models: &Path, tiny: PathBuf, project: &Path, folder: &Path) -> PathBuf {
    let engine =
        Engine::new(EngineOptions { sources: Sources::only(models), ..EngineOptions::default() }, || {}).unwrap();
    let tickets: Vec<&str> = std::str::from_utf8(starter::BYTES).unwrap().lines().take(40).collect();
    let doubled: Vec<&str> = tickets.iter().copied().chain(tickets.iter().copied().take(2)).collect();
    let file = folder.join("tickets.jsonl");
    tunewright::fs::write_atomic(&file, doubled.join("\n").as_bytes()).unwrap();
    let more = "question,answer,topic\nWhere is my parcel?,In Hamburg,delivery\nお茶はありますか,はい,other\n,no question,other\n";
    tunewright::fs::write_atomic(&folder.join("more.csv"), more.as_bytes()).unwrap();
    std::fs::create_dir(folder.join("Other")).unwrap();
    let run = |spec: JobSpec, stop_at: Option<usize>| -> Option<PathBuf> {
        let job = engine.start(spec);
        let mut run_dir = None;
        for event in engine.events().iter().filter(|event| event.job == job) {
            match event.kind {
                EventKind::RunStarted { run_dir: dir, .. } => run_dir = Some(dir),
                EventKind::Step(step) if Some(step.step) == stop_at => engine.control(job, Signal::Stop { save: true }),
                EventKind::Finished(Outcome::Failed(failure)) => panic!("{}", failure.message),
                EventKind::Finished(_) => break,
                _ => {}
            }
        }
        run_dir
    };
    run(JobSpec::Store(StoreJob::OpenProject { folder: project.to_owned(), sample: false }), None);
    run(JobSpec::Io(IoJob::Import { project: project.to_owned(), request: ImportRequest::new(&file) }), None);
    let model = ModelRef::Folder(tiny);
    let settings = Settings { model: Some(model.clone()), ..Settings::default() };
    run(JobSpec::Store(StoreJob::SaveSettings { project: project.to_owned(), settings }), None);
    let mut recipe = Recipe::new(model, PathBuf::new());
    recipe.training.max_steps = 2;
    run(JobSpec::Train(TrainJob::Train { project: project.to_owned(), recipe: recipe.clone() }), None);
    recipe.training.max_steps = 500;
    run(JobSpec::Train(TrainJob::Train { project: project.to_owned(), recipe }), Some(2)).unwrap()
}

/// `WALK_SEED` takes another way, to look for more.
fn walk(part: u64) {
    let seed = std::env::var("WALK_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()).unwrap_or_default();
    let mut walk = Walk::begin(4 * seed + part);
    for act in 1..=NUM_ACTS {
        walk.act();
        if act % 50 == 0 {
            walk.find_a_way_on();
        }
    }
}

#[test]
fn a_first_walk_finds_no_dead_end() {
    walk(1);
}

#[test]
fn a_second_walk_finds_no_dead_end() {
    walk(2);
}

#[test]
fn a_third_walk_finds_no_dead_end() {
    walk(3);
}

#[test]
fn a_fourth_walk_finds_no_dead_end() {
    walk(4);
}

//! A window over an engine without threads: the test says what its jobs tell, or a made-up world does.

use std::ops::Deref;

use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell};
use tunewright::engine::fake::FakeEngine;
use tunewright::engine::{EventKind, JobId, JobSpec, Outcome, Reply};
use tunewright::task::Signal;

use super::{Behind, Driven, PATIENCE, Wake, World, asked, harness};

/// More questions on end than any screen has.
const MOST_QUESTIONS: usize = 20;

pub type Window = Driven<Scripted>;

/// The engine of a [`Window`]: it writes down what was asked of it.
pub struct Scripted {
    fake: FakeEngine,
    /// Answers by itself whatever it can; without one, only the test answers.
    world: Option<World>,
    num_seen: usize,
    /// Whether the window has to come to rest after each act; otherwise it has three frames.
    pub must_rest: bool,
}

impl Deref for Scripted {
    type Target = FakeEngine;

    fn deref(&self) -> &FakeEngine {
        &self.fake
    }
}

impl Scripted {
    /// Answers what was asked since the last time; false if that is nothing.
    fn answer_new(&mut self) -> bool {
        let Some(world) = &mut self.world else { return false };
        let started = self.fake.started();
        let seen = std::mem::replace(&mut self.num_seen, started.len());
        for (job, spec) in &started[seen..] {
            if asked::is_keep_answers(spec) {
                self.fake.tell(*job, EventKind::Started);
                self.fake.tell(*job, EventKind::Finished(Outcome::Completed));
            } else if let Some(reply) = world.reply(spec) {
                self.fake.answer(*job, reply);
            }
        }
        seen < started.len()
    }
}

impl Behind for Scripted {
    /// Frames until the window rests and asks nothing more that the world knows.
    fn show(window: &mut Window) {
        for _ in 0..MOST_QUESTIONS {
            match window.engine.must_rest {
                true => {
                    window.harness.run();
                }
                false => window.harness.run_steps(3),
            }
            if !window.engine.answer_new() {
                return;
            }
        }
        panic!("the window asks for ever");
    }

    fn settle(window: &mut Window) {
        Self::show(window);
    }
}

impl Window {
    /// The first launch, answered by hand.
    pub fn open() -> Self {
        Self::with_settings(AppSettings::default())
    }

    /// A launch of somebody who has these settings, answered by hand.
    pub fn with_settings(settings: AppSettings) -> Self {
        let (fake, wake) = (FakeEngine::default(), Wake::new());
        let harness = harness(Shell::new(Box::new(fake.clone()), settings, wake.waker()));
        let engine = Scripted { fake, world: None, num_seen: 0, must_rest: true };
        Self { harness, engine, patience: PATIENCE, wake }
    }

    /// The first launch, answered by a world.
    pub fn in_world(world: World) -> Self {
        let mut window = Self::open();
        window.engine.world = Some(world);
        window.settle();
        window
    }

    /// With the world's project open.
    pub fn with_project(world: World) -> Self {
        let folder = world.project.folder.clone();
        let mut window = Self::in_world(world);
        window.act(Action::OpenProject { folder, sample: false });
        window
    }

    /// With the world's project open on a screen.
    pub fn at(screen: Screen, world: World) -> Self {
        let mut window = Self::with_project(world);
        window.act(Action::Go(screen));
        window
    }

    /// The world that answers, to change it.
    pub fn world(&mut self) -> &mut World {
        self.engine.world.as_mut().expect("this window is answered by hand")
    }

    /// The newest job that fits.
    pub fn job(&self, fits: impl Fn(&JobSpec) -> bool) -> JobId {
        self.engine.last_job(fits).expect("the window started no such job")
    }

    /// What the newest job that fits was asked.
    pub fn spec(&self, fits: impl Fn(&JobSpec) -> bool) -> Option<JobSpec> {
        self.engine.started().into_iter().rev().map(|(_, spec)| spec).find(|spec| fits(spec))
    }

    /// How many jobs that fit were started so far.
    pub fn num_asked(&self, fits: impl Fn(&JobSpec) -> bool) -> usize {
        self.engine.started().iter().filter(|(_, spec)| fits(spec)).count()
    }

    /// What a job was signalled, oldest first.
    pub fn signals_to(&self, job: JobId) -> Vec<Signal> {
        self.engine.signals().into_iter().filter(|(to, _)| *to == job).map(|(_, signal)| signal).collect()
    }

    /// Answers the newest job that fits, and ends it.
    pub fn answer(&mut self, fits: impl Fn(&JobSpec) -> bool, reply: Reply) {
        self.engine.answer(self.job(fits), reply);
        Scripted::show(self);
    }

    /// A job tells one thing.
    pub fn tell(&mut self, job: JobId, kind: EventKind) {
        self.engine.tell(job, kind);
        Scripted::show(self);
    }
}

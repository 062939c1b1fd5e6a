//! The system's file dialogs and file manager, each in a thread of its own: the window never waits for them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::action::Action;

/// Which dialog to open.
#[derive(Debug, Clone, PartialEq)]
pub struct FilePick {
    pub title: &'static str,
    pub kind: PickKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PickKind {
    /// A file with one of these endings; empty for any.
    Open {
        name: &'static str,
        endings: &'static [&'static str],
    },
    Folder,
    /// A new file, with a name to begin with.
    Save {
        name: String,
    },
}

/// What comes of a path, or of several.
#[derive(Debug, Clone, Copy)]
pub enum Then {
    One(fn(PathBuf) -> Action),
    Several(fn(Vec<PathBuf>) -> Action),
}

/// A path that the person is to type, because the system shows no dialog.
#[derive(Debug, Clone)]
pub struct PathAsked {
    pub pick: FilePick,
    pub then: Then,
}

/// Compares what is asked: functions have nothing to compare.
impl PartialEq for PathAsked {
    fn eq(&self, other: &Self) -> bool {
        self.pick == other.pick
    }
}

/// What the window asks of the desktop around it. Each may wait for a person: it is called in a thread of its own.
pub trait Desktop: Send + Sync {
    /// `None` where the person cancels, or at once where no dialog can be shown.
    fn pick(&self, pick: FilePick) -> Option<PathBuf>;

    /// One file or more of a kind.
    fn pick_several(&self, title: &'static str, kinds: FileKinds) -> Option<Vec<PathBuf>>;

    /// Shows a folder in the file manager.
    ///
    /// # Errors
    /// The system's own, when there is no file manager to open it.
    fn open_folder(&self, path: &Path) -> io::Result<()>;
}

/// What files are called in a dialog, and how their names end.
pub type FileKinds = (&'static str, &'static [&'static str]);

/// The desktop that this process runs on.
struct System;

impl Desktop for System {
    fn pick(&self, pick: FilePick) -> Option<PathBuf> {
        // Asking for one that isn't there takes seconds the first time.
        if !has_file_dialog() {
            return None;
        }
        let dialog = rfd::FileDialog::new().set_title(pick.title);
        match pick.kind {
            PickKind::Open { endings: [], .. } => dialog.pick_file(),
            PickKind::Open { name, endings } => dialog.add_filter(name, endings).pick_file(),
            PickKind::Folder => dialog.pick_folder(),
            PickKind::Save { name } => dialog.set_file_name(name).save_file(),
        }
    }

    fn pick_several(&self, title: &'static str, (name, endings): FileKinds) -> Option<Vec<PathBuf>> {
        has_file_dialog().then(|| rfd::FileDialog::new().set_title(title).add_filter(name, endings).pick_files())?
    }

    fn open_folder(&self, path: &Path) -> io::Result<()> {
        open::that_detached(path)
    }
}

/// A dialog that ended sooner was never shown.
const NO_DIALOG: Duration = Duration::from_millis(250);

/// How many answers may wait for the next frame.
const ROOM: usize = 16;

pub struct Files {
    sender: Sender<Action>,
    receiver: Receiver<Action>,
    waker: Arc<dyn Fn() + Send + Sync>,
    desktop: Arc<dyn Desktop>,
    /// Threads at work.
    num_busy: Arc<AtomicUsize>,
    /// Gone with the window.
    alive: Arc<()>,
}

impl Files {
    pub fn new(waker: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self::on(Arc::new(System), waker)
    }

    /// Files on another desktop than this process's: a test's.
    pub fn on(desktop: Arc<dyn Desktop>, waker: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(ROOM);
        Self { sender, receiver, waker, desktop, num_busy: Arc::default(), alive: Arc::new(()) }
    }

    /// A dialog is open, or a file is being read or written.
    pub fn is_busy(&self) -> bool {
        self.num_busy.load(Ordering::Acquire) > 0 || !self.receiver.is_empty()
    }

    /// What was chosen since the last frame.
    pub fn chosen(&self) -> impl Iterator<Item = Action> + '_ {
        self.receiver.try_iter()
    }

    pub fn pick(&self, pick: FilePick, then: fn(PathBuf) -> Action) {
        let (desktop, asked) = (self.desktop.clone(), PathAsked { pick: pick.clone(), then: Then::One(then) });
        self.ask(move || desktop.pick(pick), then, asked);
    }

    /// One file or more, with one of these endings.
    pub fn pick_several(&self, title: &'static str, kinds: FileKinds, then: fn(Vec<PathBuf>) -> Action) {
        let desktop = self.desktop.clone();
        let pick = FilePick { title, kind: PickKind::Open { name: kinds.0, endings: kinds.1 } };
        let asked = PathAsked { pick, then: Then::Several(then) };
        self.ask(move || desktop.pick_several(title, kinds), then, asked);
    }

    fn ask<T>(&self, dialog: impl FnOnce() -> Option<T> + Send + 'static, then: fn(T) -> Action, asked: PathAsked)
    where
        T: 'static,
    {
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        self.in_thread(move || {
            let start = Instant::now();
            let action = match dialog() {
                Some(chosen) => then(chosen),
                // Nobody cancels that fast: this desktop has no file dialog to show.
                None if start.elapsed() < NO_DIALOG => Action::AskPath(asked),
                None => return,
            };
            // Only a window that is gone doesn't listen.
            let _ = sender.send(action);
            waker();
        });
    }

    pub fn open_folder(&self, path: PathBuf) {
        let desktop = self.desktop.clone();
        self.run(move || match desktop.open_folder(&path) {
            Ok(()) => None,
            Err(error) => Some(Action::NoFileManager(path, error.to_string())),
        });
    }

    /// Runs `work`, and wakes the window with the action it gives.
    pub fn run(&self, work: impl FnOnce() -> Option<Action> + Send + 'static) {
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        self.in_thread(move || {
            if let Some(action) = work() {
                let _ = sender.send(action);
                waker();
            }
        });
    }

    /// What a thread with several things to report needs: how, and whether the window is still there.
    pub fn teller(&self) -> (impl Fn(Action) + Send + 'static, impl Fn() -> bool + Send + 'static) {
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let alive = Arc::downgrade(&self.alive);
        let tell = move |action| {
            // A full channel only means that the window is busy: the next figure comes soon.
            if sender.try_send(action).is_ok() {
                waker();
            }
        };
        (tell, move || alive.strong_count() > 0)
    }

    fn in_thread(&self, work: impl FnOnce() + Send + 'static) {
        let busy = Busy::new(&self.num_busy);
        let work = move || {
            work();
            drop(busy);
        };
        if let Err(error) = std::thread::Builder::new().name("files".to_owned()).spawn(work) {
            log::error!("no thread for a file dialog: {error}");
        }
    }
}

/// Whether the system has something that shows a file dialog: on Linux a portal with one, or zenity.
fn has_file_dialog() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let paths = |name: &str, usual: &str| -> Vec<PathBuf> {
        let value = std::env::var_os(name).filter(|value| !value.is_empty()).unwrap_or_else(|| usual.into());
        std::env::split_paths(&value).collect()
    };
    if paths("PATH", "/usr/local/bin:/usr/bin:/bin").iter().any(|folder| folder.join("zenity").is_file()) {
        return true;
    }
    let has_bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
        || std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| PathBuf::from(folder).join("bus").exists());
    let is_portal = |folder: &PathBuf| {
        let Ok(entries) = std::fs::read_dir(folder.join("xdg-desktop-portal/portals")) else { return false };
        let texts = entries.flatten().filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
        texts.into_iter().any(|text| text.contains("impl.portal.FileChooser"))
    };
    has_bus && paths("XDG_DATA_DIRS", "/usr/local/share:/usr/share").iter().any(is_portal)
}

/// Counts a thread for as long as it works, also one that panics.
struct Busy(Arc<AtomicUsize>);

impl Busy {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

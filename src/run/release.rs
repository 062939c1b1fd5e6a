//! Which run is in use: `released.json`, a list of the times during which a run was the released one.

use std::path::Path;

use jiff::Zoned;
use serde::{Deserialize, Serialize};

use super::{RunDir, RunError, RunRecord};
use crate::fs::write_atomic;

/// The content of `released.json`, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Releases(pub Vec<Release>);

/// A time during which a run was the released one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// With its time zone.
    pub from: String,
    /// When another run took its place; none while it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Releases {
    /// Nothing where nothing was kept, or nothing that can be read.
    pub fn read(run_dir: &Path) -> Self {
        let text = std::fs::read(RunDir(run_dir).released()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Since when it is in use; `None` for a run that isn't.
    pub fn since(&self) -> Option<Zoned> {
        self.0.last().filter(|release| release.until.is_none())?.from.parse().ok()
    }

    fn write(&self, run_dir: &Path) -> Result<(), RunError> {
        let path = RunDir(run_dir).released();
        let text = serde_json::to_vec_pretty(self).map_err(|e| RunError::io(&path)(e.into()))?;
        write_atomic(&path, &text).map_err(RunError::io(&path))
    }
}

/// Marks a run as the released one of all runs in its folder; the one before it is so no longer, and keeps its dates. A run
/// that is released already stays as it is. Gives the name of the run whose place it takes.
///
/// # Errors
/// [`RunError::NotReleasable`] for a run without weights; [`RunError`] where the run can't be read, or a mark can't be
/// written.
pub fn release(run_dir: &Path, at: &Zoned) -> Result<Option<String>, RunError> {
    let run = RunRecord::read(run_dir)?;
    if run.adapter.is_none() {
        return Err(RunError::NotReleasable { run_dir: run_dir.into() });
    }
    let runs = super::list(run_dir.parent().unwrap_or(Path::new("")))?;
    let before = released(&runs).map(|run| run.name.clone());
    if before.as_ref() != Some(&run.name) {
        // This one first: were the program killed in between, the later release counts.
        let mut releases = run.about.releases;
        end(&mut releases, at);
        releases.0.push(Release { from: at.to_string(), until: None });
        releases.write(run_dir)?;
    }
    for other in runs.into_iter().filter(|other| other.name != run.name) {
        let mut releases = other.about.releases;
        if end(&mut releases, at) {
            releases.write(&other.run_dir)?;
        }
    }
    Ok(before.filter(|before| *before != run.name))
}

fn end(releases: &mut Releases, at: &Zoned) -> bool {
    let open = releases.0.iter_mut().filter(|release| release.until.is_none());
    open.map(|release| release.until = Some(at.to_string())).count() > 0
}

/// The run that is in use, of all runs of a project.
pub fn released(runs: &[RunRecord]) -> Option<&RunRecord> {
    let in_use = runs.iter().filter_map(|run| Some((run.about.releases.since()?, run)));
    in_use.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, run)| run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, name: &str, has_weights: bool) -> std::path::PathBuf {
        let run_dir = folder.join(name);
        let recipe = "version = 2\nbase_model = \"starter\"\n[data]\ntrain = \"train.jsonl\"\n";
        write_atomic(&RunDir(&run_dir).recipe(), recipe.as_bytes()).unwrap();
        if has_weights {
            let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama/adapter");
            let checkpoint = RunDir(&run_dir).checkpoint(5);
            for entry in std::fs::read_dir(adapter).unwrap() {
                let entry = entry.unwrap();
                write_atomic(&checkpoint.join(entry.file_name()), &std::fs::read(entry.path()).unwrap()).unwrap();
            }
        }
        run_dir
    }

    #[test]
    fn one_run_is_released_and_earlier_ones_keep_their_dates() {
        let folder = tempfile::tempdir().unwrap();
        let at = |day: &str| format!("2026-11-{day}T12:00:00+01:00[Europe/Berlin]").parse::<Zoned>().unwrap();
        let (first, second) = (run(folder.path(), "1", true), run(folder.path(), "2", true));
        let in_use = || released(&super::super::list(folder.path()).unwrap()).map(|run| run.name.clone());
        assert_eq!(in_use(), None);
        assert_eq!(release(&first, &at("01")).unwrap(), None);
        assert_eq!(release(&first, &at("02")).unwrap(), None, "it is already");
        assert_eq!(Releases::read(&first).since(), Some(at("01")));
        assert_eq!(release(&second, &at("05")).unwrap().as_deref(), Some("1"));
        assert_eq!(in_use().as_deref(), Some("2"));
        assert_eq!(
            Releases::read(&first).0,
            [Release { from: at("01").to_string(), until: Some(at("05").to_string()) }]
        );
        // And back.
        release(&first, &at("07")).unwrap();
        assert_eq!((in_use().as_deref(), Releases::read(&first).0.len()), (Some("1"), 2));
        // Killed between the two files: the later one counts, and the next release puts it right.
        Releases(vec![Release { from: at("09").to_string(), until: None }]).write(&second).unwrap();
        assert_eq!(in_use().as_deref(), Some("2"));
        release(&second, &at("10")).unwrap();
        assert_eq!(Releases::read(&first).since(), None);
        let without = release(&run(folder.path(), "3", false), &at("11")).unwrap_err();
        assert!(without.to_string().contains("no weights"), "{without}");
        write_atomic(&RunDir(&first).released(), b"[{").unwrap();
        assert_eq!(Releases::read(&first), Releases::default());
    }
}

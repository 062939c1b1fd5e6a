//! The dialog for a data set of the Hub: its name, what the Hub says of it, what is wanted of it.

use crate::app::OpenDialog;
use crate::app::effect::Effect;
use crate::app::start::Start;
use crate::app::state::ToImport;
use crate::data::Split;
use crate::engine::dataset::{WantedData, usual_part};
use crate::engine::{EngineError, EventKind, Failure, JobId, JobSpec, NetJob, Outcome, Reply};
use crate::hub::dataset::{DatasetSplit, Subset};
use crate::hub::{Dataset, DatasetName};

/// What a person did in the dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum DatasetAction {
    Open,
    Close,
    /// Asks the Hub for a data set of this name.
    LookUp(String),
    Subset(usize),
    /// This split is wanted, or not.
    Want(usize, bool),
    /// Where a split's rows go; `None`: they are dealt.
    Part(usize, Option<Split>),
    /// At most this many rows of each split.
    MaxRows(Option<u64>),
    Fetch,
}

/// What the dialog is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    #[default]
    Waiting,
    Asking(JobId),
    Fetching(JobId),
}

/// What is wanted of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub is_wanted: bool,
    pub part: Option<Split>,
}

/// A data set that the Hub has told of.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub dataset: Dataset,
    pub subset: usize,
    /// For each split of the subset.
    pub wishes: Vec<Wish>,
    pub max_rows: Option<u64>,
}

impl Found {
    fn new(dataset: Dataset) -> Self {
        let wanted = dataset.subset(dataset.name.subset.as_deref()).ok();
        let subset = dataset.subsets.iter().position(|subset| Some(subset) == wanted).unwrap_or_default();
        let mut found = Self { dataset, subset, wishes: Vec::new(), max_rows: None };
        found.choose(subset);
        found
    }

    fn choose(&mut self, subset: usize) {
        self.subset = subset;
        let splits = self.subset().map_or(&[][..], |subset| &subset.splits);
        self.wishes = splits.iter().map(|split| Wish { is_wanted: true, part: usual_part(&split.name) }).collect();
    }

    /// There is always one.
    pub fn subset(&self) -> Option<&Subset> {
        self.dataset.subsets.get(self.subset)
    }

    /// The splits that are wanted, and where their rows go.
    pub fn wanted(&self) -> Vec<(&DatasetSplit, Option<Split>)> {
        let splits = self.subset().map_or(&[][..], |subset| &subset.splits);
        let with_wishes = splits.iter().zip(&self.wishes).filter(|(_, wish)| wish.is_wanted);
        with_wishes.map(|(split, wish)| (split, wish.part)).collect()
    }

    /// Rows that will come, where the card says how many there are.
    pub fn num_rows(&self) -> Option<u64> {
        let most = self.max_rows.unwrap_or(u64::MAX);
        self.wanted().iter().map(|(split, _)| split.num_rows.map(|rows| rows.min(most))).sum()
    }

    fn wanted_data(&self) -> Option<WantedData> {
        let splits = self.wanted().into_iter().map(|(split, part)| (split.clone(), part)).collect();
        let (dataset, subset) = (self.dataset.clone(), self.subset()?.clone());
        Some(WantedData { dataset, subset, splits, max_rows: self.max_rows })
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct DatasetState {
    pub is_open: bool,
    pub stage: Stage,
    pub found: Option<Found>,
    pub failure: Option<Failure>,
}

impl DatasetState {
    /// Why nothing can be downloaded now.
    pub fn problem(&self) -> Option<&'static str> {
        match (&self.stage, &self.found) {
            (Stage::Fetching(_), _) => Some("The download is running"),
            (Stage::Asking(_), _) => Some("The Hub has not answered yet"),
            (_, None) => Some("Look up a data set first"),
            (_, Some(found)) if found.wanted().is_empty() => Some("Choose at least one split"),
            _ => None,
        }
    }

    /// Gives what is to be done outside of this dialog.
    pub fn apply(&mut self, action: DatasetAction, jobs: &mut dyn Start) -> Vec<Effect> {
        // What is being downloaded stays what was chosen.
        let found = self.found.as_mut().filter(|_| !matches!(self.stage, Stage::Fetching(_)));
        match (action, found) {
            (DatasetAction::Open, _) => {
                self.is_open = true;
                return vec![Effect::Open(OpenDialog::Dataset)];
            }
            (DatasetAction::Close, _) => {
                self.close(jobs);
                return vec![Effect::Close(OpenDialog::Dataset)];
            }
            (DatasetAction::LookUp(name), _) => self.look_up(&name, jobs),
            (DatasetAction::Subset(at), Some(found)) => found.choose(at),
            (DatasetAction::Want(at, is_wanted), Some(found)) => {
                found.wishes.iter_mut().skip(at).take(1).for_each(|wish| wish.is_wanted = is_wanted);
            }
            (DatasetAction::Part(at, part), Some(found)) => {
                found.wishes.iter_mut().skip(at).take(1).for_each(|wish| wish.part = part);
            }
            (DatasetAction::MaxRows(max_rows), Some(found)) => found.max_rows = max_rows,
            (DatasetAction::Fetch, _) => self.fetch(jobs),
            _ => {}
        }
        Vec::new()
    }

    fn look_up(&mut self, name: &str, jobs: &mut dyn Start) {
        self.stop(jobs);
        self.found = None;
        self.failure = None;
        match DatasetName::parse(name) {
            Ok(name) => self.stage = Stage::Asking(jobs.start(JobSpec::Net(NetJob::ListDataset { name }))),
            Err(error) => self.failure = Some(EngineError::from(error).failure()),
        }
    }

    fn fetch(&mut self, jobs: &mut dyn Start) {
        if self.problem().is_some() {
            return;
        }
        let Some(wanted) = self.found.as_ref().and_then(Found::wanted_data) else { return };
        self.stage = Stage::Fetching(jobs.start(JobSpec::Net(NetJob::FetchDataset { wanted })));
        self.failure = None;
    }

    /// What has arrived of a download is kept for the next try.
    fn close(&mut self, jobs: &mut dyn Start) {
        self.stop(jobs);
        self.is_open = false;
    }

    fn stop(&mut self, jobs: &mut dyn Start) {
        if let Stage::Asking(job) | Stage::Fetching(job) = std::mem::take(&mut self.stage) {
            jobs.stop(job);
        }
    }

    /// Gives what is to be done outside of this dialog: the import, once all its files are there.
    pub fn on_event(&mut self, from: JobId, event: &EventKind) -> Vec<Effect> {
        let (Stage::Asking(job) | Stage::Fetching(job)) = self.stage else { return Vec::new() };
        if job != from {
            return Vec::new();
        }
        match event {
            EventKind::Reply(reply) => match &**reply {
                Reply::Dataset(dataset) => self.found = Some(Found::new(dataset.clone())),
                Reply::Fetched(request) => {
                    self.is_open = false;
                    return vec![Effect::Import(ToImport::Fetched(request.clone()))];
                }
                _ => {}
            },
            EventKind::Finished(outcome) => {
                self.stage = Stage::Waiting;
                if let Outcome::Failed(failure) = outcome {
                    self.failure = Some(failure.clone());
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::import::ImportRequest;
    use crate::engine::fake::FakeEngine;
    use crate::hub::RemoteFile;
    use crate::hub::dataset::ListedBy;
    use crate::task::Signal;

    fn split(name: &str, num_files: usize) -> DatasetSplit {
        let file = |at| RemoteFile { path: format!("{name}-{at}.csv"), num_bytes: 10, sha256: None };
        DatasetSplit { name: name.to_owned(), num_rows: None, files: (0..num_files).map(file).collect() }
    }

    fn dataset() -> Dataset {
        let subset = |name: &str| Subset { name: name.to_owned(), splits: vec![split("train", 2), split("hard", 1)] };
        Dataset {
            name: DatasetName::parse("a/b:two").unwrap(),
            revision: "main".to_owned(),
            commit: "c0ffee".to_owned(),
            license: None,
            is_gated: false,
            listed_by: ListedBy::Card,
            subsets: vec![subset("one"), subset("two")],
            notes: Vec::new(),
            info: Default::default(),
        }
    }

    fn hear(state: &mut DatasetState, fake: &FakeEngine) -> Option<ImportRequest> {
        let events: Vec<_> = crate::engine::Backend::events(fake).try_iter().collect();
        let effects = events.iter().flat_map(|event| state.on_event(event.job, &event.kind));
        let import =
            |effect| if let Effect::Import(ToImport::Fetched(request)) = effect { Some(request) } else { None };
        effects.filter_map(import).last()
    }

    #[test]
    fn a_name_becomes_an_import_with_a_part_for_each_file() {
        let (mut state, mut fake) = (DatasetState::default(), FakeEngine::default());
        state.apply(DatasetAction::LookUp("no name".to_owned()), &mut fake);
        assert!(state.failure.as_ref().unwrap().message.contains("isn't the name of a data set"));

        state.apply(DatasetAction::LookUp("a/b:two".to_owned()), &mut fake);
        let (asked, spec) = fake.started().remove(0);
        assert_eq!(spec, JobSpec::Net(NetJob::ListDataset { name: DatasetName::parse("a/b:two").unwrap() }));
        assert_eq!(state.failure, None);
        fake.answer(asked, Reply::Dataset(dataset()));
        assert_eq!(hear(&mut state, &fake), None);
        let found = state.found.as_ref().unwrap();
        assert_eq!((found.subset, found.wishes[0].part, found.wishes[1].part), (1, Some(Split::Train), None));

        state.apply(DatasetAction::Want(0, false), &mut fake);
        state.apply(DatasetAction::Want(1, false), &mut fake);
        assert_eq!(state.problem(), Some("Choose at least one split"));
        state.apply(DatasetAction::Want(0, true), &mut fake);
        state.apply(DatasetAction::Want(1, true), &mut fake);
        state.apply(DatasetAction::Part(1, Some(Split::Test)), &mut fake);
        state.apply(DatasetAction::MaxRows(Some(100)), &mut fake);
        state.apply(DatasetAction::Fetch, &mut fake);
        state.apply(DatasetAction::Want(0, false), &mut fake);
        let (fetch, spec) = fake.started().remove(1);
        let JobSpec::Net(NetJob::FetchDataset { wanted }) = spec else { panic!("{spec:?}") };
        let splits: Vec<_> = wanted.splits.iter().map(|(split, part)| (split.name.as_str(), *part)).collect();
        assert_eq!(splits, [("train", Some(Split::Train)), ("hard", Some(Split::Test))]);
        assert_eq!((wanted.subset.name.as_str(), wanted.max_rows), ("two", Some(100)));
        let request = ImportRequest::new("x/0");
        fake.answer(fetch, Reply::Fetched(request.clone()));
        assert_eq!((hear(&mut state, &fake), state.is_open), (Some(request), false));
    }

    #[test]
    fn closing_stops_the_download_and_late_answers_are_dropped() {
        let (mut state, mut fake) = (DatasetState::default(), FakeEngine::default());
        state.apply(DatasetAction::LookUp("a/b".to_owned()), &mut fake);
        state.apply(DatasetAction::LookUp("a/c".to_owned()), &mut fake);
        let first = fake.started()[0].0;
        fake.answer(first, Reply::Dataset(dataset()));
        hear(&mut state, &fake);
        assert!(state.found.is_none());
        let second = fake.started()[1].0;
        fake.answer(second, Reply::Dataset(dataset()));
        hear(&mut state, &fake);
        state.apply(DatasetAction::Fetch, &mut fake);
        state.apply(DatasetAction::Close, &mut fake);
        let stop = Signal::Stop { save: false };
        assert_eq!(fake.signals(), [(first, stop), (fake.started()[2].0, stop)]);
        assert!(!state.is_open && state.stage == Stage::Waiting);
    }
}

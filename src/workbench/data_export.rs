//! A project's examples as a file of another shape, or one for each split.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::WorkbenchError;
use crate::data::export::{ExportReport, ExportRequest, ExportRow, export};
use crate::data::shape::FileShape;
use crate::data::{ImportError, Split};
use crate::project::{ExampleQuery, Project, StoredExample};
use crate::task::Task;

/// Which examples, where to, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct DataExport {
    pub what: ExportWhat,
    pub shape: FileShape,
    pub to: PathBuf,
    /// Each row says its split.
    pub with_split: bool,
    /// And when it is from, if any example says so.
    pub with_date: bool,
    /// A file for each split that has examples, named after it: `tickets.train.jsonl`.
    pub per_split: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExportWhat {
    /// Those that a query finds, in its order; examples that take no part only if the query asks for them.
    Matching(ExampleQuery),
    /// These, in the data's order.
    Ids(Vec<i64>),
}

/// Writes the examples; a report for each file. Files of single splits never take the place of others.
///
/// # Errors
/// Where the store can't be read, a file can't be written, or the task was stopped.
pub fn export_data(
    project: &mut Project,
    request: &DataExport,
    task: &dyn Task,
) -> Result<Vec<ExportReport>, WorkbenchError> {
    if !request.per_split {
        let ids = chosen(project, &request.what, None)?;
        return Ok(vec![write(project, request, request.to.clone(), &ids, task)?]);
    }
    let mut files = Vec::new();
    for split in Split::ALL {
        let ids = chosen(project, &request.what, Some(split))?;
        if !ids.is_empty() {
            files.push((named_after(&request.to, split), ids));
        }
    }
    for (path, _) in &files {
        if path.exists() {
            let source = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already; choose another name");
            return Err(ImportError::Write { path: path.clone(), source }.into());
        }
    }
    files.into_iter().map(|(path, ids)| write(project, request, path, &ids, task)).collect()
}

/// The examples to write; with a split, those that take no part are left out: they are in none.
fn chosen(project: &mut Project, what: &ExportWhat, split: Option<Split>) -> Result<Vec<i64>, WorkbenchError> {
    let query = match what {
        ExportWhat::Matching(query) => query.clone(),
        ExportWhat::Ids(_) => ExampleQuery::default(),
    };
    if split.is_some() && query.split.is_some() && split != query.split {
        return Ok(Vec::new());
    }
    let mut ids = project.matching_ids(&ExampleQuery { split: split.or(query.split), ..query })?;
    if let ExportWhat::Ids(wanted) = what {
        let wanted: HashSet<i64> = wanted.iter().copied().collect();
        ids.retain(|id| wanted.contains(id));
    }
    Ok(ids)
}

fn write(
    project: &Project,
    request: &DataExport,
    to: PathBuf,
    ids: &[i64],
    task: &dyn Task,
) -> Result<ExportReport, WorkbenchError> {
    let takes_all = match &request.what {
        ExportWhat::Matching(query) => query.wants_left_out(),
        ExportWhat::Ids(_) => true,
    };
    let num_rows = Some(ids.len() as u64);
    let with_date = request.with_date && project.has_dates()?;
    let file = ExportRequest { to, shape: request.shape, with_split: request.with_split, with_date, num_rows };
    export::<WorkbenchError>(&file, task, |sink| {
        project.for_each_of(ids, &mut |stored| {
            if !stored.takes_part() && !takes_all {
                return ControlFlow::Continue(());
            }
            let StoredExample { number, split, example, annotations, .. } = &stored;
            sink(ExportRow { number: *number, split: *split, date: annotations.date, example })
        })?;
        Ok(())
    })
}

/// `tickets.jsonl.gz` → `tickets.train.jsonl.gz`
fn named_after(path: &Path, split: Split) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_packing = |ending: &str| matches!(ending.to_ascii_lowercase().as_str(), "gz" | "zst");
    let (stem, endings) = match name.rsplit_once('.') {
        Some((stem, packing)) if is_packing(packing) => match stem.rsplit_once('.') {
            Some((stem, ending)) => (stem, format!(".{ending}.{packing}")),
            None => (stem, format!(".{packing}")),
        },
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name.as_ref(), String::new()),
    };
    path.with_file_name(format!("{stem}.{}{endings}", split.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Example, Message, Role};
    use crate::project::{Edit, ExampleStatus};
    use crate::task::Unwatched;

    fn project(folder: &Path) -> Project {
        let mut project = Project::create(&folder.join("project")).unwrap();
        for (text, split) in [("one", Split::Train), ("two", Split::Test), ("three", Split::Train)] {
            let messages = vec![Message::new(Role::User, text), Message::new(Role::Assistant, "a")];
            project.apply(&Edit::Insert { example: Example::from(messages), split }).unwrap();
        }
        project.apply(&Edit::SetStatus { ids: vec![1], status: ExampleStatus::SetAside }).unwrap();
        project
    }

    fn prompts(path: &Path) -> Vec<String> {
        let examples = crate::data::read_all(path, &Unwatched).unwrap();
        examples.iter().map(|example| example.messages[0].content.clone()).collect()
    }

    #[test]
    fn all_those_found_or_those_marked() {
        let folder = tempfile::tempdir().unwrap();
        let mut project = project(folder.path());
        let to = folder.path().join("out.jsonl.gz");
        let mut check = |what: ExportWhat, expected: &[&str]| {
            let shape = FileShape::PROMPT_COMPLETION;
            let request =
                DataExport { what, shape, to: to.clone(), with_split: true, with_date: true, per_split: false };
            let reports = export_data(&mut project, &request, &Unwatched).unwrap();
            assert_eq!((reports.len(), reports[0].num_exported), (1, expected.len() as u64));
            assert_eq!(prompts(&to), expected);
        };
        check(ExportWhat::Matching(ExampleQuery::default()), &["two", "three"]);
        let aside = ExampleQuery { status: Some(ExampleStatus::SetAside), ..ExampleQuery::default() };
        check(ExportWhat::Matching(aside), &["one"]);
        check(ExportWhat::Matching(ExampleQuery { search: "thr".to_owned(), ..ExampleQuery::default() }), &["three"]);
        check(ExportWhat::Ids(vec![2, 1]), &["one", "two"]);
    }

    #[test]
    fn a_file_for_each_split_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut project = project(folder.path());
        let to = folder.path().join("my.data.csv.zst");
        let what = ExportWhat::Matching(ExampleQuery::default());
        let shape = FileShape::PROMPT_COMPLETION_CSV;
        let request = DataExport { what, shape, to, with_split: false, with_date: true, per_split: true };
        let reports = export_data(&mut project, &request, &Unwatched).unwrap();
        let names: Vec<_> = reports.iter().map(|report| report.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["my.data.train.csv.zst", "my.data.test.csv.zst"]);
        assert_eq!(prompts(&reports[0].path), ["three"]);
        let error = export_data(&mut project, &request, &Unwatched).unwrap_err();
        assert!(error.to_string().contains("there already"), "{error}");
    }
}

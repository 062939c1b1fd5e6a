//! A second reviewer's labels, from a file with the same prompts.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

use super::WorkbenchError;
use crate::data::import::ImportRequest;
use crate::data::split::prompt_key;
use crate::data::{Example, ImportError, Role, read_examples};
use crate::project::{Project, label_of};
use crate::task::Task;

/// Keeps the labels of a file's rows with the examples that ask the same; gives how many found one. The second time that
/// a question comes is the second example that asks it.
///
/// # Errors
/// Where the file can't be read or has no labels, the store can't be written, or the task was stopped.
pub fn import_second_reviewer(
    project: &mut Project,
    request: &ImportRequest,
    task: &dyn Task,
) -> Result<u64, WorkbenchError> {
    let mut labels: HashMap<u64, VecDeque<String>> = HashMap::new();
    read_examples(request, task, &mut |row| {
        if let Some(label) = label_of(&row.example) {
            labels.entry(question_key(row.example)).or_default().push_back(label);
        }
        ControlFlow::Continue(())
    })?;
    let mut found = Vec::new();
    project.for_each_present(&mut |stored| {
        let label = labels.get_mut(&question_key(stored.example)).and_then(VecDeque::pop_front);
        found.extend(label.map(|label| (stored.id, label)));
        if task.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if task.is_stopped() {
        return Err(WorkbenchError::Stopped);
    }
    let path = &request.path;
    if found.is_empty() {
        let what = "none of its rows is a label of an example that is here".to_owned();
        return Err(ImportError::NoRows { path: path.clone(), what }.into());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    project.set_second_labels(&name, &found)?;
    Ok(found.len() as u64)
}

/// Without the system message, which reviewers are seldom shown.
fn question_key(mut example: Example) -> u64 {
    example.messages.retain(|message| message.role != Role::System);
    prompt_key(&example)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::import::{ColumnRole, Mapping};
    use crate::project::{Edit, ExampleQuery, Reviewed};
    use crate::task::Unwatched;

    fn write(path: &Path, rows: &[(&str, &str)]) {
        let rows: String = rows.iter().map(|(text, label)| format!("{text},{label}\n")).collect();
        crate::fs::write_atomic(path, format!("text,label\n{rows}").as_bytes()).unwrap();
    }

    #[test]
    fn labels_find_their_examples_and_the_agreement_is_cohens() {
        let folder = tempfile::tempdir().unwrap();
        let mut project = Project::create(&folder.path().join("project")).unwrap();
        let (first, second) = (folder.path().join("first.csv"), folder.path().join("second.csv"));
        write(&first, &[("one", "a"), ("two", "b"), ("three", "a"), ("two", "a"), ("five", "b"), ("six", "b")]);
        let request = ImportRequest { system_message: "Sort.".to_owned(), ..ImportRequest::new(&first) };
        project.import(&request, &Unwatched).unwrap();
        write(&second, &[("ONE ", "a"), ("two", "b"), ("two", "b"), ("three", "a"), ("five", "b"), ("else", "a")]);
        assert_eq!(import_second_reviewer(&mut project, &ImportRequest::new(&second), &Unwatched).unwrap(), 5);

        let found = project.reviewers().unwrap().unwrap();
        assert_eq!((found.source.as_str(), found.num_shared, found.num_agreeing), ("second.csv", 5, 4));
        assert_eq!((found.only_first, found.only_second), (1, 0));
        assert_eq!(found.differences, [("a".to_owned(), "b".to_owned(), 1)]);
        // Observed 4/5; expected (3 × 2 + 2 × 3) / 25.
        assert!((found.kappa.unwrap() - (0.8 - 0.48) / (1.0 - 0.48)).abs() < 1e-12);

        let differ = ExampleQuery { reviewers: Some(Reviewed::Differ), ..ExampleQuery::default() };
        assert_eq!(project.matching_ids(&differ).unwrap(), [4]);
        assert_eq!(project.facets(&ExampleQuery::default()).unwrap().reviewers, [4, 1]);
        assert_eq!(project.example(4).unwrap().annotations.second_label.as_deref(), Some("b"));
        project.apply(&Edit::SetLabel { ids: vec![4], label: Some("b".to_owned()) }).unwrap();
        assert_eq!(project.matching_ids(&differ).unwrap(), [] as [i64; 0]);
        assert_eq!(project.reviewers().unwrap().unwrap().num_agreeing, 5);

        // Each step is taken back and made again, the other reviewer's labels with their name.
        write(&second, &[("one", "b"), ("six", "b")]);
        let third = second.with_file_name("third.csv");
        std::fs::rename(&second, &third).unwrap();
        import_second_reviewer(&mut project, &ImportRequest::new(&third), &Unwatched).unwrap();
        let of = |project: &Project| {
            let labels = [1, 4, 6].map(|id| project.example(id).unwrap().annotations.second_label);
            (project.reviewers().unwrap().map(|found| found.source), labels.map(Option::unwrap_or_default))
        };
        let words = |source: &str, labels: [&str; 3]| (Some(source.to_owned()), labels.map(str::to_owned));
        assert_eq!(of(&project), words("third.csv", ["b", "", "b"]));
        assert_eq!(project.state().unwrap().undo.as_deref(), Some("Undo second reviewer's labels of third.csv"));
        project.undo().unwrap();
        assert_eq!(of(&project), words("second.csv", ["a", "b", ""]));
        project.redo().unwrap();
        project.set_second_labels("", &[]).unwrap();
        assert_eq!(project.reviewers().unwrap(), None);
        project.undo().unwrap();
        assert_eq!(of(&project), words("third.csv", ["b", "", "b"]));
        let history = project.history(1).unwrap();
        assert!(history.iter().any(|version| version.what == "second reviewer's labels of third.csv"), "{history:?}");
    }

    #[test]
    fn columns_of_any_name_are_mapped() {
        let folder = tempfile::tempdir().unwrap();
        let mut project = Project::create(&folder.path().join("project")).unwrap();
        let file = folder.path().join("rows.csv");
        write(&file, &[("one", "a"), ("two", "b"), ("three", "a"), ("four", "b"), ("five", "a"), ("six", "b")]);
        project.import(&ImportRequest::new(&file), &Unwatched).unwrap();
        crate::fs::write_atomic(&file, b"urteil,nr,frage\nb,1,one\nb,2,two\n").unwrap();
        let columns = [("urteil", ColumnRole::Assistant), ("nr", ColumnRole::Unused), ("frage", ColumnRole::User)];
        let columns = columns.map(|(name, role)| (name.to_owned(), role)).to_vec();
        let mapping = Some(Mapping { columns, ..Mapping::default() });
        let request = ImportRequest { mapping, ..ImportRequest::new(&file) };
        assert_eq!(import_second_reviewer(&mut project, &request, &Unwatched).unwrap(), 2);
        assert_eq!(project.reviewers().unwrap().unwrap().differences, [("a".to_owned(), "b".to_owned(), 1)]);
    }

    #[test]
    fn a_file_about_other_prompts_changes_nothing_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut project = Project::create(&folder.path().join("project")).unwrap();
        let file = folder.path().join("rows.csv");
        write(&file, &[("one", "a")]);
        project.import(&ImportRequest::new(&file), &Unwatched).unwrap();
        write(&file, &[("other", "a")]);
        let error = import_second_reviewer(&mut project, &ImportRequest::new(&file), &Unwatched).unwrap_err();
        assert!(error.to_string().contains("none of its rows"), "{error}");
        assert_eq!(project.reviewers().unwrap(), None);
    }
}

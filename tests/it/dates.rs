//! When examples are from: read from files, kept, sorted and split by, and written again.

use egui::accesskit::Role;
use tunewright::app::screens::data;
use tunewright::data::import::{ColumnRole, ImportRequest, Mapping, Note, Place};
use tunewright::data::shape::FileShape;
use tunewright::data::split::{SplitBy, SplitSpec};
use tunewright::data::{Split, date, preview};
use tunewright::project::{Edit, ExampleQuery, Project, Sort, SortBy};
use tunewright::task::Unwatched;
use tunewright::workbench::data_export::{DataExport, ExportWhat, export_data};

use super::fixtures::write;
use super::program;
use super::window::harness::Studio;

/// The third can't be read, the fourth has none.
const ROWS: &str = "text,label,created_at\nnewest,a,2025-03-01T12:00:00+01:00\noldest,b,2024-01-31\nodd,a,soon\nbare,b,\n\
    middle,a,1735689600\n1,a,2024-06-01\n2,a,2024-06-02\n3,a,2024-06-03\n4,a,2024-06-04\n5,a,2024-06-05\n\
    6,a,2024-06-06\n7,a,2024-06-07\n";

/// Prompts and dates, in order.
fn dates(project: &mut Project, sort: Sort) -> Vec<(String, Option<String>)> {
    let rows = project.query(&ExampleQuery { sort, limit: 100, ..ExampleQuery::default() }).unwrap().rows;
    rows.into_iter().map(|row| (row.prompt, row.annotations.date.map(date::to_text))).collect()
}

#[test]
fn dates_come_in_by_name_are_sorted_by_and_go_out_in_every_shape() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "rows.csv", ROWS);
    let look = preview(&ImportRequest::new(&path), &Unwatched).unwrap();
    assert_eq!(look.mapping.unwrap().columns[2].1, ColumnRole::Date);
    let note = "created_at isn't a date that can be read, and the example has none (\"soon\")";
    let first = Some(Place { file: None, line: 4 });
    assert_eq!((look.num_rejected, look.notes), (0, vec![Note { what: note.to_owned(), count: 1, first }]));

    let mut project = Project::create(&folder.path().join("project")).unwrap();
    project.import(&ImportRequest::new(&path), &Unwatched).unwrap();
    assert!(project.state().unwrap().has_dates);
    let sorted = dates(&mut project, Sort { by: SortBy::Date, descending: true });
    let told: Vec<_> = sorted.iter().map(|(prompt, date)| (prompt.as_str(), date.as_deref())).collect();
    assert_eq!(
        told[..3],
        [("newest", Some("2025-03-01T11:00:00Z")), ("middle", Some("2025-01-01")), ("7", Some("2024-06-07"))]
    );
    assert_eq!(told[9..], [("oldest", Some("2024-01-31")), ("odd", None), ("bare", None)]);

    let in_order = dates(&mut project, Sort::default());
    for shape in FileShape::ALL.into_iter().filter(|shape| *shape != FileShape::PREFERENCE) {
        let to = folder.path().join(format!("{}.{}", shape.name(), shape.extension()));
        let what = ExportWhat::Matching(ExampleQuery::default());
        let request = DataExport { what, shape, to: to.clone(), with_split: true, with_date: true, per_split: false };
        assert_eq!(export_data(&mut project, &request, &Unwatched).unwrap()[0].num_rejected, 0);
        let mut again = Project::create(&folder.path().join(shape.name())).unwrap();
        again.import(&ImportRequest::new(to), &Unwatched).unwrap();
        assert_eq!(dates(&mut again, Sort::default()), in_order, "{}", shape.name());
    }
}

#[test]
fn a_column_that_is_chosen_is_taken_over_for_what_is_known_and_can_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "rows.csv", "q,a,wann\none,x,2025-03-01\ntwo,y,2025-03-02\n");
    let mapping = |date| Mapping {
        columns: [("q", ColumnRole::User), ("a", ColumnRole::Assistant), ("wann", date)]
            .map(|(name, role)| (name.to_owned(), role))
            .to_vec(),
        ..Mapping::default()
    };
    let request = |date| ImportRequest { mapping: Some(mapping(date)), ..ImportRequest::new(&path) };
    let mut project = Project::create(&folder.path().join("project")).unwrap();
    project.import(&request(ColumnRole::Unused), &Unwatched).unwrap();
    assert!(!project.state().unwrap().has_dates);
    let known = project.count_known(&request(ColumnRole::Date), &Unwatched).unwrap();
    assert_eq!((known.same, known.says_date), (2, true));
    project.import(&request(ColumnRole::Date), &Unwatched).unwrap();
    let taken_over = dates(&mut project, Sort::default());
    assert_eq!(taken_over[1], ("two".to_owned(), Some("2025-03-02".to_owned())));
    assert!(!project.count_known(&request(ColumnRole::Date), &Unwatched).unwrap().says_date);
    let copy = project.apply(&Edit::Duplicate { id: 1 }).unwrap().ids[0];
    assert_eq!(project.example(copy).unwrap().annotations.date, project.example(1).unwrap().annotations.date);
    project.undo().unwrap();
    project.undo().unwrap();
    assert!(!project.state().unwrap().has_dates);
    project.redo().unwrap();
    assert_eq!(dates(&mut project, Sort::default()), taken_over);
}

#[test]
fn a_split_by_time_holds_the_newest_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::create(&folder.path().join("project")).unwrap();
    project.import(&ImportRequest::new(write(folder.path(), "rows.csv", ROWS)), &Unwatched).unwrap();
    let spec = SplitSpec { validation: 0.25, test: 0.17, seed: 1, by: SplitBy::Newest };
    let preview = project.preview_split(&spec).unwrap();
    assert_eq!((preview.counts, preview.num_known), ([7, 3, 2], 10));
    assert_eq!(preview.held_out_since.map(date::to_text).as_deref(), Some("2024-06-05"));
    project.apply(&Edit::Resplit { spec }).unwrap();
    let mut held_out = |split| {
        let query = ExampleQuery { split: Some(split), limit: 100, ..ExampleQuery::default() };
        project.query(&query).unwrap().rows.into_iter().map(|row| row.prompt).collect::<Vec<_>>()
    };
    assert_eq!(held_out(Split::Test), ["newest", "middle"]);
    assert_eq!(held_out(Split::Validation), ["5", "6", "7"]);
    assert_eq!(held_out(Split::Train), ["oldest", "odd", "bare", "1", "2", "3", "4"]);
}

#[test]
fn the_command_line_maps_a_date_and_splits_by_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rows.csv", ROWS.replace("created_at", "seen"));
    let run = |arguments: &[&str]| program::run(folder.path(), arguments).json();
    let map = "text=user,label=assistant,seen=date";
    let imported = run(&["data", "import", "rows.csv", "--map", map, "--project", "p", "--json"]);
    assert_eq!((&imported["imported"], &imported["files"][0]["notes"][0]["count"]), (&12.into(), &1.into()));
    let split = ["data", "split", "--project", "p", "--by", "time", "--validation", "0", "--test", "0.17", "--json"];
    let dry = run(&[&split[..], &["--dry-run"]].concat());
    assert_eq!((&dry["test"], &dry["held_out_since"]), (&2.into(), &"2025-01-01".into()));
    run(&split);
    let mut project = Project::open(&folder.path().join("p")).unwrap();
    assert_eq!(project.counts().unwrap().test, 2);
}

#[test]
fn the_window_shows_dates_sorts_by_them_and_says_what_a_split_by_time_does() {
    let mut studio = Studio::open(None);
    studio.preview("rows.csv", ROWS);
    assert!(studio.is_shown("1 example: created_at isn't a date that can be read"));
    studio.confirm_import();
    assert!(studio.is_shown("2025-03-01 11:00"), "the open example's");
    studio.act(data::FilterAction::Sort(SortBy::Date));
    studio.wait("the rows", |shell| shell.state.data.rows.get(0).is_some_and(|row| row.prompt == "oldest"));
    let spec = SplitSpec { validation: 0.0, test: 0.17, by: SplitBy::Newest, ..SplitSpec::default() };
    studio.act(data::DialogAction::Split(spec));
    studio.settle();
    assert!(studio.is_shown("10 of 12 examples have a date, held out is what is from 2025-01-01 on"));
    assert!(studio.is_shown("The 2 without count as the oldest"));
    studio.click(Role::Button, "Split 12 examples");
    studio.wait("the split", |shell| shell.state.project.as_ref().is_some_and(|project| project.counts.test == 2));
}

use super::*;
use crate::engine::fake::FakeEngine;
use crate::task::Signal;

fn preview(request: &ImportRequest, num_accepted: u64) -> ImportPreview {
    let guess = Mapping {
        columns: vec![("text".to_owned(), ColumnRole::User), ("label".to_owned(), ColumnRole::Assistant)],
        ..Mapping::default()
    };
    ImportPreview {
        path: request.path.clone(),
        shape: Shape::Columns,
        description: "comma".to_owned(),
        num_rows: num_accepted,
        columns: vec!["text".to_owned(), "label".to_owned()],
        are_alike: true,
        cells: Vec::new(),
        values: Vec::new(),
        beside: Vec::new(),
        mapping: Some(request.mapping.clone().unwrap_or(guess)),
        examples: Vec::new(),
        num_accepted,
        num_saying_split: 0,
        num_named: [0; 3],
        num_rejected: 0,
        rejected: Vec::new(),
        reasons: Vec::new(),
        notes: Vec::new(),
    }
}

fn answer(state: &mut MappingState, fake: &FakeEngine, id: JobId, reply: Reply) -> Vec<Effect> {
    fake.answer(id, reply);
    let (_, spec) = fake.started().into_iter().find(|(job, _)| *job == id).unwrap();
    let job = Job::new(id, spec);
    let events: Vec<_> = crate::engine::Backend::events(fake).try_iter().collect();
    events.iter().flat_map(|event| state.on_event(&job, &event.kind)).collect()
}

#[test]
fn every_change_makes_a_new_preview_and_older_ones_are_dropped() {
    let (mut state, mut fake, project) = (MappingState::default(), FakeEngine::default(), Path::new("p"));
    state.apply(MappingAction::Open(vec!["a.csv".into()].into()), project, 0.0, &mut fake);
    let (job, spec) = fake.started().remove(0);
    let JobSpec::Io(IoJob::PreviewImport { request }) = spec else { panic!("{spec:?}") };
    assert!(state.dialog.as_ref().unwrap().problem().is_some());
    answer(&mut state, &fake, job, Reply::Preview(preview(&request, 12)));
    assert_eq!(state.dialog.as_ref().unwrap().problem(), None);

    state.apply(MappingAction::Column(1, ColumnRole::Unused), project, 1.0, &mut fake);
    state.tick(project, 1.1, &mut fake);
    assert_eq!(fake.started().len(), 1, "waits for a pause");
    state.tick(project, 1.5, &mut fake);
    let second = fake.started()[1].0;
    state.apply(MappingAction::Column(1, ColumnRole::Assistant), project, 2.0, &mut fake);
    state.tick(project, 3.0, &mut fake);
    assert_eq!(fake.signals(), [(second, Signal::Stop { save: false })]);
    answer(&mut state, &fake, second, Reply::Preview(preview(&request, 99)));
    assert_eq!(state.dialog.as_ref().unwrap().preview.as_ref().unwrap().num_accepted, 12);

    let third = fake.started()[2].0;
    answer(&mut state, &fake, third, Reply::Preview(preview(&request, 13)));
    state.apply(MappingAction::Import, project, 4.0, &mut fake);
    let import = fake.last_job(|spec| matches!(spec, JobSpec::Io(IoJob::Import { .. }))).unwrap();
    let report = ImportReport {
        path: "a.csv".into(),
        num_imported: 13,
        num_known: 0,
        num_updated: 0,
        numbers: None,
        num_rejected: 0,
        rejected: Vec::new(),
        reasons: Vec::new(),
        notes: Vec::new(),
        files: Vec::new(),
        unused: Vec::new(),
    };
    let effects = answer(&mut state, &fake, import, Reply::Imported(report));
    let [Effect::Close(OpenDialog::Import), Effect::Say(status)] = &effects[..] else { panic!("{effects:?}") };
    assert!(status.words.starts_with("Imported 13 examples in "), "{status}");
    assert!(state.dialog.is_none());
}

#[test]
fn labels_of_a_second_reviewer_lead_to_how_far_the_two_agree() {
    let (mut state, mut fake, project) = (MappingState::default(), FakeEngine::default(), Path::new("p"));
    state.apply(MappingAction::OpenReviewer("b.csv".into()), project, 0.0, &mut fake);
    let (job, spec) = fake.started().remove(0);
    let JobSpec::Io(IoJob::PreviewImport { request }) = spec else { panic!("{spec:?}") };
    answer(&mut state, &fake, job, Reply::Preview(preview(&request, 12)));
    state.apply(MappingAction::Import, project, 1.0, &mut fake);
    let import = fake.last_job(|spec| matches!(spec, JobSpec::Io(IoJob::ImportReviewer { .. }))).unwrap();
    let effects = answer(&mut state, &fake, import, Reply::Reviewers(None));
    let open = data::Action::Dialog(data::DialogAction::Reviewers(ReviewersAction::Open));
    let [Effect::Close(OpenDialog::Import), Effect::Do(ScreenAction::Data(action))] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(*action, open);
}

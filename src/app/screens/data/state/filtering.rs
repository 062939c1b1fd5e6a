//! Which examples are shown, and in which order.

use super::{DataState, Wanted};
use crate::app::Screen;
use crate::app::effect::Effect;
use crate::app::screens::data::action::FilterAction;
use crate::app::screens::data::filters::{Filters, Only};
use crate::app::start::Start;
use crate::project::{ExampleQuery, ProjectState, ShowCounts, SplitCounts};

impl DataState {
    pub(super) fn filter(&mut self, action: FilterAction, jobs: &mut dyn Start) -> Vec<Effect> {
        match action {
            FilterAction::Search(text) => self.change_filters(|filters| filters.search = text),
            FilterAction::Show(show) => self.change_filters(|filters| filters.set_show(show)),
            FilterAction::ShowOnly(only) => {
                self.flush(jobs);
                self.change_filters(|filters| filters.show_only(only));
                self.open_first();
                return vec![Effect::Show(Screen::Data)];
            }
            FilterAction::DropOnly => self.change_filters(|filters| filters.only = None),
            FilterAction::Filter(filter) => self.change_filters(|filters| filters.set(filter)),
            FilterAction::ClearFilters => self.change_filters(Filters::clear),
            FilterAction::Sort(by) => self.change_filters(|filters| filters.sort_by(by)),
        }
        Vec::new()
    }

    /// Not every example is shown.
    pub fn is_filtered(&self) -> bool {
        let query = self.filters.query();
        ExampleQuery { sort: query.sort, ..ExampleQuery::default() } != query
    }

    /// What the chips above the table would show.
    pub fn shows(&self, project: &ProjectState) -> ShowCounts {
        if self.is_filtered() {
            return self.facets.shows;
        }
        // Known without counting, and so right at once.
        let SplitCounts { train, validation, test, edited, .. } = project.counts;
        let (all, queued) = (project.counts.total(), project.num_queued);
        ShowCounts { all, splits: [train, validation, test], edited, queued, issues: self.facets.whole.issues() }
    }

    /// What an import brought is shown alone, unless that is all there is.
    pub fn show_import(&mut self, import: Only, num_before: u64) {
        if num_before > 0 {
            self.change_filters(|filters| filters.show_only(import));
            self.open_first();
        }
    }

    pub(in crate::app::screens::data) fn change_filters(&mut self, change: impl FnOnce(&mut Filters)) {
        change(&mut self.filters);
        self.marks.clear();
        self.selected = None;
        self.wanted = None;
        self.scroll_to = Some(0);
    }

    /// The first row of those that are shown now.
    pub(in crate::app::screens::data) fn open_first(&mut self) {
        self.wanted = Some(Wanted::Row(0));
    }
}

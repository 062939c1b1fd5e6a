//! The filters behind the funnel; all combine, and each entry says how many rows it would show.

use egui::{Popup, PopupCloseBehavior, Ui};

use super::AnyAction;
use super::filters::Filter;
use super::state::{DataAction, DataState};
use crate::app::kit::{Button, Combo, Text, Theme, format, icon};
use crate::project::{ExampleStatus, Having, NamedCounts, Review};

pub(super) fn show(ui: &mut Ui, data: &DataState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let num_set = data.filters.num_set();
    let button = match num_set {
        0 => ui.add(Button::icon_only(icon::FUNNEL, "More filters")),
        n => ui.add(Button::secondary(n.to_string()).name("More filters").icon(icon::FUNNEL.filled()).small()),
    };
    let popup = Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    popup.width(theme.size.side_panel_min).show(|ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        let mut set = |filter: Filter| actions.push(DataAction::Filter(filter).into());
        let (facets, filters) = (&data.facets, &data.filters);
        let counts = |count: u64, words: &str| format!("{words}  {}", format::thousands(count));

        let reviews: Vec<_> = Review::ALL
            .iter()
            .zip(facets.reviews)
            .map(|(review, n)| (Some(*review), counts(n, review_words(*review))))
            .collect();
        choose(ui, "Review", reviews, filters.review, |review| set(Filter::Review(review)));
        let statuses = [ExampleStatus::Ready, ExampleStatus::Edited, ExampleStatus::SetAside];
        let statuses: Vec<_> = statuses
            .into_iter()
            .zip(facets.statuses)
            .map(|(status, n)| (Some(status), counts(n, super::table::status_words(status))))
            .collect();
        choose(ui, "Status", statuses, filters.status, |status| set(Filter::Status(status)));
        named(ui, "Label", &facets.labels, filters.label.as_ref(), |label| set(Filter::Label(label)));
        named(ui, "Tag", &facets.tags, filters.tag.as_ref(), |tag| set(Filter::Tag(tag)));
        let source = filters.source.clone().map(Having::Value);
        named(ui, "File", &facets.sources, source.as_ref(), |source| {
            let name = if let Some(Having::Value(name)) = source { Some(name) } else { None };
            set(Filter::Source(name));
        });
        let clear = Button::link("Clear all filters").small();
        if num_set > 0 && ui.add(clear).clicked() {
            actions.push(DataAction::ClearFilters.into());
        }
    });
}

/// Also the words in the panel and the table.
pub(super) fn review_words(review: Review) -> &'static str {
    match review {
        Review::Unreviewed => "Unreviewed",
        Review::Accepted => "Accepted",
        Review::Rejected => "Rejected",
        Review::Flagged => "Flagged",
    }
}

/// A name at the left, a list of what can be chosen at the right, "Any" first.
fn choose<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    entries: Vec<(Option<T>, String)>,
    current: Option<T>,
    set: impl FnOnce(Option<T>),
) {
    let theme = Theme::of(ui);
    let options: Vec<(Option<T>, &str)> =
        std::iter::once((None, "Any")).chain(entries.iter().map(|(value, words)| (*value, words.as_str()))).collect();
    ui.horizontal(|ui| {
        let left = ui.cursor().left();
        ui.add(Text::body(name).soft());
        ui.add_space((left + theme.size.settings_name_width / 2.0 - ui.cursor().left()).max(0.0));
        if let Some(chosen) = Combo::new(name, &options, current).width(ui.available_width()).show(ui) {
            set(chosen);
        }
    });
}

/// Values that the data has, those with and those without any; nothing where there are none at all.
fn named(ui: &mut Ui, name: &str, counts: &NamedCounts, current: Option<&Having>, set: impl FnOnce(Option<Having>)) {
    if counts.values.is_empty() && current.is_none() {
        return;
    }
    let mut values: Vec<Having> = counts.values.iter().map(|(value, _)| Having::Value(value.clone())).collect();
    let mut words: Vec<String> =
        counts.values.iter().map(|(value, count)| format!("{value}  {}", format::thousands(*count))).collect();
    if counts.nothing > 0 {
        values.push(Having::Nothing);
        words.push(format!("None  {}", format::thousands(counts.nothing)));
    }
    let entries = words.into_iter().enumerate().map(|(i, words)| (Some(i), words)).collect();
    let at = current.and_then(|current| values.iter().position(|value| value == current));
    choose(ui, name, entries, at, |chosen| set(chosen.and_then(|i| values.get(i).cloned())));
}

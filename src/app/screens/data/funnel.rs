//! The filters behind the funnel; all combine, and each entry says how many rows it would show.

use egui::{Popup, PopupCloseBehavior, Ui, Vec2};

use super::AnyAction;
use super::action::FilterAction;
use super::filters::Filter;
use super::state::DataState;
use crate::app::kit::{Button, Chip, Text, Theme, icon};
use crate::project::{ExampleStatus, Having, LOSS_BANDS, NamedCounts, Review, Reviewed};

/// Values of a filter that have a chip; the search finds the others.
const MOST_VALUES: usize = 16;

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
        let mut set = |filter: Filter| actions.push(FilterAction::Filter(filter).into());
        let (facets, filters) = (&data.facets, &data.filters);
        let reviews =
            Review::ALL.into_iter().zip(facets.reviews).map(|(review, n)| (review, review_words(review).to_owned(), n));
        choose(ui, "Review", reviews, filters.review.as_ref(), |review| set(Filter::Review(review)));
        let statuses = [ExampleStatus::Ready, ExampleStatus::Edited, ExampleStatus::SetAside];
        let words = |status| super::table::status_words(status).to_owned();
        let statuses = statuses.into_iter().zip(facets.statuses).map(|(status, n)| (status, words(status), n));
        choose(ui, "Status", statuses, filters.status.as_ref(), |status| set(Filter::Status(status)));
        named(ui, "Label", &facets.labels, filters.label.as_ref(), |label| set(Filter::Label(label)));
        named(ui, "Tag", &facets.tags, filters.tag.as_ref(), |tag| set(Filter::Tag(tag)));
        let source = filters.source.clone().map(Having::Value);
        named(ui, "File", &facets.sources, source.as_ref(), |source| {
            let name = if let Some(Having::Value(name)) = source { Some(name) } else { None };
            set(Filter::Source(name));
        });
        let [agree, differ] = facets.reviewers;
        if agree + differ > 0 || filters.reviewers.is_some() {
            let entries = [(Reviewed::Agree, "Agrees", agree), (Reviewed::Differ, "Differs", differ)];
            let entries = entries.map(|(reviewed, words, num)| (reviewed, words.to_owned(), num));
            choose(ui, "Second reviewer", entries, filters.reviewers.as_ref(), |reviewed| {
                set(Filter::Reviewers(reviewed))
            });
        }
        if facets.losses.iter().any(|num| *num > 0) || filters.loss.is_some() {
            let bands = LOSS_BANDS.into_iter().zip(facets.losses).zip(LOSS_WORDS);
            let bands = bands.map(|((band, num), words)| (band, words.to_owned(), num));
            choose(ui, "Loss", bands, filters.loss.as_ref(), |loss| set(Filter::Loss(loss)));
        }
        let clear = Button::link("Clear all filters").small();
        if num_set > 0 && ui.add(clear).clicked() {
            actions.push(FilterAction::ClearFilters.into());
        }
    });
}

/// The words of [`LOSS_BANDS`].
const LOSS_WORDS: [&str; 4] = ["Over 2", "1 – 2", "0.3 – 1", "Below 0.3"];

/// Also the words in the panel and the table.
pub(super) fn review_words(review: Review) -> &'static str {
    match review {
        Review::Unreviewed => "Unreviewed",
        Review::Accepted => "Accepted",
        Review::Rejected => "Rejected",
        Review::Flagged => "Flagged",
    }
}

/// A name, and below it a chip for each value; a second click takes the filter away.
fn choose<T: PartialEq>(
    ui: &mut Ui,
    name: &str,
    entries: impl IntoIterator<Item = (T, String, u64)>,
    current: Option<&T>,
    set: impl FnOnce(Option<T>),
) {
    let theme = Theme::of(ui);
    ui.add(Text::small(name).faint());
    let mut clicked = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(theme.space.xxs);
        for (value, words, count) in entries {
            let is_current = current == Some(&value);
            if ui.add(Chip::new(words).count(count).selected(is_current)).clicked() {
                clicked = Some((!is_current).then_some(value));
            }
        }
    });
    if let Some(filter) = clicked {
        set(filter);
    }
}

/// Values that the data has, the most frequent first, and those without any; nothing where there are none at all.
fn named(ui: &mut Ui, name: &str, counts: &NamedCounts, current: Option<&Having>, set: impl FnOnce(Option<Having>)) {
    if counts.values.is_empty() && current.is_none() {
        return;
    }
    let values = counts.values.iter().take(MOST_VALUES);
    let nothing = (counts.nothing > 0).then(|| (Having::Nothing, "None".to_owned(), counts.nothing));
    let entries = values.map(|(value, count)| (Having::Value(value.clone()), value.clone(), *count)).chain(nothing);
    choose(ui, name, entries, current, set);
    if counts.values.len() > MOST_VALUES {
        ui.add(Text::small(format!("and {} rarer ones", counts.values.len() - MOST_VALUES)).faint());
    }
}

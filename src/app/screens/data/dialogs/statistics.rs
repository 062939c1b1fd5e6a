//! The data in numbers: lengths, labels, turns, files, review, and the words that the model's tokenizer splits badly.

use egui::{Context, Rect, ScrollArea, Sense, Ui, Vec2};

use super::fix::list;
use crate::app::Action as AnyAction;
use crate::app::kit::{Badge, Dialog, DialogEnd, Text, Theme, dialog, fact, format};
use crate::app::screens::data::action::DialogAction;
use crate::app::screens::data::lengths::{self, Limit};
use crate::data::statistics::{Dates, FieldBalance, Statistics};

/// Labels and words that are listed.
const MOST_LABELS: usize = 12;
const MOST_WORDS: usize = 12;

pub(super) fn show(
    ctx: &Context,
    statistics: Option<&Statistics>,
    limit: &mut Limit<'_>,
    actions: &mut Vec<AnyAction>,
) {
    let remark = statistics.map(|s| format::count(s.num_examples, "example", "examples")).unwrap_or_default();
    let (end, ()) = Dialog::new("statistics", "Statistics").wide().remark(&remark).cancel("Close").show(
        ctx,
        |ui| {
            // In a small window there is more of it than room. A dialog that grows has room only once it is centred anew.
            let most = dialog::most_height(ctx);
            let scroll = ScrollArea::vertical().max_height(most).min_scrolled_height(most).auto_shrink([false, true]);
            scroll.show(ui, |ui| {
                dialog::body(ui, |ui| match statistics {
                    Some(statistics) => body(ui, statistics, limit, actions),
                    None => drop(ui.add(Text::body("Counting").soft())),
                });
            });
        },
        |_| (),
    );
    if end != DialogEnd::StillOpen {
        actions.push(DialogAction::Close.into());
    }
}

fn body(ui: &mut Ui, statistics: &Statistics, limit: &mut Limit<'_>, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing = Vec2::new(theme.space.xxl, theme.space.xs);
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        match &statistics.num_tokens {
            Some(tokens) => lengths::with_settings(left, tokens, limit, actions),
            None => {
                lengths::plain(left, "Length of the prompts in characters", &statistics.prompt_chars, None, actions);
            }
        }
        left.add_space(theme.space.m);
        lengths::plain(left, "Length of the answers in characters", &statistics.answer_chars, None, actions);
        left.add_space(theme.space.m);
        facts(left, statistics);
        match statistics.fields.first() {
            Some(field) => balance(right, theme, field),
            None => {
                drop(right.add(Text::body("The answers are free text: there are no labels to count").soft().wrapped()))
            }
        }
        if !statistics.badly_split.is_empty() {
            right.add_space(theme.space.m);
            words(right, statistics);
        }
    });
}

pub(in crate::app::screens::data) fn title(ui: &mut Ui, words: &str, remark: &str) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = Theme::of(ui).space.s;
        ui.add(Text::strong(words));
        ui.add(Text::small(remark).faint());
    });
}

/// Train beside what is held out, the most frequent label first.
fn balance(ui: &mut Ui, theme: &Theme, field: &FieldBalance) {
    let all: u64 = field.labels.iter().map(|label| label.count()).sum();
    let remark = format!(
        "{} of {}: train above held out",
        format::count(field.labels.len() as u64, "label", "labels"),
        format::thousands(all)
    );
    title(ui, &format!("Labels: {}", field.field), &remark);
    let most = field.labels.iter().map(|label| label.by_split[0]).max().unwrap_or(1).max(1) as f32;
    for label in field.labels.iter().take(MOST_LABELS) {
        let held_out = label.by_split[1] + label.by_split[2];
        let (rect, response) =
            ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.fact_row_height), Sense::hover());
        let words = format!("{}: {} to train, {held_out} held out", label.label, label.by_split[0]);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
        let name_width = theme.size.settings_name_width;
        let name = crate::app::kit::one_line(ui, &label.label, theme.body(), theme.text.normal, name_width);
        let y = (rect.center().y - name.size().y / 2.0).round();
        ui.painter().galley(egui::pos2(rect.left(), y), name, theme.text.normal);
        let count = format!("{} + {held_out}", format::thousands(label.by_split[0]));
        let count = ui.painter().layout_no_wrap(count, theme.small(), theme.text.soft);
        let room = rect.width() - name_width - theme.space.m - theme.size.settings_name_width / 2.0;
        let bar = |share: f32, top: f32, color: egui::Color32| {
            let corner = egui::pos2(rect.left() + name_width + theme.space.s, rect.top() + top);
            let bar = Rect::from_min_size(corner, Vec2::new((room * share).max(theme.width.line), theme.space.s));
            ui.painter().rect_filled(bar, theme.rounding(theme.radius.mark), color);
        };
        bar(label.by_split[0] as f32 / most, theme.space.xs, theme.chart.train);
        bar(held_out as f32 / most, theme.space.m, theme.chart.validation);
        let at = egui::pos2(rect.right() - count.size().x, (rect.center().y - count.size().y / 2.0).round());
        ui.painter().galley(at, count, theme.text.soft);
        if let Some(gap) = label.gap() {
            response.on_hover_text(gap);
        }
    }
    let gaps = field.labels.iter().filter(|label| label.gap().is_some()).count();
    if gaps > 0 {
        let words = format::count(gaps as u64, "label is", "labels are");
        ui.add(Badge::warning(format!("{words} never trained or never measured")));
    }
    if field.labels.len() > MOST_LABELS {
        ui.add(Text::small(format!("and {} rarer ones", field.labels.len() - MOST_LABELS)).faint());
    }
}

fn facts(ui: &mut Ui, statistics: &Statistics) {
    let [train, validation, test] = statistics.by_split.map(format::thousands);
    fact(ui, "Train, validation, test", &format!("{train} · {validation} · {test}"));
    let turns: Vec<String> =
        statistics.turns.iter().map(|(turns, count)| format!("{} with {turns}", format::thousands(*count))).collect();
    fact(ui, "Turns", &turns.join(", "));
    fact(ui, "Copies", &format::thousands(statistics.num_duplicates));
    let named = |counts: &[crate::data::statistics::NamedCount]| {
        counts.iter().map(|c| format!("{} {}", format::thousands(c.count), c.name)).collect::<Vec<_>>().join(", ")
    };
    fact(ui, "From", &named(&statistics.sources));
    fact(ui, "Review", &named(&statistics.reviews));
    if let Some(Dates { count, first, last }) = statistics.all_dates() {
        fact(ui, "Dates", &format!("{first} to {last}, {} with one", format::thousands(count)));
    }
}

/// Words that cost many tokens: the model hardly knows them.
fn words(ui: &mut Ui, statistics: &Statistics) {
    title(ui, "Words that the tokenizer splits most", "tokens, and how often the word occurs");
    list(ui, "split words", 5, |ui| {
        for word in statistics.badly_split.iter().take(MOST_WORDS) {
            fact(ui, &word.word, &format!("{} tokens, {} times", word.num_tokens, format::thousands(word.count)));
        }
    });
}

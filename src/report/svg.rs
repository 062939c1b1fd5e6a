//! Plots as SVG, with nothing outside of them.

use std::fmt::Write;

use crate::evaluate::Figure;
use crate::run::metrics::Curves;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 22.0;
/// More points than these aren't seen.
const MAX_POINTS: usize = 400;

/// Before as a square, after as a dot, each on its interval; the axis goes from 0 to 100 %.
pub fn intervals(before: Option<Figure>, after: Option<Figure>) -> String {
    const WIDTH: f64 = 160.0;
    let at = |share: f64| 6.0 + (WIDTH - 12.0) * share.clamp(0.0, 1.0);
    let mut svg = format!(
        "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} 16\" width=\"{WIDTH}\" height=\"16\" role=\"img\" aria-label=\"before and after with \
         their intervals\"><line x1=\"6\" x2=\"{}\" y1=\"8\" y2=\"8\" class=\"grid\"/>",
        WIDTH - 6.0
    );
    for (figure, class) in [(before, "before"), (after, "after")] {
        let Some(figure) = figure else { continue };
        let (low, high, value) = (at(figure.low), at(figure.high), at(figure.value));
        push(&mut svg, format_args!("<line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"8\" y2=\"8\" class=\"{class}\"/>"));
        match class {
            "before" => {
                let left = value - 3.5;
                push(
                    &mut svg,
                    format_args!("<rect x=\"{left:.1}\" y=\"4.5\" width=\"7\" height=\"7\" class=\"{class}\"/>"),
                );
            }
            _ => push(&mut svg, format_args!("<circle cx=\"{value:.1}\" cy=\"8\" r=\"4\" class=\"{class}\"/>")),
        }
    }
    svg + "</svg>"
}

fn push(svg: &mut String, part: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = svg.write_fmt(part);
}

/// The training loss as a line, the validation loss with rings, the best step marked; empty without a step.
pub fn curve(curves: &Curves, best_step: Option<usize>) -> String {
    let train: Vec<(f64, f64)> = curves.steps.iter().map(|step| (step.step as f64, step.loss)).collect();
    let held_out: Vec<(f64, f64)> =
        curves.evaluations.iter().map(|evaluation| (evaluation.step as f64, evaluation.eval_loss)).collect();
    let all = || train.iter().chain(&held_out).filter(|(_, loss)| loss.is_finite());
    let last = all().map(|(step, _)| *step).fold(0.0, f64::max);
    let highest = all().map(|(_, loss)| *loss).fold(0.0, f64::max);
    if last <= 0.0 || highest <= 0.0 {
        return String::new();
    }
    let x = |step: f64| LEFT + (WIDTH - LEFT - 12.0) * step / last;
    let y = |loss: f64| 8.0 + (HEIGHT - BOTTOM - 8.0) * (1.0 - loss / highest);
    let mut svg = format!(
        "<svg class=\"curve\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"loss over {last:.0} steps\">"
    );
    for part in 0..=4 {
        let loss = highest * f64::from(part) / 4.0;
        let at = y(loss);
        push(
            &mut svg,
            format_args!(
                "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" class=\"grid\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{loss:.2}</text>",
                WIDTH - 12.0,
                LEFT - 6.0,
                at + 4.0
            ),
        );
    }
    push(
        &mut svg,
        format_args!(
            "<text x=\"{LEFT}\" y=\"{HEIGHT}\">step 0</text><text x=\"{:.1}\" y=\"{HEIGHT}\" text-anchor=\"end\">{last:.0}</text>",
            WIDTH - 12.0
        ),
    );
    let every = train.len().div_ceil(MAX_POINTS).max(1);
    for (points, class) in
        [(train.iter().step_by(every).collect::<Vec<_>>(), "train"), (held_out.iter().collect(), "held-out")]
    {
        let points: Vec<_> = points
            .into_iter()
            .filter(|(_, loss)| loss.is_finite())
            .map(|(step, loss)| format!("{:.1},{:.1}", x(*step), y(*loss)))
            .collect();
        push(&mut svg, format_args!("<polyline points=\"{}\" class=\"{class}\"/>", points.join(" ")));
    }
    for (step, loss) in held_out.iter().filter(|(_, loss)| loss.is_finite()) {
        let class = if best_step == Some(*step as usize) { "best" } else { "ring" };
        push(
            &mut svg,
            format_args!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" class=\"{class}\"/>", x(*step), y(*loss)),
        );
    }
    svg + "</svg>"
}

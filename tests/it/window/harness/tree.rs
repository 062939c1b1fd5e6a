//! What egui laid out, and what a screen reader is told of it.

use std::collections::HashMap;

use egui::accesskit::NodeId;
use egui::{Rect, Vec2};
use egui_kittest::kittest::NodeT as _;

use super::{Behind, Driven};

/// A control that was laid out in the last frame.
#[derive(Debug, Clone)]
pub struct Control {
    pub id: egui::Id,
    pub name: String,
    pub layer: egui::LayerId,
    /// The whole of it, and what of it is not cut off.
    pub rect: Rect,
    pub seen: Rect,
}

impl<E: Behind> Driven<E> {
    /// The window is so large, with text of this size: what counts for the layout is how many points it has.
    pub fn resize(&mut self, pixels: Vec2, zoom: f32) {
        let points = (pixels / zoom).floor();
        self.harness.set_size(points);
        E::settle(self);
        assert_eq!(self.harness.ctx.content_rect().size(), points);
    }
}

impl<E> Driven<E> {
    pub fn focused_id(&self) -> Option<egui::Id> {
        self.harness.ctx.memory(|memory| memory.focused())
    }

    /// The accessible name of what has the keyboard.
    pub fn focused(&self) -> Option<String> {
        let id = self.focused_id()?;
        Some(self.names().remove(&id.accesskit_id()).unwrap_or_else(|| format!("{id:?}")))
    }

    /// The names of everything that a screen reader is given.
    fn names(&self) -> HashMap<NodeId, String> {
        let nodes = self.harness.root().children_recursive();
        let named = nodes.filter_map(|node| {
            let node = node.accesskit_node();
            let name = node.label().or_else(|| node.value())?;
            Some((node.locate().0, name))
        });
        named.collect()
    }

    /// Whether scroll areas that hold the control bring all of it into view, where it is cut off.
    pub fn scrolls(&self, control: &Control) -> bool {
        /// How thick a scroll bar is at most.
        const THICK: f32 = 14.0;
        self.harness.ctx.viewport(|viewport| {
            let widgets = &viewport.prev_pass.widgets;
            // A bar belongs to the place that the scroll area lies in, as its content does.
            let of_layer = || widgets.get_layer(control.layer);
            let bars: Vec<_> = of_layer().filter(|w| w.sense.senses_drag()).collect();
            let is_held = |is_bar: &dyn Fn(&egui::WidgetRect) -> bool| {
                let mut at = control.id;
                while let Some(widget) = widgets.get(at).filter(|widget| widget.parent_id != at) {
                    at = widget.parent_id;
                    if bars.iter().any(|bar| bar.parent_id == at && is_bar(bar)) {
                        return true;
                    }
                }
                false
            };
            let is_cut = |all: egui::Rangef, seen: egui::Rangef| seen.min - all.min > 1.0 || all.max - seen.max > 1.0;
            let (all, seen) = (control.rect, control.seen);
            let down = !is_cut(all.y_range(), seen.y_range()) || is_held(&|bar| bar.rect.width() < THICK);
            let across = !is_cut(all.x_range(), seen.x_range()) || is_held(&|bar| bar.rect.height() < THICK);
            down && across
        })
    }

    /// What can be clicked, typed in or reached by Tab, as egui laid it out.
    pub fn controls(&self) -> Vec<Control> {
        let mut names = self.names();
        self.harness.ctx.viewport(|viewport| {
            let widgets = &viewport.prev_pass.widgets;
            let of_layer = widgets.layers().flat_map(|(layer, rects)| rects.iter().map(move |rect| (*layer, rect)));
            let is_control =
                |rect: &egui::WidgetRect| rect.visible && (rect.sense.senses_click() || rect.sense.is_focusable());
            of_layer
                .filter(|(_, rect)| is_control(rect))
                .filter_map(|(layer, rect)| {
                    let name = names.remove(&rect.id.accesskit_id())?;
                    // The edge of a panel is grabbed a little beside it, too; what lies there still has its own room.
                    if name == "Resize panel" {
                        return None;
                    }
                    Some(Control { id: rect.id, name, layer, rect: rect.rect, seen: rect.interact_rect })
                })
                .collect()
        })
    }
}

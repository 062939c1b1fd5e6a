//! The window's own fonts. egui brings none: text is Inter, code and tokens JetBrains Mono, icons Phosphor. Both text
//! faces stand in for each other where one lacks a character, and the icons for the sign to copy that Markdown's blocks of
//! code have; what all lack is shown as an empty box.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily};

/// Family of the SemiBold face.
pub const STRONG: &str = "strong";
/// Family of the outlined icons.
pub const ICON: &str = "icon";
/// Family of the filled icons.
pub const ICON_FILL: &str = "icon-fill";

const INTER: &str = "Inter";
const INTER_STRONG: &str = "Inter SemiBold";
const MONO: &str = "JetBrains Mono";
const PHOSPHOR: &str = "Phosphor";
const PHOSPHOR_FILL: &str = "Phosphor Fill";

macro_rules! font {
    ($file:literal) => {
        Arc::new(FontData::from_static(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/", $file))))
    };
}

pub fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    for (name, data) in [
        (INTER, font!("Inter-Regular.ttf")),
        (INTER_STRONG, font!("Inter-SemiBold.ttf")),
        (MONO, font!("JetBrainsMono-Regular.ttf")),
        (PHOSPHOR, font!("Phosphor.ttf")),
        (PHOSPHOR_FILL, font!("Phosphor-Fill.ttf")),
    ] {
        fonts.font_data.insert(name.to_owned(), data);
    }
    for (family, faces) in [
        (FontFamily::Proportional, vec![INTER, MONO, PHOSPHOR]),
        (FontFamily::Monospace, vec![MONO, INTER]),
        (FontFamily::Name(STRONG.into()), vec![INTER_STRONG, MONO]),
        (FontFamily::Name(ICON.into()), vec![PHOSPHOR]),
        (FontFamily::Name(ICON_FILL.into()), vec![PHOSPHOR_FILL]),
    ] {
        fonts.families.insert(family, faces.into_iter().map(str::to_owned).collect());
    }
    fonts
}

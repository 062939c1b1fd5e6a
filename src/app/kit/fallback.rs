//! Letters that the window's own fonts lack: the system's fonts stand in, found by another thread and only once such a
//! letter is shown.
//!
//! egui asks [`Fallback`] for each letter that no font has while it lays text out, so nothing has to be searched for
//! letters. The answer is "not yet"; the letters are noted, [`Fallback::wanted`] hands them to a thread, and once that
//! has found fonts, [`Fallback::install`] lets egui lay everything out anew.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
use egui::{Context, FallbackRequest, FontFamily, FontProvider};
use egui_system_font_provider::SystemFontProvider;
use skrifa::{FontRef, MetadataProvider as _};
use unicode_script::{Script, UnicodeScript as _};

use super::fonts;

/// What the window can't do yet, for the settings and the sheet of keys.
pub const RIGHT_TO_LEFT: &str = "Arabic and Hebrew: the letters of a word join and read from right to left, but the words of \
                                 a line still follow each other from left to right. Training sees the text as it is";

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Letters {
    /// There are fonts that egui doesn't know yet.
    pub has_new: bool,
    /// What these are called.
    pub names: Vec<String>,
    /// What to install, for each script of which no font of this machine has the letters.
    pub missing: Vec<String>,
}

/// Clones share one memory: egui has one, the window another.
#[derive(Clone)]
pub struct Fallback {
    source: Arc<dyn FontProvider>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    fonts: Vec<FontInsert>,
    /// Seen, and not looked for yet.
    wanted: Vec<char>,
    /// Looked for, with success or without: never again.
    asked: HashSet<char>,
    told: BTreeSet<&'static str>,
}

impl Default for Fallback {
    fn default() -> Self {
        Self::new(Arc::new(SystemFonts::default()))
    }
}

impl Fallback {
    /// `source` may take its time: it is only asked by another thread.
    pub fn new(source: Arc<dyn FontProvider>) -> Self {
        Self { source, known: Arc::default() }
    }

    /// Makes egui ask here, with the fonts that were found so far behind the window's own.
    pub fn install(&self, ctx: &Context) {
        ctx.set_font_providers(vec![Arc::new(self.clone())]);
    }

    /// Letters that were shown since the last call and that no font has.
    pub fn wanted(&self) -> Vec<char> {
        std::mem::take(&mut self.known().wanted)
    }

    /// Looks for fonts with these letters. Reads the disk: not for the window's thread.
    pub fn look_for(&self, mut letters: Vec<char>) -> Letters {
        // Kanji are taken from the font of the kana beside them: the same letters look otherwise in Chinese fonts.
        letters.sort_by_key(|letter| (letter.script() == Script::Han, *letter));
        let mut found = Letters::default();
        for letter in letters {
            if self.known().fonts.iter().any(|font| has(font, letter)) {
                // Seen before its font came.
                found.has_new = true;
                continue;
            }
            let mut buffer = [0; 4];
            let request =
                FallbackRequest { cluster: letter.encode_utf8(&mut buffer), family: &FontFamily::Proportional };
            let font = self.source.font_for(&request);
            let mut known = self.known();
            match font {
                Some(font) => {
                    found.has_new = true;
                    found.names.push(plain_name(&font.name));
                    known.fonts.push(for_all_text(font));
                }
                None => {
                    if let Some(script) = name_of(letter)
                        && known.told.insert(script)
                    {
                        found.missing.push(how_to_get(script));
                    }
                }
            }
        }
        found
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Plain lists: a panic elsewhere leaves them whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FontProvider for Fallback {
    fn fonts_for_family(&self, family: &FontFamily) -> Vec<FontInsert> {
        if text_families().contains(family) { self.known().fonts.clone() } else { Vec::new() }
    }

    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let letter = request.cluster.chars().next()?;
        if text_families().contains(request.family) {
            let mut known = self.known();
            if known.asked.insert(letter) {
                known.wanted.push(letter);
            }
        }
        None
    }
}

/// One font for regular, SemiBold and mono: fonts of large scripts are large.
fn for_all_text(font: FontInsert) -> FontInsert {
    let behind = |family| InsertFontFamily { family, priority: FontPriority::Lowest };
    FontInsert { families: text_families().into_iter().map(behind).collect(), ..font }
}

fn text_families() -> [FontFamily; 3] {
    [FontFamily::Proportional, FontFamily::Monospace, FontFamily::Name(fonts::STRONG.into())]
}

fn has(font: &FontInsert, letter: char) -> bool {
    let face = FontRef::from_index(font.data.bytes(), font.data.index);
    face.is_ok_and(|face| face.charmap().map(letter).is_some_and(|glyph| glyph.to_u32() != 0))
}

/// `Noto Sans CJK JP` of `system:Noto Sans CJK JP:12:0`
fn plain_name(name: &str) -> String {
    name.strip_prefix("system:").and_then(|rest| rest.split(':').next()).unwrap_or(name).to_owned()
}

/// What a letter's script is called; nothing for letters that nobody would miss, such as those of private use.
fn name_of(letter: char) -> Option<&'static str> {
    match letter.script() {
        Script::Unknown | Script::Inherited => None,
        Script::Common => Some("Symbols and emoji"),
        Script::Han => Some("Chinese and Japanese"),
        Script::Hiragana | Script::Katakana => Some("Japanese"),
        Script::Hangul => Some("Korean"),
        script => Some(script.full_name()),
    }
}

/// What to install on this system, for a script by the name it has here.
fn how_to_get(script: &str) -> String {
    let is_cjk = matches!(script, "Chinese and Japanese" | "Japanese" | "Korean" | "Bopomofo");
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let what = if script == "Symbols and emoji" { script.to_owned() } else { format!("{script} letters") };
    format!("{what} need a font: {}", package(&release, is_cjk, script == "Symbols and emoji"))
}

/// The package to install, by the words of `/etc/os-release`, which only Linux has.
fn package(release: &str, is_cjk: bool, is_emoji: bool) -> String {
    let like = |id: &str| {
        let ids = release.lines().filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")));
        ids.flat_map(|ids| ids.trim_matches('"').split(' ')).any(|other| other == id)
    };
    let [cjk, emoji, others] = if like("debian") || like("ubuntu") {
        ["fonts-noto-cjk", "fonts-noto-color-emoji", "fonts-noto-core"]
    } else if like("fedora") || like("rhel") {
        ["google-noto-sans-cjk-fonts", "google-noto-color-emoji-fonts", "google-noto-fonts-all"]
    } else if like("arch") {
        ["noto-fonts-cjk", "noto-fonts-emoji", "noto-fonts"]
    } else if like("suse") || like("opensuse") {
        ["google-noto-sans-cjk-fonts", "google-noto-coloremoji-fonts", "google-noto-fonts"]
    } else if cfg!(windows) {
        return "add the language's fonts under Settings, System, Optional features".to_owned();
    } else {
        return "install a Noto font that has them (fonts.google.com/noto)".to_owned();
    };
    let package = if is_cjk {
        cjk
    } else if is_emoji {
        emoji
    } else {
        others
    };
    format!("install {package} and start Tunewright again")
}

/// The fonts of this system, listed when one is asked for.
#[derive(Default)]
struct SystemFonts(OnceLock<SystemFontProvider>);

impl FontProvider for SystemFonts {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        self.0.get_or_init(SystemFontProvider::new).font_for(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_have_the_names_that_people_use() {
        let names = ['あ', '漢', '한', 'ش', 'ह', 'ไ', '😀'].map(|letter| name_of(letter).unwrap_or_default());
        let expected =
            ["Japanese", "Chinese and Japanese", "Korean", "Arabic", "Devanagari", "Thai", "Symbols and emoji"];
        assert_eq!(names, expected);
        assert_eq!(name_of('\u{E000}'), None, "of private use");
    }

    #[test]
    fn what_to_install_depends_on_the_system() {
        let mint = "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
        assert_eq!(package(mint, true, false), "install fonts-noto-cjk and start Tunewright again");
        assert_eq!(package("ID=fedora\n", false, false), "install google-noto-fonts-all and start Tunewright again");
        assert_eq!(package("ID=arch\n", false, true), "install noto-fonts-emoji and start Tunewright again");
    }

    #[test]
    fn each_letter_is_wanted_once_and_icons_never() {
        let fallback = Fallback::new(Arc::new(|_: &FallbackRequest<'_>| None));
        let ask = |cluster, family: FontFamily| fallback.font_for(&FallbackRequest { cluster, family: &family });
        for family in text_families() {
            assert!(ask("あ", family).is_none());
        }
        assert!(ask("\u{E100}", FontFamily::Name(fonts::ICON.into())).is_none());
        assert_eq!(fallback.wanted(), ['あ']);
        assert!(fallback.wanted().is_empty());
        let told = fallback.look_for(vec!['あ']);
        assert!(told.missing[0].starts_with("Japanese letters need a font: "), "{told:?}");
        assert_eq!(fallback.look_for(vec!['い']), Letters::default(), "it is said once");
    }
}

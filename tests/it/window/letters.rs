//! Letters that the window's own fonts lack: the system is asked once, off the window's thread, and what it has is used.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily, MissingGlyphPolicy};
use egui::{FallbackRequest, FontData, FontFamily, FontId};
use tunewright::app::kit::fallback::Fallback;
use tunewright::app::{Action, Screen};

use super::harness::{PATIENCE, Window, states};
use crate::fixtures::fixture;

/// A window that asks this source, and learns on the channel when it was asked.
fn with_source(font: Option<&'static str>) -> (Window, Arc<AtomicUsize>, mpsc::Receiver<std::thread::ThreadId>) {
    let num_asked = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::channel();
    let (count, sender) = (num_asked.clone(), Mutex::new(sender));
    let source = move |_: &FallbackRequest<'_>| {
        count.fetch_add(1, Ordering::SeqCst);
        let data = font.map(|name| FontData::from_owned(std::fs::read(fixture(name)).unwrap()));
        let family = InsertFontFamily { family: FontFamily::Proportional, priority: FontPriority::Lowest };
        let found = data.map(|data| FontInsert { name: "system:Tiny:0:0".to_owned(), data, families: vec![family] });
        sender.lock().unwrap().send(std::thread::current().id()).unwrap();
        found
    };
    let mut window = states::open();
    window.harness.ctx.set_missing_glyph_policy(MissingGlyphPolicy::default());
    let fonts = Fallback::new(Arc::new(source));
    fonts.install(&window.harness.ctx);
    window.harness.state_mut().fonts = fonts;
    window.settle();
    (window, num_asked, receiver)
}

/// Shows words in the status bar, and waits until the other thread has answered.
fn show(window: &mut Window, words: &str, asked: &mpsc::Receiver<std::thread::ThreadId>, num: usize) {
    window.harness.state_mut().state.status = words.into();
    window.harness.run_steps(2);
    for _ in 0..num {
        let thread = asked.recv_timeout(PATIENCE).expect("the source was not asked");
        assert_ne!(thread, std::thread::current().id(), "the window would wait for the disk");
    }
}

fn has(window: &Window, letter: char) -> bool {
    let families = ["strong"].map(|name| FontFamily::Name(name.into()));
    let families = families.into_iter().chain([FontFamily::Proportional, FontFamily::Monospace]);
    window.harness.ctx.fonts_mut(|fonts| families.into_iter().all(|f| fonts.has_glyph(&FontId::new(13.0, f), letter)))
}

#[test]
fn the_font_of_a_script_is_asked_for_once_and_used_for_all_its_letters() {
    let (mut window, num_asked, asked) = with_source(Some("tiny-cjk.ttf"));
    assert!(!has(&window, '語'));
    show(&mut window, "日本", &asked, 1);
    window.wait("the font", |shell| !shell.state.letters.names.is_empty());
    window.settle();
    assert!(has(&window, '日') && has(&window, '語'), "in regular, SemiBold and mono");
    let before = num_asked.load(Ordering::SeqCst);
    window.harness.state_mut().state.status = "日本語".into();
    window.settle();
    assert_eq!(num_asked.load(Ordering::SeqCst), before, "the same font has the next letter, too");
    window.act(Action::Go(Screen::Settings));
    assert!(window.is_shown("From this system: Tiny"));
}

#[test]
fn where_no_font_has_a_script_it_says_once_what_to_install() {
    let (mut window, num_asked, asked) = with_source(None);
    show(&mut window, "ह", &asked, 1);
    window.wait("the refusal", |shell| !shell.state.letters.missing.is_empty());
    assert!(window.is_shown("Devanagari letters need a font: "), "{}", window.shell().state.status);
    show(&mut window, "हि", &asked, 0);
    window.settle();
    assert_eq!((window.shell().state.letters.missing.len(), num_asked.load(Ordering::SeqCst)), (1, 1));
    window.act(Action::Go(Screen::Settings));
    assert!(window.is_shown("Devanagari letters need a font: "), "it can be read again");
}

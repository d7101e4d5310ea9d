//! The report of a night as one HTML page: for finance, and for whoever is on call.
//!
//! One file without a network: style, script and the plots' library are inside, and a policy forbids everything else.
//! Tables are the truth and need no script; search, folding and plots are made of them by one. It is made of the
//! published tables of the lake, and what people said about breaks, so the same night is the same bytes. What comes from data is escaped text and
//! never markup, script or link.
//!
//! [`words`] has all it says in each language; `figure` writes figures, `listing` tables, and each section is a file.

pub(in crate::report) mod breaks;
mod changes;
pub(in crate::report) mod definitions;
mod deliveries;
mod fees;
mod figure;
mod funnel;
mod html;
mod listing;
pub(in crate::report) mod night;
mod others;
pub(in crate::report) mod payouts;
mod rates;
pub(in crate::report) mod rows;
mod section;
pub(in crate::report) mod ties;
pub(in crate::report) mod verdict;
pub mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use self::html::Html;
use self::night::Night;
use self::section::section;
use self::ties::TieOut;
pub use self::words::Language;
use self::words::Words;
use crate::error::{Error, Result};
use crate::job::comments::Comments;
use crate::lake::{Lake, Manifest};

const STYLE: &str = concat!(include_str!("page/uPlot.min.css"), "\n", include_str!("page/page.css"));
/// Says that scripts run, before anything is drawn: rows come folded then.
const SCRIPTS_RUN: &str = "document.documentElement.classList.add('js')";
/// Plots: uPlot, with its licence.
const PLOTS: &str = concat!("/*\n", include_str!("page/uPlot.LICENSE"), "*/\n", include_str!("page/uPlot.min.js"));
const SCRIPT: &str = include_str!("page/page.js");

/// The sections of a page, in their order.
const SECTIONS: [&str; 11] = [
    "tie-out",
    "breaks",
    "payouts",
    "fees",
    "success",
    "abandonment",
    "funnel",
    "failures",
    "changes",
    "deliveries",
    "definitions",
];

/// A night, and what its page is made of.
pub struct Page<'l> {
    night: Night<'l>,
    tie_out: TieOut,
    comments: &'l Comments,
}

impl<'l> Page<'l> {
    /// Of the night of `manifest`, the newest generation in `lake`. Data files other than it published are an error (65).
    pub fn of(lake: &'l Lake, manifest: &'l Manifest, comments: &'l Comments) -> Result<Self> {
        if !lake.is_intact(manifest)? {
            let date = manifest.night.business_date;
            return Err(Error::data(format!("the data files of {date} are not those the night published"))
                .file(lake.shown(""))
                .next("run that night again: that restores them from the archived inputs"));
        }
        let night = Night::of(lake, manifest)?;
        Ok(Self { tie_out: TieOut::of(&night)?, night, comments })
    }

    /// All of it in a language.
    #[must_use]
    pub fn html(&self, language: Language) -> String {
        let (words, night) = (Words::of(language), &self.night);
        let mut html = Html::default();
        head(&mut html, night, &words);
        html.raw("<body><a class=\"skip\" href=\"#main\">").text(words.say("page.skip")).raw("</a>\n");
        banner(&mut html, night, &words);
        navigation(&mut html, &words);
        html.raw("<main id=\"main\">\n");
        section(&mut html, &words, "verdict", |html| verdict::write(night, &self.tie_out, &words, html));
        for name in SECTIONS {
            html.raw("\n");
            section(&mut html, &words, name, |html| self.write(name, &words, html));
        }
        html.raw("\n</main>\n");
        footer(&mut html, night, &words);
        html.raw("<script>").raw(PLOTS).raw("</script>\n<script>").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
        html.into_text()
    }

    fn write(&self, name: &str, words: &Words, html: &mut Html) {
        let night = &self.night;
        match name {
            "tie-out" => self.tie_out.write(night, words, html),
            "breaks" => breaks::write(night, self.comments, words, html),
            "payouts" => payouts::write(night, words, html),
            "fees" => fees::write(night, words, html),
            "success" => {
                rates::success(night, words, html);
                for (number, table) in (1..).zip(["success_amounts", "time_to_pay", "payment_methods"]) {
                    others::write(night, (table, number), words, html);
                }
            }
            "abandonment" => rates::abandonment(night, words, html),
            "funnel" => funnel::write(night, words, html),
            "failures" => funnel::failures(night, words, html),
            "changes" => changes::write(night, words, html),
            "deliveries" => deliveries::write(night, words, html),
            "definitions" => definitions::write(words, html),
            other => unreachable!("{other} is no section"),
        }
    }
}

fn head(html: &mut Html, night: &Night, words: &Words) {
    let source = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let scripts = [SCRIPTS_RUN, PLOTS, SCRIPT].map(source).join(" ");
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {scripts}; img-src data:; base-uri 'none'; form-action 'none'",
        source(STYLE)
    );
    html.raw("<!DOCTYPE html>\n<html").attribute("lang", words.language.tag()).raw(">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw("<meta http-equiv=\"Content-Security-Policy\"").attribute("content", &policy).raw(">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    html.raw("<meta name=\"robots\" content=\"noindex\">\n<link rel=\"icon\" href=\"data:,\">\n");
    let title = words.fill("page.title", &[("job", &night.manifest.night.job), ("date", &night.date().to_string())]);
    html.element("title", &title).raw("\n<style>").raw(STYLE).raw("</style>\n<script>").raw(SCRIPTS_RUN);
    html.raw("</script>\n</head>\n");
}

fn banner(html: &mut Html, night: &Night, words: &Words) {
    let about = &night.manifest.night;
    html.raw("<header><p class=\"job\">").text(&about.job).raw("</p><h1>").text(words.say("page.heading")).raw(" <time");
    html.attribute("datetime", &night.date().to_string()).raw(">").text(&figure::long_date(night.date(), words));
    html.raw("</time></h1><dl class=\"facts\">");
    let carried = about.previous_night.as_ref().map_or_else(
        || words.say("page.nothing_carried").to_owned(),
        |before| {
            words.fill(
                "page.carried",
                &[("date", &before.business_date.to_string()), ("generation", &before.generation.to_string())],
            )
        },
    );
    let facts = [
        ("page.generation", night.manifest.generation.to_string()),
        ("page.timezone", about.timezone.clone()),
        ("page.carried_in", carried),
        ("page.version", about.version.clone()),
        ("page.manifest", night.manifest.sha256.clone()),
    ];
    for (term, fact) in facts {
        html.raw("<div>").element("dt", words.say(term)).element("dd", &fact).raw("</div>");
    }
    html.raw("</dl></header>\n");
}

fn navigation(html: &mut Html, words: &Words) {
    html.raw("<nav").attribute("aria-label", words.say("page.sections")).raw("><ul>");
    for name in ["verdict"].into_iter().chain(SECTIONS) {
        html.raw("<li><a")
            .attribute("href", &format!("#{name}"))
            .raw(">")
            .text(words.say(&format!("nav.{name}")))
            .raw("</a></li>");
    }
    html.raw("</ul></nav>\n");
}

fn footer(html: &mut Html, night: &Night, words: &Words) {
    html.raw("<footer><p>").text(&words.fill("page.made", &[("version", &night.manifest.night.version)])).raw("</p><p>");
    html.text(words.say("page.library")).raw("</p></footer>\n");
}

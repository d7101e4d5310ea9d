//! What is written from the code, or twice, is the same in both places. `UPDATE=1` writes the pages anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tieout::format::shipped::{Library, SHIPPED};
use tieout::format::{Format, read};
use tieout::job::{self, Job};
use tieout::source::{DatabaseFile, Databases, PlaceFile};
use tieout::table::column::{Column, Type};
use tieout::table::part::amounts_of;
use tieout::table::views::views;
use tieout::table::{TABLES, find};

use crate::nights::{files, package, shown};

fn text(path: &str) -> String {
    fs::read_to_string(package().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_pages_of_the_tables_are_what_the_code_says() {
    let folder = package().join("schemas/tables");
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for table in TABLES {
            fs::write(folder.join(format!("{}.md", table.name)), table.page()).unwrap();
        }
    }
    for table in TABLES {
        let path = format!("schemas/tables/{}.md", table.name);
        assert!(text(&path) == table.page(), "{path} differs: write it anew with UPDATE=1 and read the difference");
    }
    let pages: BTreeSet<String> = files(&folder).into_keys().map(|path| path.display().to_string()).collect();
    let tables: BTreeSet<String> = TABLES.iter().map(|table| format!("{}.md", table.name)).collect();
    assert_eq!(pages, tables, "a page for each table and no other file");
}

/// Whether the values of a column are measured in something: numbers and times, not words.
fn has_unit(column: &Column) -> bool {
    !matches!(column.kind, Type::Text | Type::Word | Type::Flag)
}

#[test]
fn every_column_of_every_table_is_described() {
    for table in TABLES {
        for column in table.columns {
            let at = format!("{}.{}", table.name, column.name);
            assert!(column.meaning.ends_with('.'), "{at}: a meaning is a sentence");
            assert_eq!(!column.unit.is_empty(), has_unit(column), "{at}: unit `{}` of {:?}", column.unit, column.kind);
            let source = table.source_of(column);
            assert!(!source.is_empty() && !source.ends_with('.'), "{at}: source `{source}`");
            // Tables stand in backticks, and so do keys of a job and of a format, which are known by their pages.
            let manuals = ["jobs/README.md", "schemas/README.md"].map(text);
            for name in source.split('`').skip(1).step_by(2) {
                let is_told = || manuals.iter().any(|page| page.contains(&format!("`{name}`")));
                assert!(find(name).is_some() || name == "--date" || is_told(), "{at}: source `{name}`");
            }
            let version = |text: &str| -> Vec<u32> { text.split('.').take(2).map(|part| part.parse().unwrap()).collect() };
            assert!(version(column.since) <= version(env!("CARGO_PKG_VERSION")), "{at}: since {}", column.since);
        }
    }
}

#[test]
fn the_unit_of_an_amount_is_a_currency_of_its_row() {
    let elsewhere = [("matches", "fee")];
    for table in TABLES {
        for column in table.columns.iter().filter(|column| column.kind == Type::Amount) {
            let is_of_row = table.columns.iter().any(|other| other.name == column.unit && other.kind == Type::Word);
            assert_eq!(is_of_row, !elsewhere.contains(&(table.name, column.name)), "{}.{}", table.name, column.name);
        }
    }
}

#[test]
fn the_views_of_duckdb_are_what_the_code_says() {
    let path = "schemas/views.sql";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(package().join(path), views()).unwrap();
    }
    assert!(text(path) == views(), "{path} differs: write it anew with UPDATE=1 and read the difference");
}

#[test]
fn the_pages_of_the_formats_are_what_the_formats_say() {
    let formats = Library::shipped().all().unwrap();
    let providers = formats.iter().filter(|format| format.provider() != "merchant");
    let mut pages = BTreeSet::new();
    for format in providers {
        let path = format!("schemas/providers/{}.md", format.name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(package().join(&path), format.page()).unwrap();
        }
        assert!(text(&path) == format.page(), "{path} differs: write it anew with UPDATE=1 and read the difference");
        pages.insert(format!("{}.md", format.name));
    }
    let lie =
        files(&package().join("schemas/providers")).into_keys().filter(|path| path.extension().is_some_and(|of| of == "md"));
    let lie: BTreeSet<String> = lie.map(|path| path.display().to_string()).collect();
    assert_eq!(lie, pages, "a page for each format and no other");
}

#[test]
fn the_schemas_for_editors_are_what_the_code_reads() {
    for (path, schema) in [
        ("schemas/format.schema.json", tieout::format::schema::format()),
        ("schemas/job.schema.json", job::json_schema()),
        ("schemas/summary.schema.json", tieout::report::json::schema()),
    ] {
        let schema = format!("{schema:#}\n");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(package().join(path), &schema).unwrap();
        }
        assert!(text(path) == schema, "{path} differs: write it anew with UPDATE=1 and read the difference");
    }
}

#[test]
fn the_shipped_formats_are_those_below_schemas() {
    let below = |folder: &str, prefix: &'static str| {
        let found = files(&package().join(folder)).into_iter();
        let found = found.filter(|(path, _)| path.extension().is_none_or(|of| of != "md"));
        found.map(move |(path, bytes)| {
            let name = path.to_str().unwrap().strip_suffix(".toml").unwrap_or_else(|| panic!("{} is no format", path.display()));
            (format!("{prefix}{name}"), String::from_utf8(bytes).unwrap())
        })
    };
    let lie: Vec<(String, String)> = below("schemas/merchant", "merchant/").chain(below("schemas/providers", "")).collect();
    let names: BTreeSet<&str> = lie.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, SHIPPED.iter().map(|(name, _)| *name).collect());
    assert_eq!(SHIPPED.len(), lie.len(), "each once");
    for (name, text) in &lie {
        let shipped = SHIPPED.iter().find(|(shipped, _)| shipped == name).unwrap().1;
        assert!(shipped == text, "{name} is shipped under the name of another");
    }
    assert_eq!(Library::shipped().all().unwrap().len(), lie.len(), "every one loads");
}

#[test]
fn every_job_loads() {
    let jobs: Vec<_> =
        files(&package().join("jobs")).into_keys().filter(|path| path.extension().is_some_and(|of| of == "toml")).collect();
    assert!(!jobs.is_empty());
    for job in jobs {
        Job::load(&package().join("jobs").join(&job)).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// The fenced blocks of a page in a language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
fn the_worked_example_of_a_format_reads_as_the_page_says() {
    let page = text("schemas/README.md");
    let [format, file, said] =
        ["toml", "csv", "text"].map(|language| blocks(&page, language).into_iter().next().expect("the page has the block"));
    let format = Format::parse("tidepay/settlement", &format, &|_| None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidepay.csv");
    fs::write(&path, &file).unwrap();
    let decoded = read::read(&path, &format).unwrap();

    let [part] = &decoded.parts[..] else { panic!("a small file is one part") };
    let column = |name: &str| part.columns.iter().find(|(column, _)| *column == name).unwrap().1.clone();
    let shown = |name: &str, row| shown(&column(name), row);
    let sum = |name: &str, row| amounts_of(&column(name)).get(row).unwrap().in_currency("EUR");
    let lines = (0..part.lines.len()).map(|row| {
        let kind = format.kind[usize::from(part.kinds[row])].is.as_str();
        let texts = ["provider_reference", "merchant_reference", "merchant_refund_reference"].map(|name| shown(name, row));
        let sums = ["gross", "fee", "net"].map(|name| sum(name, row));
        [&[kind.to_owned()], &texts[..], &[shown("occurred_at", row)], &sums[..]].concat().join(" | ")
    });
    let lines: Vec<String> = lines.map(|line| line.replace("|  |", "| |")).collect();
    let (header, rows) = said.split_once('\n').unwrap();
    assert_eq!(
        header,
        "kind | provider_reference | merchant_reference | merchant_refund_reference | occurred_at | gross | fee | net"
    );
    assert_eq!(lines, rows.lines().collect::<Vec<_>>());
    assert!(decoded.rejects.is_empty());
    let tied: Vec<_> = decoded.tied.iter().map(|tied| format!("{} {}", tied.name, tied.figure)).collect();
    assert_eq!(tied, ["rows 3", "amount 45.50"]);

    fs::write(&path, file.replace("45.50", "45.51")).unwrap();
    let refused = read::read(&path, &format).unwrap_err().to_string();
    assert!(refused.contains("the total does not tie") && refused.contains("difference 0.01"), "{refused}");
    fs::write(&path, file.replace("20.00;0.34", "20.O0;0.34")).unwrap();
    assert!(read::read(&path, &format).is_err(), "an amount that cannot be read is missing in the total");
    fs::write(&path, file.replace("0.16", "O.16")).unwrap();
    let decoded = read::read(&path, &format).unwrap();
    let [reject] = &decoded.rejects[..] else { panic!("one line cannot be read") };
    assert_eq!((reject.line, reject.column.as_str(), reject.value.as_str()), (4, "fee", "O.16"));
    assert_eq!(decoded.parts[0].lines.len(), 2);
}

/// The names of the fields of the structs in a source file whose name `is_meant`.
fn fields(source: &str, is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let mut inside = false;
    for line in source.lines() {
        if let Some(rest) = line.split_once("struct ").filter(|_| !line.starts_with(' ')).map(|(_, rest)| rest) {
            inside = is_meant(rest.split([' ', '{', '(', ';']).next().unwrap());
        } else if line.starts_with('}') {
            inside = false;
        } else if inside {
            let name = line
                .trim_start()
                .trim_start_matches("pub(super) ")
                .trim_start_matches("pub ")
                .split_once(": ")
                .map(|(name, _)| name);
            fields.extend(
                name.filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).map(str::to_owned),
            );
        }
    }
    fields
}

#[track_caller]
fn assert_told(page: &str, keys: &BTreeSet<String>) {
    assert!(keys.len() > 10, "the keys were found: {keys:?}");
    let told = text(page);
    let missing: Vec<_> =
        keys.iter().filter(|key| ![format!("`{key}`"), format!(".{key}`")].iter().any(|key| told.contains(key))).collect();
    assert!(missing.is_empty(), "{page} does not tell {missing:?}");
}

#[test]
fn the_page_of_the_format_language_tells_every_key() {
    let mut keys = fields(&text("src/format.rs"), |_| true);
    // The name is its path; what becomes of identifiers like cards, the job says.
    assert!(keys.remove("name") && keys.remove("identifiers_like_cards"));
    keys.insert("extends".to_owned());
    assert_told("schemas/README.md", &keys);
}

#[test]
fn the_page_of_the_jobs_tells_every_key_and_exit_code() {
    for file in ["src/job/file.rs", "src/job/fees.rs", "src/job/journal.rs", "src/job/resolutions.rs"] {
        assert_told("jobs/README.md", &fields(&text(file), |name| name.ends_with("File")));
    }
    let page = text("jobs/README.md");
    let told: BTreeSet<u8> = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok()).collect();
    let codes = text("src/error.rs");
    let codes = codes.lines().filter_map(|line| line.split_once(" = ")?.1.strip_suffix(',')?.parse().ok());
    assert_eq!(told, codes.collect());
}

#[test]
fn the_sources_of_the_page_can_be_opened() {
    let page = text("jobs/README.md");
    let mut opened = BTreeSet::new();
    for block in blocks(&page, "toml").iter().skip(1) {
        let table: toml::Table = toml::from_str(block).unwrap();
        let files: Vec<DatabaseFile> = table.get("database").map(|files| files.clone().try_into().unwrap()).unwrap_or_default();
        let databases = Databases::new(files, Path::new(".")).unwrap();
        // What people say of breaks stands beside a job, and is no part of it.
        let Some(source) = table.get("provider").or_else(|| table.get("merchant")?.get("orders")) else { continue };
        let source = source["source"].clone();
        opened.extend(source.as_table().unwrap().keys().cloned());
        let place: PlaceFile = source.try_into().unwrap();
        place.open(Path::new("."), &databases).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
    // Every source the page lists has its example but `files`, which the job above shows.
    let listed = page.lines().skip_while(|line| *line != "| source | what is asked | what tells that a file is whole |").skip(2);
    let listed = listed.map_while(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
    let listed: BTreeSet<String> = listed.filter(|name| name != "files").collect();
    assert_eq!(opened, listed);
    // And the page lists every source there is.
    let schema = job::json_schema();
    let sources = schema["definitions"]["PlaceFile"]["oneOf"].as_array().unwrap();
    let known: BTreeSet<String> =
        sources.iter().flat_map(|source| source["properties"].as_object().unwrap().keys().cloned()).collect();
    assert_eq!(known, listed.into_iter().chain(["files".to_owned()]).collect());
}

#[test]
fn the_job_of_the_page_loads() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job.toml");
    fs::write(&job, &blocks(&text("jobs/README.md"), "toml")[0]).unwrap();
    for own in ["formats", "calendars"] {
        fs::create_dir(folder.path().join(own)).unwrap();
    }
    let job = Job::load(&job).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((job.providers.len(), job.tolerances.len()), (1, 1));
    assert!(job.lake.shown("").trim_end_matches('/').ends_with("lake"));
}

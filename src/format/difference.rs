//! A file no format fits, held against the nearest one: column by column.

use serde::Serialize;

use super::header::folded;
use super::look::Look;
use super::{Container, Encoding, Format, Layout};
use crate::mask::masked;

/// From here on two names may be one that was changed: similarity of Jaro.
const ALIKE: f64 = 0.7;

/// A file and the layout nearest to it.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The format.
    pub format: String,
    /// What it describes.
    pub title: String,
    /// The layout of it.
    pub layout: String,
    /// The columns of the file in order, then those it lacks.
    pub columns: Vec<Compared>,
    /// In what the files differ beside their columns.
    pub framing: Vec<Framing>,
}

/// A column of the file, of the layout, or of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Its name in the file.
    pub file: Option<String>,
    /// Its name in the layout.
    pub layout: Option<String>,
    /// How the two go together.
    pub state: State,
}

/// How a column of the file and one of the layout go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// One name, in its place.
    Same,
    /// One name, in another place; no rule minds.
    Moved,
    /// Two names so alike that one may be the other.
    PerhapsRenamed,
    /// The layout does not know it.
    Added,
    /// The file lacks it.
    Missing,
}

/// Something beside the columns in which a file differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Framing {
    /// The key of `[file]`.
    pub key: &'static str,
    /// What the format says.
    pub format: String,
    /// What the file looks like.
    pub file: String,
}

impl Difference {
    /// How many columns are in that state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.columns.iter().filter(|column| column.state == state).count()
    }

    fn shared(&self) -> usize {
        self.count(State::Same) + self.count(State::Moved)
    }
}

/// The layout of `formats` nearest to a file, where any shares a quarter of its columns with it.
#[must_use]
pub fn nearest(look: &Look, formats: &[Format]) -> Option<Difference> {
    let readable = formats.iter().filter(|format| format.refuse.is_none());
    let differences = readable.flat_map(|format| format.layout.iter().map(|layout| held(look, format, layout)));
    let near = differences.filter(|near| near.shared() > 0 && near.shared() * 4 >= near.columns.len());
    // Shared columns over all columns, in parts of a thousand: the larger is nearer, of equal ones the first.
    near.min_by_key(|near| {
        std::cmp::Reverse((2 * near.shared() + near.count(State::PerhapsRenamed)) * 1_000 / near.columns.len())
    })
}

fn held(look: &Look, format: &Format, layout: &Layout) -> Difference {
    let known: Vec<(String, &String)> = layout.columns.iter().chain(&layout.optional).map(|name| (folded(name), name)).collect();
    let place = |name: &str| {
        let name = folded(name);
        let fits = |known: &str| known == name || known.strip_suffix("*]").is_some_and(|begin| name.starts_with(begin));
        known.iter().position(|(known, _)| fits(known))
    };
    let mut columns: Vec<Compared> = Vec::new();
    let mut places = Vec::new();
    for name in look.header.iter().filter(|name| !name.is_empty()) {
        let at = place(name);
        places.push(at.filter(|&at| at < layout.columns.len()));
        columns.push(Compared {
            file: Some(masked(name)),
            layout: at.map(|at| known[at].1.clone()),
            state: if at.is_some() { State::Same } else { State::Added },
        });
    }
    for moved in moved(&places) {
        columns[moved].state = State::Moved;
    }
    let mut missing: Vec<&String> =
        layout.columns.iter().filter(|name| !look.header.iter().any(|there| folded(there) == folded(name))).collect();
    while let Some((at, of)) = most_alike(&columns, &missing) {
        columns[at] = Compared { layout: Some(missing.remove(of).clone()), state: State::PerhapsRenamed, ..columns[at].clone() };
    }
    columns.extend(missing.into_iter().map(|name| Compared { file: None, layout: Some(name.clone()), state: State::Missing }));
    Difference {
        format: format.name.clone(),
        title: format.title.clone(),
        layout: layout.name.clone(),
        columns,
        framing: framing(look, format),
    }
}

/// The fewest columns that must move for the others to stand in the order of the layout.
fn moved(places: &[Option<usize>]) -> Vec<usize> {
    let in_layout: Vec<(usize, usize)> = places.iter().enumerate().filter_map(|(at, place)| Some((at, (*place)?))).collect();
    // The longest run in order that ends at each: its length, and the one before.
    let mut runs: Vec<(usize, Option<usize>)> = Vec::new();
    for (index, (_, place)) in in_layout.iter().enumerate() {
        let before = (0..index).filter(|&before| in_layout[before].1 < *place).max_by_key(|&before| (runs[before].0, before));
        runs.push((before.map_or(1, |before| runs[before].0 + 1), before));
    }
    let mut stays = vec![false; in_layout.len()];
    let mut at = (0..runs.len()).max_by_key(|&index| runs[index].0);
    while let Some(index) = at {
        stays[index] = true;
        at = runs[index].1;
    }
    in_layout.iter().zip(stays).filter(|(_, stays)| !stays).map(|((at, _), _)| *at).collect()
}

/// The added and the missing column whose names are most alike, where any are.
fn most_alike(columns: &[Compared], missing: &[&String]) -> Option<(usize, usize)> {
    let added = columns.iter().enumerate().filter(|(_, column)| column.state == State::Added);
    let pairs = added.flat_map(|(at, column)| missing.iter().enumerate().map(move |(of, name)| (at, of, column, *name)));
    let alike = pairs.filter_map(|(at, of, column, name)| {
        let [one, other] = [column.file.as_ref()?, name].map(|name| folded(name).to_lowercase());
        Some((strsim::jaro(&one, &other), at, of))
    });
    let best = alike
        .filter(|(alike, ..)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0).then((other.1, other.2).cmp(&(one.1, one.2))));
    best.map(|(_, at, of)| (at, of))
}

fn framing(look: &Look, format: &Format) -> Vec<Framing> {
    let mut framing = Vec::new();
    let mut differs = |key, format: String, file: String| framing.push(Framing { key, format, file });
    let file = &format.file;
    if !file.container.contains(&look.container) {
        let wrapped = file.container.iter().map(|container| container_name(*container)).collect::<Vec<_>>();
        differs("container", wrapped.join(" or "), container_name(look.container).to_owned());
    }
    let is_ascii = look.header.iter().all(|name| name.is_ascii());
    if file.encoding != look.encoding && !is_ascii {
        differs("encoding", encoding_name(file.encoding).to_owned(), encoding_name(look.encoding).to_owned());
    }
    if file.delimiter != look.delimiter {
        differs("delimiter", format!("{:?}", file.delimiter), format!("{:?}", look.delimiter));
    }
    if look.quote.is_some() && file.quote.is_none() {
        differs("quote", "none".to_owned(), "'\"'".to_owned());
    }
    framing
}

/// As a format file names it.
#[must_use]
pub fn container_name(container: Container) -> &'static str {
    match container {
        Container::None => "none",
        Container::Gzip => "gzip",
        Container::Zip => "zip",
    }
}

/// As a format file names it.
#[must_use]
pub fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "utf-8",
        Encoding::Gb18030 => "gb18030",
    }
}

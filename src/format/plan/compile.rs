//! How a plan is made of a format and a header.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    AmountCell, Fill, Glob, GroupPlan, KindPlan, Plan, RowCheckPlan, SumPlan, TargetPlan, Telling, Test, TextFill, ZoneOf, totals,
};
use crate::error::{Error, Result};
use crate::format::container::{decode, encode};
use crate::format::header::{folded, layout};
use crate::format::time::Pattern;
use crate::format::written::Written;
use crate::format::{Condition, Format, RowCheck, Rule, Target};
use crate::money::Amount;
use crate::table::column::{Column, Type};

impl Plan {
    /// Compiles `format` against the cells of a header.
    pub fn new(format: &Format, header: &[Vec<u8>]) -> Result<Self> {
        let encoding = format.file.encoding;
        let header: Vec<String> = header.iter().map(|cell| decode(cell, encoding)).collect();
        let fit = layout(format, &header)?;
        // Of two cells of one name, which no layout asks for, the first.
        let cells = header.iter().enumerate().rev().map(|(at, cell)| (folded(cell), at)).collect();
        let mut compiler = Compiler { format, layout: &fit.layout, header: &header, cells, amounts: Vec::new() };
        let by_stages = format.target.filled_by_stages();
        let columns = format.target.table().columns.iter().filter(|column| !by_stages.contains(&column.name));
        let (kinds, targets) = compiler.kinds(&columns.collect::<Vec<_>>())?;
        let sums = compiler.sums();
        let groups = compiler.groups();
        let one_currency = compiler.cells(&format.one_currency);
        let row_checks = compiler.row_checks();
        let identity = format.identity.iter().filter_map(|name| compiler.cell(name)).collect();
        let identity = matches!(format.target, Target::Entries | Target::BankLines).then_some(identity);
        let free_text = format.file.free_text.iter().filter_map(|name| compiler.cell(name)).collect();
        let amounts = compiler.amounts;
        let tests = kinds.iter().flat_map(|kind| &kind.when).chain(sums.iter().flat_map(|sum| &sum.of));
        let tests = tests.chain(groups.iter().flat_map(|group| &group.of));
        Ok(Self {
            layout: fit.layout,
            columns: header.len(),
            added: fit.added,
            encoding,
            amounts,
            telling: Telling::of(tests),
            kinds,
            targets,
            identity,
            free_text,
            short_rows: format.file.short_rows,
            sums,
            groups,
            one_currency,
            row_checks,
            header,
        })
    }
}

struct Compiler<'a> {
    format: &'a Format,
    layout: &'a str,
    header: &'a [String],
    /// The cells of the header by name, as names are compared.
    cells: HashMap<String, usize>,
    amounts: Vec<AmountCell>,
}

impl Compiler<'_> {
    /// The cell of a source column in this layout, by its own name or an alias.
    fn cell(&self, name: &str) -> Option<usize> {
        let position = |name: &str| self.cells.get(&folded(name)).copied();
        position(name).or_else(|| {
            let layout = self.format.layout.iter().find(|layout| layout.name == self.layout)?;
            layout.aliases.get(name)?.iter().find_map(|alias| position(alias))
        })
    }

    /// The cells a list of names stands for; `begin[*]` is every column that begins so, by name.
    fn cells(&self, names: &[String]) -> Vec<usize> {
        let mut cells = Vec::new();
        for name in names {
            if let Some(begin) = name.strip_suffix("*]") {
                let mut columns: Vec<(&String, usize)> = self
                    .header
                    .iter()
                    .enumerate()
                    .filter(|(_, column)| column.starts_with(begin))
                    .map(|(at, name)| (name, at))
                    .collect();
                columns.sort();
                cells.extend(columns.into_iter().map(|(_, at)| at));
            } else {
                cells.extend(self.cell(name));
            }
        }
        cells
    }

    /// The slot in which an amount column is read.
    fn slot(&mut self, name: &str, decimals: u32) -> Option<usize> {
        let cell = self.cell(name)?;
        if let Some(slot) = self.amounts.iter().position(|amount| amount.cell == cell) {
            self.amounts[slot].decimals = self.amounts[slot].decimals.max(decimals);
            return Some(slot);
        }
        let written = self.written(name);
        self.amounts.push(AmountCell { cell, decimals, written });
        Some(self.amounts.len() - 1)
    }

    /// How the amounts of a column are written, where they are no plain decimals.
    fn written(&mut self, name: &str) -> Option<Written> {
        let format = self.format;
        let shape = format.amount.iter().find(|shape| shape.columns.iter().any(|column| column == name))?;
        let byte = |letter: char| u8::try_from(letter).ok();
        Some(Written {
            implied_decimals: shape.implied_decimals,
            negative: self.tests(&shape.negative),
            always_negative: shape.always_negative,
            letters: shape.letters.iter().filter_map(|(letter, sign)| Some((byte(*letter)?, *sign))).collect(),
            decimal_point: shape.decimal_point.and_then(byte).unwrap_or(b'.'),
            thousands: shape.thousands.and_then(byte),
        })
    }

    fn slots(&mut self, names: &[String], decimals: u32) -> Vec<usize> {
        names.iter().filter_map(|name| self.slot(name, decimals)).collect()
    }

    fn kinds(&mut self, columns: &[&'static Column]) -> Result<(Vec<KindPlan>, Vec<TargetPlan>)> {
        let format = self.format;
        let mut kinds = Vec::new();
        let mut fills: Vec<Vec<Fill>> = columns.iter().map(|_| Vec::new()).collect();
        // Where the target has no kinds, all rows are of one.
        let declared = format.kind.iter().map(Some).chain(format.kind.is_empty().then_some(None));
        for kind in declared {
            for (column, fills) in columns.iter().zip(&mut fills) {
                let own = kind.and_then(|kind| kind.fill.get(column.name));
                fills.push(self.fill(column, own.or_else(|| format.fill.get(column.name)))?);
            }
            kinds.push(match kind {
                Some(kind) => KindPlan { is: kind.is.clone(), when: self.tests(&kind.when) },
                None => KindPlan { is: String::new(), when: Vec::new() },
            });
        }
        let targets = columns.iter().zip(fills).map(|(column, fills)| TargetPlan::new(column, fills, format));
        Ok((kinds, targets.collect()))
    }

    fn tests(&mut self, when: &BTreeMap<String, Condition>) -> Vec<Test> {
        let encoding = self.format.file.encoding;
        let test = |(name, condition): (&String, &Condition)| match condition {
            Condition::Is(text) => Test::OneOf(self.cell(name), vec![Glob::new(text, encoding)]),
            Condition::OneOf(texts) => Test::OneOf(self.cell(name), texts.iter().map(|text| Glob::new(text, encoding)).collect()),
            Condition::Signed { sign } => match self.slot(name, 8) {
                Some(slot) => Test::Signed(slot, *sign),
                None => Test::OneOf(None, Vec::new()),
            },
        };
        when.iter().map(test).collect()
    }

    fn fill(&mut self, column: &Column, rule: Option<&Rule>) -> Result<Fill> {
        let wrong = |what: String| Error::configuration(what).file(format!("format {}", self.format.name));
        let Some(rule) = rule else { return Ok(Fill::Nothing) };
        let mut cells = self.cells(&rule.from.0);
        // A column that is named and fits a `[*]` too is asked once.
        let mut asked = BTreeSet::new();
        cells.retain(|&cell| asked.insert(cell));
        match column.kind {
            Type::Text | Type::Word => Ok(Fill::Text(self.text_fill(rule, cells))),
            Type::Amount => {
                let default = rule
                    .default
                    .as_ref()
                    .or(rule.value.as_ref())
                    .filter(|text| !text.is_empty())
                    .map(|text| Amount::parse(text.as_bytes(), 8))
                    .transpose();
                let default = default.map_err(|why| wrong(format!("default of {}: {why}", column.name)))?;
                let decimals = rule.decimals.unwrap_or(8);
                let first = rule.from.0.iter().find_map(|name| self.slot(name, decimals));
                let add = first.into_iter().chain(self.slots(&rule.add, decimals)).collect();
                Ok(Fill::Amount {
                    add,
                    subtract: self.slots(&rule.subtract, decimals),
                    default,
                    own_decimals: rule.decimals.is_some(),
                })
            }
            Type::Rate => Ok(cells.first().map_or(Fill::Nothing, |&cell| Fill::Rate(cell))),
            Type::Instant | Type::Date => {
                let Some(pattern) = &rule.time else {
                    return Err(wrong(format!("{} is a time: its rule needs `time`, the pattern of the text", column.name)));
                };
                let pattern = Pattern::new(pattern);
                if cells.is_empty() && !column.nullable {
                    return Err(Error::data(format!("no column gives {}", column.name)).expected(rule.from.0.join(" or ")));
                }
                if column.kind == Type::Date {
                    return Ok(Fill::Day { cells, pattern });
                }
                let zone = match (&pattern, &rule.zone, rule.zone_from.as_ref().and_then(|name| self.cell(name))) {
                    (Pattern::Rfc3339 | Pattern::WithOffset(_), ..) => ZoneOf::Text,
                    (_, _, Some(cell)) => ZoneOf::Cell(cell, rule.zones.clone()),
                    (_, Some(zone), None) => ZoneOf::Fixed(
                        zone.parse().map_err(|_| wrong(format!("`{zone}` is not a time zone, such as Asia/Shanghai")))?,
                    ),
                    (_, None, None) => {
                        return Err(wrong(format!("{} is a time without an offset: its rule needs `zone`", column.name)));
                    }
                };
                Ok(Fill::Instant { cells, pattern, zone })
            }
            Type::Count | Type::Ratio | Type::Flag => Err(wrong(format!("no format fills {}", column.name))),
        }
    }

    fn text_fill(&self, rule: &Rule, cells: Vec<usize>) -> TextFill {
        let encoding = self.format.file.encoding;
        TextFill {
            cells,
            empty: rule.empty.iter().map(|text| encode(text, encoding)).collect(),
            case: rule.case,
            map: rule.map.iter().map(|(pattern, word)| (Glob::new(pattern, encoding), word.clone())).collect(),
            otherwise: rule.otherwise,
            default: rule.value.clone().or_else(|| rule.default.clone()).filter(|text| !text.is_empty()),
        }
    }

    fn sums(&mut self) -> Vec<SumPlan> {
        let format = self.format;
        totals(format)
            .map(|total| SumPlan {
                of: self.tests(&total.of),
                add: self.slots(&total.add, 8),
                subtract: self.slots(&total.subtract, 8),
            })
            .collect()
    }

    fn groups(&mut self) -> Vec<GroupPlan> {
        let format = self.format;
        let closing = format.closing.iter().map(|closing| (&closing.by, &closing.add, &closing.subtract, None));
        let stated = format
            .stated
            .iter()
            .flat_map(|stated| stated.totals.iter().map(|total| (&stated.by, &total.add, &total.subtract, Some(total))));
        let mut groups = Vec::new();
        for (by, add, subtract, total) in closing.chain(stated) {
            groups.push(GroupPlan {
                by: self.cells(by),
                of: total.map(|total| self.tests(&total.of)).unwrap_or_default(),
                count: total.is_some_and(|total| total.count),
                add: self.slots(add, 8),
                subtract: self.slots(subtract, 8),
            });
        }
        groups
    }

    fn row_checks(&mut self) -> Vec<RowCheckPlan> {
        let format = self.format;
        let compile = |check: &RowCheck| {
            Some(RowCheckPlan {
                equals: self.slot(&check.equals, 8)?,
                add: self.slots(&check.add, 8),
                subtract: self.slots(&check.subtract, 8),
                column: check.equals.clone(),
            })
        };
        format.row_check.iter().filter_map(compile).collect()
    }
}

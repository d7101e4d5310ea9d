//! A format as a page to read: `schemas/providers/<provider>/<report>.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{AddedColumns, Condition, Container, Encoding, Format, Rule, Sign, Target, Total};

impl Format {
    /// The page that describes it, in Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = format!("# {}\n\n`{}`", self.title, self.name);
        if let Some(why) = &self.refuse {
            return page + &format!(", known only to be refused: {why}.\n");
        }
        line(
            &mut page,
            format_args!(", one row of it becomes one row of [`{0}`](../../tables/{0}.md).", self.target.table().name),
        );
        for link in &self.documentation {
            line(&mut page, format_args!("\n<{link}>"));
        }
        self.framing(&mut page);
        self.layouts(&mut page);
        self.fills(&mut page);
        self.kinds(&mut page);
        self.checks(&mut page);
        page
    }

    fn framing(&self, page: &mut String) {
        let file = &self.file;
        let container = file.container.iter().map(|container| match container {
            Container::None => "as it is",
            Container::Gzip => "packed with gzip",
            Container::Zip => "in a ZIP archive",
        });
        *page += "\n## The file\n\n";
        line(page, format_args!("- {}", container.collect::<Vec<_>>().join(", or ")));
        let encoding = match file.encoding {
            Encoding::Utf8 => "UTF-8",
            Encoding::Gb18030 => "GB 18030 (GBK)",
        };
        line(page, format_args!("- {encoding}"));
        if file.fixed_width.is_empty() {
            let quoted = file.quote.map_or("nothing is quoted".to_owned(), |quote| format!("quoted with `{quote}`"));
            line(page, format_args!("- separated by `{}`, {quoted}", file.delimiter));
        } else {
            line(page, format_args!("- columns at fixed places, without a header"));
        }
        let letters =
            [("every value begins with", file.value_prefix.map(String::from)), ("comments begin with", file.comment.clone())];
        for (what, letters) in letters {
            if let Some(letters) = letters {
                line(page, format_args!("- {what} `{letters}`"));
            }
        }
        if let Some(records) = &file.records {
            line(
                page,
                format_args!(
                    "- the first cell of a line says what it is: `{}` names columns, `{}` is a row",
                    records.header, records.row
                ),
            );
        }
        if let Some(end) = &file.end {
            line(page, format_args!("- truncated without a line `{end}`"));
        }
        if let Some(zone) = file.one_date_in {
            line(page, format_args!("- of one date, in {zone}"));
        }
        for shape in &self.amount {
            let mut how = Vec::new();
            if shape.implied_decimals > 0 {
                how.push(format!("whole numbers with {} implied decimals", shape.implied_decimals));
            }
            if !shape.negative.is_empty() {
                how.push(format!("unsigned, and negative where {}", conditions(&shape.negative)));
            }
            if shape.always_negative {
                how.push("negative, with or without a minus".to_owned());
            }
            for (letter, sign) in &shape.letters {
                how.push(format!("`{letter}` in front is {}", sign_word(*sign)));
            }
            line(page, format_args!("- amounts of {}: {}", columns(&shape.columns), how.join("; ")));
        }
    }

    fn layouts(&self, page: &mut String) {
        *page += "\n## Columns\n\n";
        for (name, first, width) in &self.file.fixed_width {
            line(page, format_args!("- `{name}`: {width} bytes from byte {first}"));
        }
        for layout in self.layout.iter().filter(|_| self.file.fixed_width.is_empty()) {
            line(page, format_args!("- **{}**: {}", layout.name, columns(&layout.columns)));
            if !layout.optional.is_empty() {
                line(page, format_args!("  - may have: {}", columns(&layout.optional)));
            }
        }
        let added = match self.file.added_columns {
            AddedColumns::Refuse => "Any other column refuses the file: the layout is the provider's.",
            AddedColumns::Ignore => "Any other column is ignored, and named in `files`.",
        };
        if self.file.fixed_width.is_empty() {
            line(page, format_args!("\n{added}"));
        }
    }

    fn fills(&self, page: &mut String) {
        *page += "\n## What fills which column\n\n| column | is |\n|---|---|\n";
        for column in self.target.table().columns {
            if let Some(rule) = self.fill.get(column.name) {
                line(page, format_args!("| `{}` | {} |", column.name, rule.told()));
            }
        }
    }

    fn kinds(&self, page: &mut String) {
        if self.kind.is_empty() || self.target != Target::Entries {
            return;
        }
        *page += "\n## Kinds\n\nThe first whose conditions hold.\n\n| kind | where | and then |\n|---|---|---|\n";
        for kind in &self.kind {
            let fills: Vec<String> = kind.fill.iter().map(|(column, rule)| format!("`{column}` is {}", rule.told())).collect();
            let when = if kind.when.is_empty() { "anything else".to_owned() } else { conditions(&kind.when) };
            line(page, format_args!("| {} | {when} | {} |", kind.is, fills.join("; ")));
        }
    }

    fn checks(&self, page: &mut String) {
        let mut checks = Vec::new();
        if !self.identity.is_empty() {
            checks.push(format!("identity of a row: {}", columns(&self.identity)));
        }
        if !self.one_currency.is_empty() {
            checks.push(format!("one currency in a row: {}", columns(&self.one_currency)));
        }
        let totals = |totals: &[Total]| totals.iter().map(Total::told).collect::<Vec<_>>().join("; ");
        if let Some(summary) = &self.summary {
            checks.push(format!("the summary, from `{}` on: {}", summary.begins, totals(&summary.totals)));
        }
        for footer in &self.footer {
            checks.push(format!("the line `{}`: {}", footer.line, totals(&footer.totals)));
        }
        if let Some(companion) = &self.companion {
            checks.push(format!("the line `{}` of the summary member: {}", companion.row, totals(&companion.totals)));
        }
        for stated in &self.stated {
            let of = if stated.whole_delivery { "of all files of a delivery, " } else { "" };
            let by = if stated.by.is_empty() { String::new() } else { format!("by {}, ", columns(&stated.by)) };
            checks.push(format!("the lines `{}`, {of}{by}{}", stated.record, totals(&stated.totals)));
        }
        for closing in &self.closing {
            let sum = sum(&closing.add, &closing.subtract);
            checks.push(format!("each {} ({}) adds up to nothing: {sum}", closing.name, columns(&closing.by)));
        }
        for check in &self.row_check {
            checks.push(format!("in every row {} is `{}`", sum(&check.add, &check.subtract), check.equals));
        }
        if !checks.is_empty() {
            *page += "\n## What is checked\n\n";
            for check in checks {
                line(page, format_args!("- {check}"));
            }
        }
    }
}

impl Rule {
    /// What it fills a column with.
    fn told(&self) -> String {
        let mut parts = Vec::new();
        if let Some(value) = &self.value {
            parts.push(if value.is_empty() { "nothing".to_owned() } else { format!("always `{value}`") });
        }
        if !self.from.0.is_empty() {
            parts.push(self.from.0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", else "));
        }
        if !self.add.is_empty() || !self.subtract.is_empty() {
            parts.push(sum(&self.add, &self.subtract));
        }
        if let Some(default) = &self.default {
            parts.push(format!("else `{default}`"));
        }
        if !self.map.is_empty() {
            let words: Vec<String> = self.map.iter().map(|(pattern, word)| format!("`{pattern}` → {word}")).collect();
            parts.push(format!("as {}", words.join(", ")));
        }
        if let Some(time) = self.time.as_ref().filter(|time| *time != "rfc3339") {
            let zone = self.zone.as_ref().or(self.zone_from.as_ref()).map_or(String::new(), |zone| format!(" in {zone}"));
            parts.push(format!("`{time}`{zone}"));
        }
        escaped(&parts.join("; "))
    }
}

impl Total {
    fn told(&self) -> String {
        let what = if self.count { "rows".to_owned() } else { sum(&self.add, &self.subtract) };
        let of = if self.of.is_empty() { String::new() } else { format!(" where {}", conditions(&self.of)) };
        format!("{} = {what}{of}", self.name)
    }
}

fn sum(add: &[String], subtract: &[String]) -> String {
    let signed = |sign: &'static str, names: &[String]| names.iter().map(|name| format!("{sign} `{name}`")).collect::<Vec<_>>();
    let sum = [signed("+", add), signed("−", subtract)].concat().join(" ");
    sum.strip_prefix("+ ").map(str::to_owned).unwrap_or(sum)
}

fn conditions(when: &BTreeMap<String, Condition>) -> String {
    let told = when.iter().map(|(column, condition)| match condition {
        Condition::Is(text) if text == "*" => format!("`{column}` is anything"),
        Condition::Is(text) if text.is_empty() => format!("`{column}` is empty"),
        Condition::Is(text) => format!("`{column}` is `{text}`"),
        Condition::OneOf(texts) => {
            let texts: Vec<String> =
                texts.iter().map(|text| if text.is_empty() { "empty".to_owned() } else { format!("`{text}`") }).collect();
            format!("`{column}` is {}", texts.join(" or "))
        }
        Condition::Signed { sign } => format!("`{column}` is {}", sign_word(*sign)),
    });
    told.collect::<Vec<_>>().join(" and ")
}

fn sign_word(sign: Sign) -> &'static str {
    match sign {
        Sign::Negative => "negative",
        Sign::Positive => "positive",
    }
}

fn columns(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A bar would end the cell of a table.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

fn line(page: &mut String, text: std::fmt::Arguments) {
    writeln!(page, "{text}").expect("writing to a string does not fail");
}

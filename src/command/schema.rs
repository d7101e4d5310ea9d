//! `tieout schema`: the published tables, and the files people write.

use std::fmt::Write;
use std::fs;

use super::print;
use crate::cli::{Schema, Written};
use crate::error::{Error, Exit, Result};
use crate::table::views::views;
use crate::table::{TABLES, dictionary, find};

pub(super) fn schema(arguments: &Schema) -> Result<Exit> {
    if let Some(written) = arguments.json_schema {
        // Written from the structs that are read, and held to them by a test: the program does not carry what writes it.
        print(match written {
            Written::Job => include_str!("../../schemas/job.schema.json"),
            Written::Format => include_str!("../../schemas/format.schema.json"),
            Written::Summary => include_str!("../../schemas/summary.schema.json"),
        })?;
        return Ok(Exit::Published);
    }
    if arguments.views {
        print(&views())?;
        return Ok(Exit::Published);
    }
    if let Some(folder) = &arguments.write {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder.display(), &error))?;
        for table in TABLES {
            let path = folder.join(format!("{}.md", table.name));
            fs::write(&path, table.page()).map_err(|error| Error::io("write", path.display(), &error))?;
        }
        return Ok(Exit::Published);
    }
    let named = |name: &String| {
        let names = TABLES.map(|table| table.name).join(", ");
        find(name).ok_or_else(|| Error::new(Exit::Usage, format!("no table is called `{name}`")).expected(names))
    };
    let table = arguments.table.as_ref().map(named).transpose()?;
    if arguments.json {
        print(&format!("{:#}\n", dictionary::json(table)))?;
    } else if let Some(table) = table {
        print(&table.page())?;
    } else {
        let mut text = String::new();
        for table in TABLES {
            writeln!(text, "{:16} one row per {}", table.name, table.grain).expect("writing to a string does not fail");
        }
        print(&text)?;
    }
    Ok(Exit::Published)
}

//! `tieout schema`: the published tables, and the files people write.

use std::fmt::Write;
use std::fs;

use super::print;
use crate::cli::{Schema, Written};
use crate::error::{Error, Exit, Result};
use crate::table::{TABLES, find};
use crate::{format, job};

pub(super) fn schema(arguments: &Schema) -> Result<Exit> {
    if let Some(written) = arguments.json_schema {
        let schema = match written {
            Written::Job => job::json_schema(),
            Written::Format => format::schema::format(),
        };
        print(&format!("{schema:#}\n"))?;
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
    if let Some(name) = &arguments.table {
        let names = TABLES.map(|table| table.name).join(", ");
        let table = find(name).ok_or_else(|| Error::new(Exit::Usage, format!("no table is called `{name}`")).expected(names))?;
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

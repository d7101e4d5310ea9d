//! The lake as views, in SQL: one for each table, and those people ask for.

use std::fmt::Write;

use super::TABLES;

/// What `schemas/views.sql` says.
#[must_use]
pub fn views() -> String {
    let mut text = "\
-- The lake as views of DuckDB: every table, then what people ask most. Written by `tieout schema --views`.
--
--     SET VARIABLE lake = 'path/of/the/lake';
--     .read views.sql
--
-- Without the variable the lake is the folder `lake`, of where DuckDB was started. A condition on `date` reads the files of
-- those nights alone; `business_date` is the same day. Amounts of different currencies are never added: group by currency.

SET VARIABLE lake = coalesce(getvariable('lake'), 'lake');
"
    .to_owned();
    for table in TABLES {
        let (name, grain) = (table.name, table.grain);
        write!(
            text,
            "
CREATE OR REPLACE VIEW {name} AS FROM read_parquet(getvariable('lake') || '/data/{name}/*/*.parquet',
    hive_partitioning = true, hive_types = {{'date': DATE}}, union_by_name = true);
COMMENT ON VIEW {name} IS 'One row per {grain}.';
"
        )
        .expect("writing to a string does not fail");
    }
    text + include_str!("views.sql")
}

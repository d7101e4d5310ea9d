//! Bank files, read, to `bank_lines`: the lines of the job's account, identities, one order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, StringArray};
use arrow::datatypes::{DataType, Date32Type};
use chrono::NaiveDate;

use super::normalize::{Delivered, Repeated, batch, identify_all, keep_rows, tell_copies_apart};
use crate::error::{Error, Result};
use crate::format::control::Tied;
use crate::format::read::{Decoded, Part};
use crate::format::statement::is_same_account;
use crate::format::{Format, LikeCards, Target};
use crate::mask::{card_numbers, masked, of_people};
use crate::table::part::{identities, row_id, same_word};
use crate::table::read::{count_of_rows, words_of};
use crate::table::rows::Rows;
use crate::table::sheet::Pick;

/// All the lines of a night's bank files, ordered by bank, day of booking and identity.
#[must_use]
pub fn bank_lines(delivered: &mut [Delivered], night: NaiveDate) -> Rows {
    let mut numbers = identify_all(delivered);
    tell_copies_apart(delivered, &Repeated::default(), &mut numbers);
    let order = ordered(delivered, &numbers);
    let mut numbers = numbers.into_iter();
    let mut parts = Vec::with_capacity(numbers.len());
    for file in delivered {
        for mut part in std::mem::take(&mut file.decoded.parts) {
            let rows = part.lines.len();
            file.rows += rows;
            for (name, column) in &mut part.columns {
                match *name {
                    // The same account for who joins it, however the bank writes it.
                    "account" => *column = same_word(file.account, rows),
                    // What the payer may write.
                    "text" => *column = each(column, of_people),
                    "line_reference" | "end_to_end_reference" | "customer_reference"
                        if file.format.identifiers_like_cards == LikeCards::Rejected =>
                    {
                        *column = each(column, card_numbers);
                    }
                    _ => {}
                }
            }
            let own = [
                ("bank_line_id", identities(numbers.next().expect("every part was identified").into_iter())),
                ("bank", same_word(file.provider, rows)),
            ];
            parts.push(batch(own, part, file.file_id, night));
        }
    }
    Rows { parts, order }
}

/// Every row, ordered by bank, day of booking and identity.
fn ordered(delivered: &[Delivered], numbers: &[Vec<u128>]) -> Pick {
    let parts = delivered.iter().flat_map(|file| file.decoded.parts.iter().map(|part| (file.provider, part)));
    let rows = parts.zip(numbers).enumerate().flat_map(|(at, ((bank, part), numbers))| {
        let days = days_of(part);
        numbers.iter().enumerate().map(move |(row, &number)| {
            let day = days.filter(|days| days.is_valid(row)).map(|days| days.value(row));
            ((bank, day, number), row_id(at, row))
        })
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    Pick::in_order(rows.into_iter().map(|(_, row)| row).collect())
}

fn days_of(part: &Part) -> Option<&Date32Array> {
    part.column("booked_on").filter(|days| *days.data_type() != DataType::Null).map(AsArray::as_primitive::<Date32Type>)
}

/// A column of text in which people write what they like, each value as it may be kept.
fn each(texts: &ArrayRef, kept: impl Fn(&str) -> String) -> ArrayRef {
    let Some(texts) = texts.as_string_opt::<i32>() else { return Arc::clone(texts) };
    Arc::new(texts.iter().map(|text| text.map(&kept)).collect::<StringArray>())
}

/// Watches over a bank file: of its accounts the lines of one are kept.
#[derive(Debug)]
pub struct OneAccount<'a> {
    format: &'a Format,
    account: &'a str,
}

impl<'a> OneAccount<'a> {
    /// Of a file that is read for `account`.
    #[must_use]
    pub fn new(format: &'a Format, account: &'a str) -> Self {
        Self { format, account }
    }

    /// The rows of a part that are of the account; none if no row is.
    #[must_use]
    pub fn keep(&self, mut part: Part) -> Option<Part> {
        if self.format.target != Target::BankLines {
            return Some(part);
        }
        let accounts = part.column("account").expect("a bank line has an account");
        let accounts = words_of(accounts);
        let keep: Vec<u32> = (0..count_of_rows(part.lines.len()))
            .filter(|&row| is_same_account(accounts.get(row as usize), self.account))
            .collect();
        if keep.is_empty() {
            return None;
        }
        if keep.len() < part.lines.len() {
            keep_rows(&mut part, &keep);
        }
        Some(part)
    }

    /// Says of the file what was left out, or refuses it where it holds nothing of the account.
    ///
    /// Lines of other accounts are framing of the lines that are read; they are checked and counted, and not kept.
    pub fn finish(&self, decoded: &mut Decoded) -> Result<()> {
        if self.format.target != Target::BankLines {
            return Ok(());
        }
        let accounts = decoded.statements.iter().map(|statement| &statement.account);
        let mut others: Vec<String> =
            accounts.filter(|account| !is_same_account(account, self.account)).map(|account| masked(account)).collect();
        let statements = decoded.statements.len();
        let of_others = others.len();
        others.sort_unstable();
        others.dedup();
        if of_others == statements {
            return Err(Error::data("the file is of another account, and nothing of it is booked")
                .column("account")
                .expected(masked(self.account))
                .found(others.join(", "))
                .next("name the account in the job as the bank writes it, or fetch the file of the right one"));
        }
        let kept: u64 = decoded.parts.iter().map(|part| part.lines.len() as u64).sum();
        let left_out = decoded.lines - decoded.framing - decoded.rejects.len() as u64 - kept;
        decoded.framing += left_out;
        if of_others > 0 {
            let name = format!("left out, of other accounts ({}):", others.join(", "));
            decoded.tied.push(Tied { name, figure: format!("{left_out} lines") });
        }
        Ok(())
    }
}

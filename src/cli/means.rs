//! What is typed about the machine: how much of it may be used.

use clap::Args;

/// What closing a night may use.
#[derive(Args, Debug)]
pub struct Means {
    /// Threads to use; all cores when not given. The output is the same for any number.
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,
    /// Memory the run may take, 300MB or more; four fifths of the machine's when not given. A night that needs more
    /// waits on disk in part. The output is the same for any.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub memory_limit: Option<u64>,
}

/// A size such as `2GB`, `1.5GiB` or `500000000`, in bytes.
fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("TIB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let text = text.trim().to_ascii_uppercase();
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end().to_owned(), *unit))).unwrap_or((text, 1));
    let (whole, part) = number.split_once('.').unwrap_or((&number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).unwrap_or(u32::MAX)).filter(|_| digits(whole) && digits(part));
    let size = scale.and_then(|scale| {
        let number: u64 = format!("{whole}{part}").parse().ok()?;
        Some(number.checked_mul(unit)? / scale)
    });
    size.ok_or_else(|| "a size is a number and a unit, such as 2GB or 500MB".to_owned())
}

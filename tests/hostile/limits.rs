//! Each bound of what is read: a file at it is read, one past it is refused and told why.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;

use tieout::error::{Error, Exit};
use tieout::format::Format;
use tieout::format::bounds::{COLUMNS, LINE_BYTES, MEMBERS, NAME_BYTES, RATIO, SMALL_BYTES, UNPACKED_BYTES};
use tieout::format::look::Look;
use tieout::format::read::{self, Decoded};
use tieout::format::shipped::Library;
use zip::write::SimpleFileOptions;

use crate::formats::wire;

/// A format of one column, in any container. Its rows are of no kind, and so are rejects.
fn format() -> Format {
    let text = "title = \"\"\n[file]\ncontainer = [\"none\", \"gzip\", \"zip\"]\nquote = '\"'\nmember_begins = \"a\"\nadded_columns = \"ignore\"\n\
                [[layout]]\nname = \"\"\ncolumns = [\"a\"]";
    Format::parse("own/report", text, &|_| None).unwrap()
}

fn read(name: &str, bytes: &[u8]) -> Result<Decoded, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let format = if name.ends_with("ndjson") { Library::shipped().load("merchant/orders").unwrap() } else { format() };
    read::read_as(&path, &format, &|part| Ok(Some(part)))
}

fn accepted(name: &str, bytes: &[u8]) {
    let decoded = read(name, bytes).unwrap_or_else(|error| panic!("{name} is within bounds: {error}"));
    assert!(decoded.lines > 1);
}

/// That it is refused with the name of the file, what was found in it, and what to do.
fn refused(name: &str, bytes: &[u8], found: &str) {
    let error = read(name, bytes).map(|decoded| decoded.lines).unwrap_err();
    assert_eq!((error.exit, error.file.as_deref()), (Exit::BadData, Some(name)), "{error}");
    assert!(error.to_string().contains(found) && error.next.is_some(), "{found}: {error}");
}

/// So many bytes: a header, a row, and blank lines.
fn blank_lines(bytes: u64) -> Vec<u8> {
    let mut text = b"a\n1\n".to_vec();
    while (text.len() as u64) < bytes {
        let left = usize::try_from(bytes - text.len() as u64).unwrap();
        text.extend(std::iter::repeat_n(b' ', left.min(4_096) - 1));
        text.push(b'\n');
    }
    text
}

fn zip_named(names: &[&str]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (at, name) in names.iter().enumerate() {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(if at == 0 { b"a\n1\n" } else { b"x" }).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The table of limits that people read has these numbers.
#[test]
fn limits_are_written_down() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/README.md")).unwrap();
    for (what, most) in [
        ("members of an archive", MEMBERS.to_string()),
        ("bytes of the name of a member", NAME_BYTES.to_string()),
        (&format!("unpacked bytes for each packed one, past the first {} MiB", SMALL_BYTES >> 20), RATIO.to_string()),
        ("bytes of a file, unpacked or fetched", format!("{} GiB", UNPACKED_BYTES >> 30)),
        ("bytes of a line, and so of a cell", format!("{} MiB", LINE_BYTES >> 20)),
        ("columns of a file", COLUMNS.to_string()),
    ] {
        assert!(text.contains(&format!("| {what} | {most} |")), "{what}: {most}");
    }
}

#[test]
fn a_line_has_so_many_bytes() {
    let line = |bytes: usize| ["a\n", &"x".repeat(bytes), "\n1\n"].concat().into_bytes();
    accepted("long.csv", &line(LINE_BYTES));
    refused("long.csv", &line(LINE_BYTES + 1), "line 2: a line of more than 8 MiB");
    let without_end = ["a\n", &"x".repeat(LINE_BYTES + 1)].concat().into_bytes();
    refused("long.csv", &without_end, "line 2: a line of more than 8 MiB");
    refused("long.csv", &["x".repeat(LINE_BYTES + 1).as_bytes(), b"\n1\n"].concat(), "line 1: a line of more than 8 MiB");
    // A quote that never ends makes the rest of the file one row.
    let quoted = ["a\n\"", &"x\n".repeat(LINE_BYTES)].concat().into_bytes();
    refused("quoted.csv", &quoted, "line 2: a line of more than 8 MiB");
}

#[test]
fn a_line_of_ndjson_has_so_many_bytes_and_any_depth_is_survived() {
    let line = |bytes: usize| {
        let row = "{\"order_id\": \"\"}";
        ["{\"order_id\": \"", &"x".repeat(bytes - row.len()), "\"}\n{\"order_id\": \"1\"}\n"].concat().into_bytes()
    };
    accepted("long.ndjson", &line(LINE_BYTES));
    refused("long.ndjson", &line(LINE_BYTES + 1), "line 1: a line of more than 8 MiB");
    for opening in ["[", "{\"a\":"] {
        let deep = [&opening.repeat(LINE_BYTES / opening.len()), "\n"].concat();
        refused("deep.ndjson", deep.as_bytes(), "one JSON object a line");
    }
}

/// What is looked for among the attributes of an element is found without holding each against all others: that took
/// minutes, for three megabytes (RUSTSEC-2026-0194).
#[test]
fn an_element_may_have_any_number_of_attributes() {
    let attributes = (0..400_000).map(|number| format!(" a{number}=\"\"")).collect::<Vec<_>>().concat();
    let statement = format!("<Document{attributes} xmlns=\"urn:camt.053.001.08\"><BkToCstmrStmt{attributes}/></Document>");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statement.xml");
    fs::write(&path, statement).unwrap();
    let read = read::read(&path, &Library::shipped().load("bank/camt053").unwrap());
    let layout = read.map_or_else(|error| error.to_string(), |decoded| decoded.layout);
    assert!(layout.contains("camt.053"), "{layout}");
}

#[test]
fn a_file_has_so_many_columns() {
    let header = |columns: usize| ["a", &",x".repeat(columns - 1), "\n1", &",2".repeat(columns - 1), "\n"].concat().into_bytes();
    accepted("wide.csv", &header(COLUMNS));
    refused("wide.csv", &header(COLUMNS + 1), "4097 columns");
    refused("wide.csv", &header(1_000_000), "1000000 columns");
    // A row is not told by its header: one of a million cells is a reject.
    let row = ["a\n", &",2".repeat(1_000_000), "\n"].concat();
    assert_eq!(read("row.csv", row.as_bytes()).unwrap().rejects.len(), 1);
}

#[test]
fn what_is_unpacked_is_counted_as_it_comes() {
    let (within, past) = (blank_lines(SMALL_BYTES), blank_lines(SMALL_BYTES + 1));
    accepted("small.csv.gz", &wire::gzip(&within));
    refused("bomb.csv.gz", &wire::gzip(&past), "16777216 bytes out of");
    let pack = |text: &[u8]| wire::zip_of(&[("a.csv", text)]);
    accepted("small.zip", &pack(&within));
    refused("bomb.zip", &pack(&past), "16777216 bytes out of");
    // Streams behind one another are one file.
    refused("bomb.csv.gz", &wire::gzip(&within).repeat(2), "16777216 bytes out of");
    // Of a file that is packed less, as bills are, the ratio counts.
    let noise = |bytes: u64| {
        let mut state = 7_u64;
        let mut letters = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b'a' + u8::try_from(state >> 60).unwrap()
        });
        (0..bytes / 100).flat_map(|_| letters.by_ref().take(99).chain([b'\n']).collect::<Vec<u8>>()).collect::<Vec<u8>>()
    };
    accepted("bill.csv.gz", &wire::gzip(&[b"a\n", &noise(SMALL_BYTES + 100)[..]].concat()));
    assert_eq!(tieout::format::bounds::most_unpacked(1), SMALL_BYTES);
    assert_eq!(tieout::format::bounds::most_unpacked(1 << 20), RATIO << 20);
    assert_eq!(tieout::format::bounds::most_unpacked(1 << 40), UNPACKED_BYTES);
}

#[test]
fn an_archive_has_so_many_members() {
    let archive = |members: usize| {
        let names: Vec<String> = (0..members).map(|at| format!("{at}.csv")).collect();
        zip_named(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    accepted("many.zip", &archive(MEMBERS));
    refused("many.zip", &archive(MEMBERS + 1), "1001 members");
    refused("many.zip", &archive(70_000), "70000 members");
    // Looked at without a format, it is refused alike.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.zip");
    fs::write(&path, archive(MEMBERS + 1)).unwrap();
    assert_eq!(Look::at(&path).unwrap_err().exit, Exit::BadData);
}

#[test]
fn names_of_members_stay_in_their_folder() {
    accepted("good.zip", &zip_named(&["folder/a.csv", "folder/b..csv", "明细.csv"]));
    accepted("good.zip", &zip_named(&["a.csv", &"n".repeat(NAME_BYTES)]));
    refused("bad.zip", &zip_named(&["a.csv", &"n".repeat(NAME_BYTES + 1)]), "names of at most 255 bytes");
    for name in
        ["../b.csv", "x/../../b.csv", "/etc/passwd", "C:b.csv", "..\\b.csv", "\\\\host\\b.csv", "b\0.csv", "b\n.csv", ".."]
    {
        refused("bad.zip", &zip_named(&["a.csv", name]), "stay in their folder");
    }
    refused("bad.zip", &zip_named(&["a.csv", "b.csv", "B.CSV"]), "but for the case");
    // The library writes no name twice: one is put into the place of another.
    let mut twice = zip_named(&["a.csv", "b.csv"]);
    let places: Vec<usize> = memchr::memmem::find_iter(&twice, b"b.csv").collect();
    for at in places {
        twice[at] = b'a';
    }
    refused("bad.zip", &twice, "two members of one name");
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.add_symlink("b.csv", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    refused("bad.zip", &archive.finish().unwrap().into_inner(), "a link or a device");
}

/// Members that share their bytes, so that a small archive is a large one. Each is looked at as far as its first bytes.
#[test]
fn members_that_overlap_are_not_the_file_twice() {
    let long = blank_lines(SMALL_BYTES);
    let archive = wire::zip_of(&[("a.csv", &long[..])]);
    let end = memchr::memmem::rfind(&archive, b"PK\x05\x06").unwrap();
    let directory = memchr::memmem::rfind(&archive, b"PK\x01\x02").unwrap();
    let entry = &archive[directory..end];
    let name = entry.len() - "a.csv".len()..entry.len();
    assert_eq!(&entry[name.clone()], b"a.csv", "nothing follows its name");
    for count in [2, MEMBERS] {
        let mut bytes = archive[..directory].to_vec();
        for at in 0..count {
            let mut entry = entry.to_vec();
            entry[name.clone()].copy_from_slice(format!("{at:05}").as_bytes());
            bytes.extend(entry);
        }
        let size = u32::try_from(bytes.len() - directory).unwrap();
        let mut last = archive[end..].to_vec();
        let members = u16::try_from(count).unwrap().to_le_bytes();
        last[8..10].copy_from_slice(&members);
        last[10..12].copy_from_slice(&members);
        last[12..16].copy_from_slice(&size.to_le_bytes());
        bytes.extend(last);
        refused("overlap.zip", &bytes, "members that share bytes");
    }
}

/// An archive in an archive is not opened.
#[test]
fn archives_do_not_nest() {
    let mut packed = zip_named(&["a.csv"]);
    for _ in 0..3 {
        packed = wire::zip_of(&[("a.zip", &packed)]);
        refused("nested.zip", &packed, "no member of the archive");
    }
    refused("nested.zip", &wire::zip_of(&[("a.csv.gz", &wire::gzip(b"a\n1\n"))]), "no member of the archive");
}

#[test]
fn another_encoding_is_no_header() {
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let orders = "order_id,created_at,amount,currency,status\nSO-1,2026-11-17T10:00:00+08:00,1.00,CNY,paid\n";
    for bytes in [utf_16(orders), [&b"\xff\xfe"[..], &utf_16(orders)].concat(), orders.replace("SO", "S\0").into_bytes()] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        fs::write(&path, &bytes).unwrap();
        let format = Library::shipped().load("merchant/orders").unwrap();
        match read::read_as(&path, &format, &|part| Ok(Some(part))) {
            Ok(decoded) => assert_eq!(decoded.lines, 2, "a NUL is a letter of its cell"),
            Err(error) => assert_eq!(error.exit, Exit::BadData, "{error}"),
        }
    }
}

/// The worst of them, to the real program with less memory than they ask for. A good night closes with as little.
#[test]
fn a_night_of_bombs_is_refused_in_little_memory() {
    let run = |spoil: &dyn Fn(&Path)| {
        let shop = crate::nights::Shop::of_sample_data();
        spoil(&shop.data());
        let program = env!("CARGO_BIN_EXE_tieout");
        // All of the address space, with the stacks of two threads: what a good night passes in, and no more.
        let command = format!(
            "ulimit -v 1500000; exec '{program}' run '{}' --date 2026-11-17 --threads 2 --quiet",
            shop.job_file().display()
        );
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&|_| ()), (Some(0), String::new()));
    let gzip_of_zeros = || {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let piece = vec![b'0'; 1 << 20];
        (0..2_048).for_each(|_| out.write_all(&piece).unwrap());
        out.finish().unwrap()
    };
    let wechat = "provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv";
    let alipay = "provider/alipay/20881234567890120156_20261117.csv.zip";
    let bank = "bank/statement_20261117.sta";
    let bombs: [(&str, Vec<u8>); 4] = [
        (wechat, gzip_of_zeros()),
        (bank, gzip_of_zeros()),
        (alipay, zip_named(&(0..70_000).map(|at| Box::leak(at.to_string().into_boxed_str()) as &str).collect::<Vec<_>>())),
        (wechat, ["x,".repeat(4 << 20).as_bytes(), b"\n"].concat()),
    ];
    for (file, bytes) in bombs {
        let (code, said) = run(&|data| fs::write(data.join(file), &bytes).unwrap());
        assert_eq!(code, Some(65), "{file}: {said}");
    }
}

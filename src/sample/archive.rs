//! A ZIP as Alipay makes it: names and text in GBK, without the flag that says UTF-8.
//!
//! Written by hand because archive libraries take names as UTF-8 and set that flag. Every member is dated the same.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;

use chrono::{Datelike, NaiveDate};
use encoding_rs::GBK;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::file;
use crate::error::{Error, Exit, Result};

/// An archive between two members.
pub(super) struct Archive {
    path: PathBuf,
    out: BufWriter<File>,
    /// Date and time of every member, as MS-DOS counts them.
    stamp: [u8; 4],
    directory: Vec<u8>,
    members: u16,
}

/// A member being written.
pub(super) struct Member {
    path: PathBuf,
    stamp: [u8; 4],
    directory: Vec<u8>,
    members: u16,
    name: Vec<u8>,
    begins: u64,
    checksum: Crc,
    plain: u64,
    out: DeflateEncoder<BufWriter<File>>,
}

/// Version 2.0 is what deflate needs.
const VERSION: [u8; 2] = 20_u16.to_le_bytes();
const DEFLATED: [u8; 2] = 8_u16.to_le_bytes();
const NO_FLAGS: [u8; 2] = [0; 2];

impl Archive {
    /// Everything in it says 05:46:48 of `made`.
    pub(super) fn create(path: PathBuf, made: NaiveDate) -> Result<Self> {
        let years = u32::try_from(made.year() - 1980).expect("a sample is of the years after 2000");
        let day = (years << 9) | (made.month() << 5) | made.day();
        let time = (5 << 11) | (46 << 5) | (48 / 2);
        let stamp = ((day << 16) | time).to_le_bytes();
        Ok(Self { out: file::create(&path)?, path, stamp, directory: Vec::new(), members: 0 })
    }

    /// Begins the member called `name`.
    pub(super) fn member(mut self, name: &str) -> Result<Member> {
        let name = GBK.encode(name).0.into_owned();
        let begins = self.out.stream_position().map_err(|error| failed(&self.path, &error))?;
        // Checksum and sizes are filled in when they are known.
        let header = self.local_header(&name, [0; 12]);
        self.out.write_all(&header).map_err(|error| failed(&self.path, &error))?;
        Ok(Member {
            path: self.path,
            stamp: self.stamp,
            directory: self.directory,
            members: self.members + 1,
            name,
            begins,
            checksum: Crc::new(),
            plain: 0,
            out: DeflateEncoder::new(self.out, Compression::fast()),
        })
    }

    /// Writes the directory and closes the archive.
    pub(super) fn finish(mut self) -> Result<()> {
        let begins = self.out.stream_position().map_err(|error| failed(&self.path, &error))?;
        let size = small(self.directory.len() as u64, &self.path)?;
        let mut end = self.directory;
        end.extend(b"PK\x05\x06\0\0\0\0");
        end.extend([self.members.to_le_bytes(), self.members.to_le_bytes()].concat());
        end.extend([size, small(begins, &self.path)?].concat());
        end.extend([0; 2]);
        self.out.write_all(&end).and_then(|()| self.out.flush()).map_err(|error| failed(&self.path, &error))
    }

    fn local_header(&self, name: &[u8], sizes: [u8; 12]) -> Vec<u8> {
        let mut header = b"PK\x03\x04".to_vec();
        header.extend(described(self.stamp, name, sizes));
        header.extend(name);
        header
    }
}

impl Member {
    /// Adds `text`.
    pub(super) fn write(&mut self, text: &str) -> Result<()> {
        let bytes = GBK.encode(text).0;
        self.checksum.update(&bytes);
        self.plain += bytes.len() as u64;
        self.out.write_all(&bytes).map_err(|error| failed(&self.path, &error))
    }

    /// Closes the member and gives the archive back.
    pub(super) fn finish(self) -> Result<Archive> {
        let Self { path, stamp, directory, members, name, begins, checksum, plain, out } = self;
        let out = out.finish().map_err(|error| failed(&path, &error))?;
        let mut archive = Archive { path, out, stamp, directory, members };
        let ends = archive.out.stream_position().map_err(|error| failed(&archive.path, &error))?;
        let packed = ends - begins - archive.local_header(&name, [0; 12]).len() as u64;
        let sizes: [u8; 12] = [checksum.sum().to_le_bytes(), small(packed, &archive.path)?, small(plain, &archive.path)?]
            .concat()
            .try_into()
            .expect("three times four bytes");

        let header = archive.local_header(&name, sizes);
        archive
            .out
            .seek(SeekFrom::Start(begins))
            .and_then(|_| archive.out.write_all(&header))
            .and_then(|()| archive.out.seek(SeekFrom::Start(ends)))
            .map_err(|error| failed(&archive.path, &error))?;

        archive.directory.extend(b"PK\x01\x02");
        archive.directory.extend(VERSION);
        archive.directory.extend(described(archive.stamp, &name, sizes));
        // No comment, first disk, no attributes.
        archive.directory.extend([0; 10]);
        archive.directory.extend(small(begins, &archive.path)?);
        archive.directory.extend(&name);
        Ok(archive)
    }
}

/// The fields a local header and the directory share.
fn described(stamp: [u8; 4], name: &[u8], sizes: [u8; 12]) -> Vec<u8> {
    let length = u16::try_from(name.len()).expect("a member's name is short").to_le_bytes();
    [&VERSION[..], &NO_FLAGS, &DEFLATED, &stamp, &sizes, &length, &[0; 2]].concat()
}

/// A size or place as plain ZIP holds it.
fn small(size: u64, path: &std::path::Path) -> Result<[u8; 4]> {
    u32::try_from(size).map(u32::to_le_bytes).map_err(|_| {
        Error::new(Exit::CannotWrite, "an archive of the sample grew past 4 GiB")
            .file(path.display())
            .next("write fewer orders a night")
    })
}

fn failed(path: &std::path::Path, error: &std::io::Error) -> Error {
    Error::io("write", path.display(), error)
}

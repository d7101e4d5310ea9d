//! Where the lake of a job is, as a person writes it.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use super::resolve::seen_from;
use crate::bucket::{Bucket, BucketFile};
use crate::error::{Error, Result};
use crate::format::keys::toml_error;
use crate::lake::Location;

/// A folder; or a bucket, by its address alone or with all there is to say of it.
#[derive(Debug)]
pub(super) enum LakeFile {
    Named(String),
    Bucket(Box<BucketFile>),
}

/// The lake that the text of a job names, whatever else stands there.
pub(super) fn named(folder: &Path, text: &str) -> Result<Location> {
    #[derive(Deserialize)]
    struct OnlyLake {
        lake: LakeFile,
    }
    let file: OnlyLake = toml::from_str(text).map_err(|error| toml_error(&error, text))?;
    file.lake.location(folder)
}

/// The lake at an address, asked with what the environment says.
pub(super) fn at(address: &str) -> Result<Location> {
    LakeFile::Named(address.to_owned()).location(Path::new(""))
}

impl LakeFile {
    /// Where that is, seen from the folder of the job.
    pub(super) fn location(self, folder: &Path) -> Result<Location> {
        let file = match self {
            Self::Named(name) if !name.contains("://") => return Ok(Location::Folder(seen_from(folder, &name))),
            Self::Named(name) => BucketFile::at(name),
            Self::Bucket(file) => *file,
        };
        let (bucket, prefix) = Bucket::new(file.ending_in_slash(), folder).map_err(|error| match error.column.as_deref() {
            Some("url") => {
                Error { next: Some("write s3://bucket/folder, gs://bucket/folder or az://container/folder".to_owned()), ..error }
            }
            _ => error,
        })?;
        let prefix = prefix.trim_end_matches('/').to_owned();
        if prefix.contains(['*', '{']) || prefix.split('/').any(|part| part.is_empty() && !prefix.is_empty()) {
            return Err(Error::configuration("a lake is in one place")
                .column("lake")
                .found(bucket.shown(&prefix))
                .next("name the folder itself"));
        }
        let staging = staging(&bucket.shown(&prefix));
        Ok(Location::Bucket { bucket: Arc::new(bucket), prefix, staging })
    }
}

/// Where the nights of a lake elsewhere are staged: in the folder for temporary files, which `TMPDIR` names.
fn staging(address: &str) -> PathBuf {
    let digest = Sha256::digest(address);
    let number = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    std::env::temp_dir().join(format!("tieout-{number:016x}"))
}

impl<'de> Deserialize<'de> for LakeFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = LakeFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a folder, the address of a bucket, or a table with its `url`")
            }

            fn visit_str<E>(self, name: &str) -> std::result::Result<LakeFile, E> {
                Ok(LakeFile::Named(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<LakeFile, A::Error> {
                BucketFile::deserialize(MapAccessDeserializer::new(map)).map(|file| LakeFile::Bucket(Box::new(file)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for LakeFile {
    fn schema_name() -> Cow<'static, str> {
        "Lake".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let bucket = generator.subschema_for::<BucketFile>();
        json_schema!({ "oneOf": [{ "type": "string", "minLength": 1 }, bucket] })
    }
}

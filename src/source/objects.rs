//! Buckets of object stores: S3 and what speaks as it does, Google Cloud Storage, Azure.
//!
//! An object is read in one state of it: each part is asked for under the entity tag it had when it was looked at.

use std::path::Path;
use std::time::Duration;

use super::conversation::Failure;
use super::pattern::{Part, Pattern};
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::bucket::{self, Bucket, BucketFile};
use crate::error::{Error, Exit, Result};
use crate::lake::{Inbox, Incoming, Received};
use futures::StreamExt;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

/// Objects one night may have.
const MOST_OBJECTS: usize = 10_000;

/// Bytes asked for at a time. A broken transfer goes on within a part; a part is what a store may close the line after.
const PART: u64 = 64 << 20;

/// Objects of a bucket.
#[derive(Debug)]
pub struct Objects {
    bucket: Bucket,
    /// Of keys.
    key: Pattern,
}

impl Objects {
    /// The place a job describes, checked. Nothing is opened or asked.
    pub fn new(file: BucketFile, folder: &Path) -> Result<Self> {
        let (bucket, key) = Bucket::new(file, folder)?;
        let key = Pattern::new(&key).map_err(|error| error.column("url"))?;
        for part in key.text().split('/') {
            if part.is_empty() {
                return Err(Error::configuration("a folder, where the name of an object is needed")
                    .column("url")
                    .found(key.text()));
            }
            Part::new(part).map_err(|error| error.column("url"))?;
        }
        Ok(Self { bucket, key })
    }
}

impl Place for Objects {
    fn name(&self, asked: &Asked) -> String {
        self.bucket.shown(&self.key.on(asked.date))
    }

    fn check(&self) -> Result<()> {
        self.bucket.check()
    }

    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready> {
        conversation.with_host(&self.bucket.host(), || {
            let store = self.connect(conversation)?;
            let objects = conversation.insist(|| self.list(&*store, asked, conversation))?;
            Ok(if objects.is_empty() { Ready::not_yet("nothing") } else { Ready::Yes })
        })
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        conversation.with_host(&self.bucket.host(), || {
            let store = self.connect(conversation)?;
            let objects = conversation.insist(|| self.list(&*store, asked, conversation))?;
            if objects.is_empty() {
                return Ok(Answer::not_yet("nothing"));
            }
            let received = objects.into_iter().map(|object| self.take(object, &*store, conversation, inbox));
            received.collect::<Result<_>>().map(Answer::Delivered)
        })
    }
}

impl Objects {
    /// The store. What is tried again, and when, is the conversation's to say.
    fn connect(&self, conversation: &Conversation) -> Result<Box<dyn ObjectStore>> {
        let once = RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() };
        self.bucket.connect(conversation.manners().silence, None, &once)
    }

    /// The objects whose keys fit, in the order of their keys. Empty ones are no files: they stand for folders, or for
    /// an upload that began.
    fn list(
        &self,
        store: &dyn ObjectStore,
        asked: &Asked,
        conversation: &Conversation,
    ) -> std::result::Result<Vec<ObjectMeta>, Failure> {
        let key = self.key.on(asked.date);
        let parts = key.split('/').map(Part::new).collect::<Result<Vec<_>>>()?;
        if parts.iter().all(|part| matches!(part, Part::Exactly(_))) {
            let found = self.head(store, &self.bucket.key(&key)?, conversation)?;
            return Ok(found.into_iter().filter(|object| object.size > 0).collect());
        }
        let (name, parents) = parts.split_last().expect("a key has a part");
        let mut folders = vec![String::new()];
        for part in parents {
            let mut below = Vec::new();
            for folder in &folders {
                match part {
                    Part::Exactly(name) => below.push(format!("{folder}{name}/")),
                    Part::Like(_) => {
                        let inside = self.inside(store, folder, conversation)?.common_prefixes;
                        let fitting = inside.iter().filter(|prefix| prefix.filename().is_some_and(|name| part.fits(name)));
                        below.extend(fitting.map(|prefix| format!("{prefix}/")));
                    }
                }
            }
            folders = below;
        }
        let mut objects = Vec::new();
        for folder in &folders {
            let inside = self.inside(store, folder, conversation)?.objects;
            let fits = |object: &ObjectMeta| object.size > 0 && object.location.filename().is_some_and(|file| name.fits(file));
            objects.extend(inside.into_iter().filter(fits));
        }
        if objects.len() > MOST_OBJECTS {
            let error = Error::data("more objects fit than one night can have").file(self.name(asked));
            return Err(error.expected(format!("at most {MOST_OBJECTS}")).found(objects.len()).next("narrow the pattern").into());
        }
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(objects)
    }

    fn inside(
        &self,
        store: &dyn ObjectStore,
        folder: &str,
        conversation: &Conversation,
    ) -> std::result::Result<object_store::ListResult, Failure> {
        let prefix = self.bucket.key(folder.trim_end_matches('/'))?;
        let prefix = (!folder.is_empty()).then_some(&prefix);
        let listed = conversation.wait(store.list_with_delimiter(prefix))?;
        let mut inside = listed.map_err(|error| said(&error, "list", &self.bucket.shown(folder)))?;
        inside.objects.iter_mut().filter_map(|object| object.e_tag.as_mut()).for_each(quote);
        Ok(inside)
    }

    fn head(
        &self,
        store: &dyn ObjectStore,
        key: &Key,
        conversation: &Conversation,
    ) -> std::result::Result<Option<ObjectMeta>, Failure> {
        match conversation.wait(store.head(key))? {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(said(&error, "read", &self.bucket.shown(key.as_ref()))),
        }
    }

    fn take(
        &self,
        mut object: ObjectMeta,
        store: &dyn ObjectStore,
        conversation: &Conversation,
        inbox: &Inbox,
    ) -> Result<Received> {
        let key = object.location.clone();
        let locator = self.bucket.shown(key.as_ref());
        if let Some(received) = inbox.unchanged(&locator, Some(&version(&object))) {
            return Ok(received);
        }
        let mut incoming = inbox.receive(key.filename().unwrap_or_default())?;
        conversation.insist(|| {
            while incoming.bytes() < object.size {
                if self.part(&object, store, conversation, &mut incoming)? {
                    continue;
                }
                // It is another one by now: what came of the first is worth nothing.
                let now = self.head(store, &key, conversation)?;
                incoming.restart()?;
                let error = Error::new(Exit::TryAgain, "the object changed while it was read: it is still being delivered")
                    .file(&locator)
                    .expected(version(&object))
                    .found(now.as_ref().map_or_else(|| "nothing".to_owned(), version))
                    .next("run again when the delivery is complete");
                object = now.unwrap_or_else(|| object.clone());
                return Err(Failure::soon(error));
            }
            Ok(())
        })?;
        incoming.keep(&locator, Some(version(&object)))
    }

    /// Takes the next part of an object, as far as it comes. Whether it is still the same object.
    fn part(
        &self,
        object: &ObjectMeta,
        store: &dyn ObjectStore,
        conversation: &Conversation,
        incoming: &mut Incoming,
    ) -> std::result::Result<bool, Failure> {
        let from = incoming.bytes();
        let until = object.size.min(from + PART);
        let options =
            GetOptions { if_match: object.e_tag.clone(), range: Some(GetRange::Bounded(from..until)), ..GetOptions::default() };
        let shown = || self.bucket.shown(object.location.as_ref());
        let got = match conversation.wait(store.get_opts(&object.location, options))? {
            Ok(got) => got,
            Err(object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(said(&error, "read", &shown())),
        };
        if got.meta.size != object.size || got.meta.e_tag != object.e_tag || got.range != (from..until) {
            return Ok(false);
        }
        let mut pieces = got.into_stream();
        while let Some(piece) = conversation.wait(pieces.next())? {
            let piece = piece.map_err(|error| said(&error, "read", &shown()))?;
            if incoming.bytes() + piece.len() as u64 > until {
                return Ok(false);
            }
            conversation.arrived(piece.len() as u64);
            incoming.push(&piece)?;
        }
        if incoming.bytes() < until {
            return Err(Failure::soon(Error::new(Exit::TryAgain, "the transfer ended early").file(shown())));
        }
        Ok(true)
    }
}

/// Writes an entity tag as headers do. Azure lists tags without their quotes.
fn quote(tag: &mut String) {
    if !tag.ends_with('"') {
        *tag = format!("\"{tag}\"");
    }
}

/// What tells one state of an object from another.
fn version(object: &ObjectMeta) -> String {
    match (&object.e_tag, &object.version) {
        (Some(tag), Some(version)) => format!("{tag} {version}"),
        (Some(tag), None) => tag.clone(),
        _ => format!("{} bytes at {}", object.size, object.last_modified.timestamp_micros()),
    }
}

/// What a store said, when it was asked to `act` on something.
fn said(error: &object_store::Error, act: &str, on: &str) -> Failure {
    let (exit, found) = bucket::said(error);
    let next = match exit {
        Exit::NotPermitted => {
            format!("give these keys the permission to {act} it; some stores say the same of what does not exist")
        }
        Exit::BadConfiguration if found.starts_with("404") => "check its name and region".to_owned(),
        Exit::BadConfiguration => "check the region and the endpoint of the bucket".to_owned(),
        _ => "try again later".to_owned(),
    };
    let what = match exit {
        Exit::NotPermitted => format!("the store does not let us {act} this"),
        Exit::BadConfiguration if found.starts_with("404") => "there is no such bucket".to_owned(),
        Exit::BadConfiguration => format!("the store does not understand how we {act} this"),
        _ => format!("cannot {act} this"),
    };
    let error = Error::new(exit, what).file(on).found(found).next(next);
    if exit == Exit::TryAgain { Failure::soon(error) } else { error.into() }
}

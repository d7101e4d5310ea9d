//! `tieout signoff`: a preparer and a reviewer sign a night, which closes it.

use super::print;
use crate::cli::{Signoff, SignsAs};
use crate::error::{Exit, Result};
use crate::job::Job;
use crate::lake::{Lake, Role};
use crate::report::signoff::{json, text};

pub(super) fn signoff(arguments: &Signoff) -> Result<Exit> {
    let lake = Lake::at(&Job::lake_of(&arguments.job)?)?.acting(&arguments.by);
    let role = match arguments.role {
        SignsAs::Preparer => Role::Preparer,
        SignsAs::Reviewer => Role::Reviewer,
    };
    let lock = lake.lock(arguments.date)?;
    let (manifest, is_new) = lake.sign(&lock, role, &arguments.by, arguments.comment.as_deref())?;
    let approval = lake.approval(&manifest)?;
    print(&if arguments.json { json(&manifest, &approval, is_new) } else { text(&manifest, &approval, is_new) })?;
    Ok(Exit::Published)
}

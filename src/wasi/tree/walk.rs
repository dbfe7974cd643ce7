//! From a path to a place in a tree.

use super::{MAX_NAME, MAX_PATH, Tree};
use crate::wasi::preview1::descriptor::Result;
use crate::wasi::preview1::types::{Errno, Filetype};

/// Links that one path may lead through, as on Linux.
const MAX_LINKS: u32 = 40;

/// What a path names.
pub struct Place<T: Tree> {
    /// The folder that has it.
    pub folder: T::Node,
    /// Its name there; nothing if the path ends at a folder by `.` or `..`.
    pub name: Option<String>,
    /// What is there, if anything is.
    pub found: Option<(T::Node, Filetype)>,
    /// The path ends in a slash: it has to be a folder.
    pub as_folder: bool,
}

/// Whether a link is followed that is the last part of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Last {
    Itself,
    Followed,
    /// As far as to a name that may be made: one with a slash behind it, of the path or of a link that was followed, is none.
    ToMake,
}

/// Follows `path` from `start`, which it may not leave: `EPERM`.
///
/// What it keeps is bounded by [`MAX_PATH`] and [`MAX_LINKS`].
pub fn walk<T: Tree>(tree: &T, start: &T::Node, path: &str, last: Last) -> Result<Place<T>> {
    if path.contains('\0') {
        return Err(Errno::Inval);
    }
    let mut above = vec![start.clone()];
    let mut left: Vec<String> = Vec::new();
    let mut as_folder = push(&mut left, path)?;
    let mut links = 0;
    while let Some(name) = left.pop() {
        let here = above.last().ok_or(Errno::Perm)?;
        if name == "." {
            continue;
        }
        if name == ".." {
            above.pop();
            if above.is_empty() {
                return Err(Errno::Perm);
            }
            continue;
        }
        let is_last = left.is_empty();
        let follow = match last {
            Last::Itself => false,
            Last::Followed => true,
            Last::ToMake => !as_folder,
        };
        let child = match tree.child(here, &name) {
            Ok(child) => child,
            Err(Errno::Noent) if is_last => return Ok(place(here, Some(name), None, as_folder)),
            Err(errno) => return Err(errno),
        };
        match child.1 {
            Filetype::SymbolicLink if !is_last || follow => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::Loop);
                }
                let contents = tree.contents(&child.0)?;
                as_folder |= push(&mut left, &contents)? && is_last;
            }
            Filetype::Directory if !is_last => above.push(child.0),
            _ if !is_last => return Err(Errno::Notdir),
            _ => return Ok(place(here, Some(name), Some(child), as_folder)),
        }
    }
    let here = above.last().ok_or(Errno::Perm)?;
    let found = (here.clone(), Filetype::Directory);
    Ok(place(here, None, Some(found), false))
}

fn place<T: Tree>(
    folder: &T::Node,
    name: Option<String>,
    found: Option<(T::Node, Filetype)>,
    as_folder: bool,
) -> Place<T> {
    Place {
        folder: folder.clone(),
        name,
        found,
        as_folder,
    }
}

/// Puts the parts of a path before what is left, the next one last. Whether it can name nothing but a folder.
fn push(left: &mut Vec<String>, path: &str) -> Result<bool> {
    if path.is_empty() {
        return Err(Errno::Noent);
    }
    if path.len() > MAX_PATH {
        return Err(Errno::Nametoolong);
    }
    if path.starts_with('/') {
        return Err(Errno::Perm);
    }
    // Of a dot no more is left than that a folder has to be there, which one at the end says.
    for (index, part) in path.rsplit('/').enumerate() {
        if part.len() > MAX_NAME {
            return Err(Errno::Nametoolong);
        }
        if !part.is_empty() && (index == 0 || part != ".") {
            left.push(part.to_string());
        }
    }
    Ok(path.ends_with('/'))
}

//! Which places an engine's options name.

use std::path::PathBuf;
use std::sync::Arc;

use super::disk::{Bounds, Disk};
use super::folder::{PrivateFolder, Unusable, prebuilt, private};
use super::place::Place;
use crate::engine::shim::{EngineCache, EngineOptions};
use crate::error::{Code, Error, Result};
use crate::platform::SYSTEM_CACHES;

/// Where code is to be kept, in the order in which it is looked for. Only what was asked for by name is worth an error, and only if it is
/// the wrong thing: a disk that is full or read-only keeps nothing.
pub fn places(options: &EngineOptions) -> Result<Vec<Arc<dyn Place>>> {
    let mut places: Vec<Arc<dyn Place>> = Vec::new();
    let mut disk = |folder| places.push(Arc::new(Disk::new(folder, Bounds::default())));
    let own = match &options.cache {
        EngineCache::Off => None,
        EngineCache::Default => user_folder().and_then(|folder| private(&folder).ok()),
        EngineCache::Dir(folder) => named(folder, private(folder))?,
    };
    own.into_iter().for_each(&mut disk);
    match &options.prebuilt {
        Some(folders) => {
            for folder in folders {
                named(folder, prebuilt(folder))?
                    .into_iter()
                    .for_each(&mut disk);
            }
        }
        None if options.cache != EngineCache::Off => {
            let system = SYSTEM_CACHES
                .iter()
                .filter_map(|folder| prebuilt(folder.as_ref()).ok());
            system.for_each(&mut disk);
        }
        None => {}
    }
    places.extend(options.places.iter().cloned());
    Ok(places)
}

pub(super) fn named(
    folder: &std::path::Path,
    checked: Result<PrivateFolder, Unusable>,
) -> Result<Option<PrivateFolder>> {
    let (code, why) = match checked {
        Ok(folder) => return Ok(Some(folder)),
        Err(Unusable::Missing(_)) => return Ok(None),
        Err(why @ Unusable::Unsafe(_)) => (Code::InvalidArgument, why),
        Err(why @ Unusable::Wrong(_)) => (Code::Io, why),
    };
    let text = format!("cache folder {}: {why}", folder.display());
    Err(Error::new(code, text))
}

/// `wasmdyld` among the user's caches.
pub fn user_folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let base = match cfg!(target_vendor = "apple") {
        true => absolute("HOME")?.join("Library/Caches"),
        false => {
            let given = absolute("XDG_CACHE_HOME");
            given.or_else(|| Some(absolute("HOME")?.join(".cache")))?
        }
    };
    Some(base.join("wasmdyld"))
}

//! The ledger and the vault in a directory of this machine, for who has no deployment.
//!
//! Files are written beside their place and renamed into it, so that each is there whole or not at all; images are never overwritten, and
//! are on the disk before anything is changed.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use redress_aws::{Answer, Begun, Error, Kind, Ledger, Listed, Memory, Result, Vault};
use redress_model::{Digest, ImageName, Record, RunId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A directory with lanes, runs and images.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    directory: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Lane {
    owner: Option<RunId>,
    until: Option<Timestamp>,
    #[serde(default)]
    memory: Memory,
}

fn failed(what: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Rejected, what, format!("{}: {error}", path.display()))
}

impl Books {
    /// The books in `directory`, which is made if it is not there.
    pub(crate) fn open(directory: PathBuf) -> Result<Self> {
        for part in ["lanes", "runs", "images"] {
            let path = directory.join(part);
            fs::create_dir_all(&path).map_err(|error| failed("state", &path, &error))?;
        }
        Ok(Self { directory })
    }

    fn lane(&self, lane: &Digest) -> PathBuf {
        self.directory.join("lanes").join(format!("{lane}.json"))
    }

    fn run(&self, run: RunId) -> PathBuf {
        self.directory.join("runs").join(format!("{run}.json"))
    }

    fn image(&self, run: RunId) -> PathBuf {
        self.directory.join("images").join(format!("{run}.json"))
    }

    /// One process at a time changes a lane. The lock is the operating system's: it ends with its process, however that ends.
    fn with_lane<T>(&self, lane: &Digest, change: impl FnOnce(&mut Lane) -> T) -> Result<T> {
        let path = self.lane(lane);
        let _lock = locked(&path)?;
        let mut kept = read::<Lane>(&path)?.unwrap_or_default();
        let result = change(&mut kept);
        write(&path, &kept).map(|()| result)
    }
}

/// A lock beside `path`, for as long as the file is open. Others hold it for moments only.
fn locked(path: &Path) -> Result<fs::File> {
    let lock = path.with_extension("lock");
    let file =
        fs::OpenOptions::new().create(true).truncate(false).write(true).open(&lock).map_err(|error| failed("ledger", &lock, &error))?;
    file.lock().map_err(|error| failed("ledger", &lock, &error))?;
    Ok(file)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("state", path, &error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| failed("state", path, &error))
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| failed("state", path, &error))?;
    put(path, &text).map_err(|error| failed("state", path, &error))
}

fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::File::create(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

impl Ledger for Books {
    fn begin<'a>(&'a self, lane: &'a Digest, run: RunId, now: Timestamp, until: Timestamp) -> Answer<'a, Begun> {
        Box::pin(async move {
            let begun = self.with_lane(lane, |kept| {
                if kept.until.is_some_and(|until| until >= now) && kept.owner != Some(run) {
                    return Begun::Busy;
                }
                let interrupted = kept.owner.replace(run).filter(|owner| *owner != run);
                kept.until = Some(until);
                Begun::Free { memory: kept.memory.clone(), interrupted }
            })?;
            Ok(begun)
        })
    }

    fn finish<'a>(&'a self, lane: &'a Digest, record: &'a Record, memory: &'a Memory, _listed: &'a [Listed]) -> Answer<'a, ()> {
        Box::pin(async move {
            write(&self.run(record.run), record)?;
            self.with_lane(lane, |kept| {
                kept.memory.extend(memory.clone());
                (kept.owner, kept.until) = (None, None);
            })
        })
    }

    fn release<'a>(&'a self, lane: &'a Digest, _run: RunId) -> Answer<'a, ()> {
        Box::pin(async move { self.with_lane(lane, |kept| (kept.owner, kept.until) = (None, None)) })
    }

    fn load(&self, run: RunId) -> Answer<'_, Option<Record>> {
        Box::pin(async move { read(&self.run(run)) })
    }

    fn count<'a>(&'a self, what: &'a str, _now: Timestamp) -> Answer<'a, u32> {
        Box::pin(async move {
            let path = self.directory.join("counts.json");
            let _lock = locked(&path)?;
            let mut counts: BTreeMap<String, u32> = read(&path)?.unwrap_or_default();
            let count = counts.entry(what.to_owned()).or_default();
            *count += 1;
            let now = *count;
            write(&path, &counts)?;
            Ok(now)
        })
    }

    /// Nothing is listed where no sweeper comes.
    fn strike<'a>(&'a self, _item: &'a Listed) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn recent(&self, since: Timestamp, _now: Timestamp) -> Answer<'_, Vec<Record>> {
        Box::pin(async move {
            let path = self.directory.join("runs");
            let files = fs::read_dir(&path).map_err(|error| failed("ledger", &path, &error))?;
            let mut records: Vec<Record> = Vec::new();
            for file in files.flatten().map(|file| file.path()).filter(|file| file.extension().is_some_and(|end| end == "json")) {
                records.extend(read::<Record>(&file)?.filter(|record| record.ended >= since));
            }
            records.sort_by_key(|record| std::cmp::Reverse(record.run));
            Ok(records)
        })
    }
}

impl Vault for Books {
    fn save<'a>(&'a self, run: RunId, image: &'a [u8]) -> Answer<'a, ImageName> {
        Box::pin(async move {
            let path = self.image(run);
            let name = ImageName { run, sum: Digest::of(image) };
            if path.exists() {
                return if Vault::load(self, run).await?.0 == name {
                    Ok(name)
                } else {
                    Err(failed("vault", &path, &"another image is there"))
                };
            }
            put(&path, image).map_err(|error| failed("vault", &path, &error))?;
            Ok(name)
        })
    }

    fn load(&self, run: RunId) -> Answer<'_, (ImageName, Vec<u8>)> {
        Box::pin(async move {
            let path = self.image(run);
            let bytes = fs::read(&path).map_err(|error| failed("vault", &path, &error))?;
            Ok((ImageName { run, sum: Digest::of(&bytes) }, bytes))
        })
    }
}

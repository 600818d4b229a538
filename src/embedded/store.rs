//! The file, the one thread that writes it, and the bell that tells of news.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use redb::{ConcurrencyMode, Database, ReadTransaction, ReadableDatabase as _};
use uuid::Uuid;

use super::Error;
use super::tables::{self, COMMITS, FORMAT, IDENTITY, META, PARTITIONS, Tables};
use crate::domain::limits::PARTITIONS_MAX;
use crate::ports::ledger::LedgerId;

/// The name of the file in its folder.
pub(super) const FILE: &str = "holdfast.redb";
/// What the tables are like.
const FORMAT_NOW: u64 = 1;
/// Bytes of the file kept in memory.
const CACHE_BYTES: usize = 256 * 1024 * 1024;
/// Said where nothing else is known.
const WRITER_ENDED: &str = "its writer has ended";
/// Jobs waiting at most; who has one more waits with it.
const QUEUE_JOBS_MAX: usize = 512;
/// Jobs of one transaction at most.
const COMMIT_JOBS_MAX: usize = 2_000;

/// What is written, in one transaction with whatever else waits.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Result<Done, redb::Error> + Send>;
/// Told once the transaction is durable; dropped where it never will be.
type Done = Box<dyn FnOnce() + Send>;

/// The open file.
pub struct Store {
    path: PathBuf,
    partitions: i32,
    identity: LedgerId,
    database: Arc<Database>,
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
}

/// What the writing thread shares with the others.
#[derive(Default)]
struct Shared {
    /// Why nothing is written any more.
    broken: OnceLock<String>,
    rings: Mutex<u64>,
    bell: Condvar,
}

impl Store {
    /// Opens the file in a folder, made with so many request partitions where there is none.
    ///
    /// # Errors
    /// When the folder or the file cannot be used, or the file was made with others.
    pub fn open(folder: &Path, partitions: i32) -> Result<Arc<Store>, Error> {
        assert!((1..=PARTITIONS_MAX).contains(&partitions), "the configuration checks this");
        std::fs::create_dir_all(folder)
            .map_err(|source| Error::Folder { path: folder.to_owned(), source })?;
        let path = folder.join(FILE);
        let failed = |why: String| Error::Open { path: path.clone(), why };
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::MultiWriter);
        let database = builder.create(&path).map_err(|error| failed(error.to_string()))?;
        let (found, format, id) =
            prepare(&database, partitions).map_err(|error| failed(error.to_string()))?;
        if format != FORMAT_NOW {
            return Err(Error::Format { path, found: format, known: FORMAT_NOW });
        }
        if found != partitions {
            return Err(Error::Partitions { path, found, declared: partitions });
        }
        let database = Arc::new(database);
        let (jobs, todo) = sync_channel(QUEUE_JOBS_MAX);
        let shared = Arc::new(Shared::default());
        let (writing, telling) = (Arc::clone(&database), Arc::clone(&shared));
        let name = "embedded-writer".to_owned();
        let run = move || write_on(&writing, &todo, &telling);
        std::thread::Builder::new()
            .name(name)
            .spawn(run)
            .map_err(|source| Error::Folder { path: path.clone(), source })?;
        let identity = LedgerId { id, cluster: "embedded".into() };
        Ok(Arc::new(Store { path, partitions, identity, database, jobs, shared }))
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Request partitions.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    pub(super) fn identity(&self) -> &LedgerId {
        &self.identity
    }

    /// Has something done by the writing thread, in one transaction with whatever else waits, and
    /// what it found told once that is durable. Waits while too many are before it. `tell` is
    /// dropped where nobody will ever know.
    pub(super) fn write<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error> + Send + 'static,
        tell: impl FnOnce(T) + Send + 'static,
    ) {
        if self.broken().is_some() {
            return;
        }
        let job: Job = Box::new(move |tables| {
            let found = look(tables)?;
            Ok(Box::new(move || tell(found)))
        });
        // Where the thread has ended, the job is dropped, and `broken` says why.
        let _ = self.jobs.send(job);
    }

    /// The same, waiting for what was found.
    pub(super) fn write_and_wait<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (report, told) = sync_channel(1);
        self.write(look, move |found| {
            let _ = report.send(found);
        });
        told.recv().map_err(|_| self.why_dropped())
    }

    /// A snapshot.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        let begun = self.database.begin_read().map_err(redb::Error::from);
        begun.and_then(|read| look(&read)).map_err(|error| Error::Read(error.to_string()))
    }

    /// Why a job was dropped.
    pub(super) fn why_dropped(&self) -> Error {
        self.broken().unwrap_or_else(|| Error::Write(WRITER_ENDED.into()))
    }

    /// Why nothing is written any more, if so.
    pub(super) fn broken(&self) -> Option<Error> {
        self.shared.broken.get().map(|why| Error::Write(why.clone()))
    }

    /// Wakes whoever waits for news.
    pub(super) fn ring(&self) {
        self.shared.ring();
    }

    /// How often the bell has rung.
    pub(super) fn rings(&self) -> u64 {
        *self.shared.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the bell has rung again, for so long at most. Other processes ring no bell here.
    pub(super) fn wait(&self, rung: u64, longest: Duration) {
        let rings = self.shared.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = self.shared.bell.wait_timeout_while(rings, longest, |rings| *rings == rung);
        drop(woken);
    }

    /// How many transactions there have been, of all processes.
    pub(super) fn commits(&self) -> Result<u64, Error> {
        self.read(|read| tables::read_meta(read, COMMITS))
    }
}

impl Shared {
    fn ring(&self) {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.bell.notify_all();
    }
}

/// Makes the tables where there are none; answers partitions, format and identity.
fn prepare(database: &Database, partitions: i32) -> Result<(i32, u64, Uuid), redb::Error> {
    let transaction = database.begin_write()?;
    let format = {
        let meta = transaction.open_table(META)?;
        redb::ReadableTable::get(&meta, FORMAT)?.map_or(FORMAT_NOW, |format| format.value())
    };
    // Tables of another release have other types: they are not even opened.
    if format != FORMAT_NOW {
        return Ok((0, format, Uuid::nil()));
    }
    let found = {
        let mut tables = Tables::open(&transaction)?;
        let mut identity = transaction.open_table(IDENTITY)?;
        if tables.meta(FORMAT)? == 0 {
            tables.meta.insert(FORMAT, FORMAT_NOW)?;
            tables.meta.insert(PARTITIONS, u64::from(partitions.unsigned_abs()))?;
            identity.insert((), Uuid::new_v4().as_u128())?;
        }
        let id = redb::ReadableTable::get(&identity, ())?.map_or(0, |id| id.value());
        let partitions = i32::try_from(tables.meta(PARTITIONS)?).unwrap_or(0);
        (partitions, tables.meta(FORMAT)?, Uuid::from_u128(id))
    };
    transaction.commit()?;
    Ok(found)
}

/// Tells, however the writing thread ends, that nothing is written any more.
struct LastWord<'a>(&'a Shared);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        let _ = self.0.broken.set(WRITER_ENDED.into());
        self.0.ring();
    }
}

/// Writes until nobody can ask for it any more.
fn write_on(database: &Database, todo: &Receiver<Job>, shared: &Shared) {
    let _word = LastWord(shared);
    while let Ok(first) = todo.recv() {
        if shared.broken.get().is_some() {
            continue;
        }
        let jobs = std::iter::once(first).chain(todo.try_iter()).take(COMMIT_JOBS_MAX);
        match write_once(database, jobs) {
            Ok(done) => done.into_iter().for_each(|done| done()),
            Err(error) => {
                tracing::error!(%error, "the embedded store cannot be written any more");
                let _ = shared.broken.set(error.to_string());
            }
        }
        shared.ring();
    }
}

fn write_once(
    database: &Database,
    jobs: impl Iterator<Item = Job>,
) -> Result<Vec<Done>, redb::Error> {
    let transaction = database.begin_write()?;
    let mut done = vec![];
    {
        let mut tables = Tables::open(&transaction)?;
        for job in jobs {
            done.push(job(&mut tables)?);
        }
        let commits = tables.meta(COMMITS)?;
        tables.meta.insert(COMMITS, commits + 1)?;
    }
    transaction.commit()?;
    Ok(done)
}

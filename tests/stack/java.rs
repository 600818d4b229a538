//! What a native server is made of: a Java of the right release, and jars fetched by Maven.
//!
//! Jars are kept between runs, one folder per server and release, in `HOLDFAST_SERVER_JARS`, else
//! in the user's cache folder, else under cargo's target folder. A folder appears there whole, by a
//! rename under a lock, so neither a killed fetch nor two test binaries at once leave half of one.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::guardian::tail;
use super::ready::until;
use super::{Unavailable, unique};

const FETCH_ATTEMPTS: u32 = 3;
const FETCH_MAX: Duration = Duration::from_secs(600);

/// Which releases of Java a server runs on.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    Exactly(u32),
    AtLeast(u32),
}

impl Wanted {
    fn accepts(self, release: u32) -> bool {
        match self {
            Self::Exactly(wanted) => release == wanted,
            Self::AtLeast(wanted) => release >= wanted,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Exactly(wanted) => format!("Java {wanted}"),
            Self::AtLeast(wanted) => format!("Java {wanted} or newer"),
        }
    }
}

/// Finds a `java` that `server` runs on: in `JAVA_HOME`, on `PATH`, among Debian's.
///
/// # Errors
/// [`Unavailable`], with what was found instead and what to install.
pub(super) fn find_java(server: &str, wanted: Wanted) -> Result<PathBuf> {
    let mut found = Vec::new();
    for java in candidates() {
        match release(&java) {
            Some(release) if wanted.accepts(release) => return Ok(java),
            Some(release) => found.push(format!("{} is Java {release}", java.display())),
            None => {}
        }
    }
    let found = if found.is_empty() { "there is none".to_owned() } else { found.join(", ") };
    bail!(Unavailable(format!(
        "{server} needs {} and {found} (JAVA_HOME, PATH and /usr/lib/jvm were searched): install \
         one, on Debian `apt-get install openjdk-17-jre-headless`",
        wanted.describe()
    )))
}

fn candidates() -> Vec<PathBuf> {
    let mut javas: Vec<PathBuf> = Vec::new();
    javas.extend(env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java")));
    if let Some(path) = env::var_os("PATH") {
        javas.extend(env::split_paths(&path).map(|folder| folder.join("java")));
    }
    if let Ok(installed) = fs::read_dir("/usr/lib/jvm") {
        let homes = installed.filter_map(|entry| Some(entry.ok()?.path()));
        javas.extend(homes.map(|home| home.join("bin/java")));
    }
    javas.retain(|java| java.is_file());
    javas
}

/// The feature release of a Java, 17 of `openjdk version "17.0.15"`, where it says one.
fn release(java: &Path) -> Option<u32> {
    let output = Command::new(java).arg("-version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version = text.split_once("version \"")?.1;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The folder with the jars of `dependencies` (`group:artifact:version`) and all they need, from
/// the cache folder `name`, fetched where it is not there.
///
/// # Errors
/// [`Unavailable`] where Maven is missing or cannot fetch them.
pub(super) fn jars(name: &str, dependencies: &[String]) -> Result<PathBuf> {
    let cache = cache_folder()?;
    let wanted = cache.join(name);
    let libs = wanted.join("libs");
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    // One fetch at a time, also because two Mavens would share one local repository.
    let lock = File::create(cache.join("fetch.lock")).context("the lock of the jar cache")?;
    lock.lock().context("locking the jar cache")?;
    if libs.is_dir() {
        return Ok(libs);
    }
    eprintln!("stack: fetching the jars of {name} into {} (once)", wanted.display());
    let partial = cache.join(unique("partial"));
    fs::create_dir(&partial).with_context(|| format!("creating {}", partial.display()))?;
    let fetched = fetch(&partial, dependencies).with_context(|| format!("the jars of {name}"));
    let placed = fetched.and_then(|()| fs::rename(&partial, &wanted).context("placing the jars"));
    if placed.is_err() {
        // What is left is of no use; failing to remove it does not matter next to why.
        let _ = fs::remove_dir_all(&partial);
    }
    placed.map(|()| libs)
}

fn cache_folder() -> Result<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home_cache = || variable("HOME").map(|home| home.join(".cache"));
    let folder = variable("HOLDFAST_SERVER_JARS")
        .or_else(|| Some(variable("XDG_CACHE_HOME").or_else(home_cache)?.join("holdfast/jars")))
        .unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("server-jars"));
    std::path::absolute(&folder).with_context(|| format!("the path {}", folder.display()))
}

fn fetch(folder: &Path, dependencies: &[String]) -> Result<()> {
    fs::write(folder.join("pom.xml"), pom(dependencies)?).context("writing pom.xml")?;
    let mut attempt = 1;
    loop {
        match run_maven(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.is::<Unavailable>() => return Err(error),
            Err(error) if attempt == FETCH_ATTEMPTS => {
                bail!(Unavailable(format!("{FETCH_ATTEMPTS} attempts failed, the last: {error:#}")))
            }
            Err(_) => {
                attempt += 1;
                thread::sleep(Duration::from_secs(2));
            }
        }
    }
}

fn run_maven(folder: &Path) -> Result<()> {
    let log_path = folder.join("mvn.log");
    let log = File::create(&log_path).context("the log of Maven")?;
    let spawned = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg("-DoutputDirectory=libs")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("the log of Maven")?)
        .stderr(log)
        .spawn();
    let mut maven = match spawned {
        Ok(maven) => maven,
        Err(error) => bail!(Unavailable(format!(
            "`mvn` cannot be run ({error}): install Maven, on Debian `apt-get install maven`, or \
             put the jars where HOLDFAST_SERVER_JARS says"
        ))),
    };
    let ended = until(FETCH_MAX, "Maven", || maven.try_wait()?.context("it still runs"));
    if ended.is_err() {
        maven.kill().context("killing Maven")?;
    }
    let status = ended?;
    ensure!(status.success(), "Maven ended with {status}:\n{}", tail(&log_path));
    ensure!(folder.join("libs").is_dir(), "Maven ended well and copied nothing");
    Ok(())
}

fn pom(dependencies: &[String]) -> Result<String> {
    let mut pom = String::from(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\n\
         <groupId>holdfast</groupId><artifactId>server-jars</artifactId><version>1</version>\n\
         <dependencies>\n",
    );
    for coordinates in dependencies {
        let parts: Vec<&str> = coordinates.split(':').collect();
        let [group, artifact, version] = parts[..] else {
            bail!("{coordinates} is not group:artifact:version");
        };
        pom.push_str(&format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        ));
    }
    pom.push_str("</dependencies></project>\n");
    Ok(pom)
}

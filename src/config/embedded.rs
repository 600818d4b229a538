//! A deployment in a folder, which needs no file of its own: all it has to know is where.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use uuid::Uuid;

use super::{Config, Error, Key, Keys};

/// The file of the signing secret in the folder.
const SECRET_FILE: &str = "signing.key";
/// The name of the signing key.
const KEY_ID: &str = "embedded";

/// The configuration of the deployment in a folder. Folder and signing secret are made where there
/// are none; only this user may read the secret.
///
/// # Errors
/// When they cannot be made.
pub fn embedded(folder: &Path) -> Result<Config, Error> {
    let secret_file = folder.join(SECRET_FILE);
    make_secret(folder, &secret_file)
        .map_err(|source| Error::File { path: secret_file.clone(), source })?;
    let signing = Key::in_file(KEY_ID, secret_file);
    let mut config = Config {
        keys: Keys { signing: Some(signing), second: None },
        embedded: Some(folder.to_owned()),
        ..Config::default()
    };
    config.overlay(&|name| std::env::var(name).ok());
    Ok(config)
}

/// Written elsewhere first, so that nobody ever reads half a secret.
fn make_secret(folder: &Path, path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!("{SECRET_FILE}.{}", std::process::id()));
    let mut file: File =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    // Of two processes that begin together one makes the secret, and both read the same.
    match std::fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => std::fs::remove_file(&unfinished),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_kept_to_its_user() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("house");
        let first = embedded(&folder).unwrap().seal_keys().unwrap();
        let again = embedded(&folder).unwrap().seal_keys().unwrap();
        assert_eq!(first.signing.secret, again.signing.secret);
        let mode = folder.join(SECRET_FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(folder.read_dir().unwrap().count(), 1, "nothing is left over");
    }
}

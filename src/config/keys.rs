//! `[keys]`: whose signatures count.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::units::Secret;
use crate::domain::ids::check_name;
use crate::seal;

/// Shortest secret taken: a signature is as strong as its secret, up to these.
const SECRET_BYTES_MIN: usize = 32;

/// The live keys. One signs, and both are taken, so that keys are changed without a pause: add the
/// new one as second everywhere, make it the signing one everywhere, drop the old.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Keys {
    /// The key that signs what we send. Its secret may also be in `HOLDFAST_SIGNING_SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<Key>,
    /// Another key whose signatures are taken. Its secret may also be in `HOLDFAST_SECOND_SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Key>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Key {
    /// Its name, sent with every signature.
    pub id: String,
    /// A file with its secret; relative to this configuration's folder. Blanks at the ends are not
    /// part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// The secret from the environment, which has precedence over the file.
    #[serde(skip)]
    secret: Option<Secret>,
}

impl Keys {
    pub(super) fn overlay(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        for (key, name) in [
            (&mut self.signing, "HOLDFAST_SIGNING_SECRET"),
            (&mut self.second, "HOLDFAST_SECOND_SECRET"),
        ] {
            if let (Some(key), Some(secret)) = (key, environment(name)) {
                key.secret = Some(Secret(secret));
            }
        }
    }

    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        for key in [&mut self.signing, &mut self.second].into_iter().flatten() {
            if let Some(file) = &mut key.secret_file {
                *file = folder.join(&*file);
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for key in [&self.signing, &self.second].into_iter().flatten() {
            if let Err(problem) = check_name(&key.id) {
                return Err(format!("id {:?} {problem}", key.id));
            }
        }
        match (&self.signing, &self.second) {
            (None, Some(_)) => {
                Err("second is there without signing: name the key that signs".into())
            }
            (Some(signing), Some(second)) if signing.id == second.id => {
                Err(format!("both keys have the id {:?}: give each its own", signing.id))
            }
            _ => Ok(()),
        }
    }

    /// Reads the secrets of the live keys of `deployment`.
    ///
    /// # Errors
    /// A sentence when there is no signing key, or a secret cannot be had.
    pub fn read(&self, deployment: &str) -> Result<seal::Keys, String> {
        let signing = self.signing.as_ref().ok_or(
            "no signing key is configured: give its id in [keys.signing] and its secret in \
             HOLDFAST_SIGNING_SECRET or secret-file",
        )?;
        Ok(seal::Keys {
            deployment: deployment.to_owned(),
            signing: signing.read()?,
            also: self.second.iter().map(Key::read).collect::<Result<_, _>>()?,
        })
    }
}

impl Key {
    /// A key with its secret in a file.
    pub(super) fn in_file(id: &str, file: PathBuf) -> Key {
        Key { id: id.into(), secret_file: Some(file), secret: None }
    }

    fn read(&self) -> Result<seal::Key, String> {
        let id = self.id.clone();
        let secret = match (&self.secret, &self.secret_file) {
            (Some(secret), _) => secret.0.clone(),
            (None, Some(file)) => fs::read_to_string(file).map_err(|error| {
                format!("the secret of key {id} cannot be read from {}: {error}", file.display())
            })?,
            (None, None) => {
                return Err(format!(
                    "key {id} has no secret: give it in HOLDFAST_SIGNING_SECRET (of the second key, \
                     HOLDFAST_SECOND_SECRET) or in secret-file"
                ));
            }
        };
        let secret = secret.trim().to_owned();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(format!(
                "the secret of key {id} has {} bytes: take at least {SECRET_BYTES_MIN}, such as the \
                 output of `openssl rand -hex 32`",
                secret.len()
            ));
        }
        Ok(seal::Key { id, secret: secret.into_bytes() })
    }
}

//! The keys of `keys/`, for the side of the provider: signed and checked without the code under test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};

/// Where a key of the tests is.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/source/keys").join(name)
}

/// A key as text.
pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// What is between the lines of a PEM file.
pub(crate) fn bare(name: &str) -> String {
    text(name).lines().filter(|line| !line.starts_with('-')).collect()
}

/// Puts a key into the folder of a job, as `secret.pem` that nobody else can read.
pub(crate) fn hand_out(name: &str, folder: &Path) {
    secret(folder, "secret.pem", &text(name));
}

/// Writes a secret that nobody else can read.
pub(crate) fn secret(folder: &Path, name: &str, content: &str) {
    fs::write(folder.join(name), content).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Signs with the private key of that name.
pub(crate) fn sign(name: &str, message: &[u8]) -> String {
    let pair = pair(name);
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    STANDARD.encode(signature)
}

/// Whether the private key of that name made the signature.
pub(crate) fn made(name: &str, message: &[u8], signature: &str) -> bool {
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair(name).public().as_ref().to_vec());
    STANDARD.decode(signature).is_ok_and(|signature| public.verify(message, &signature).is_ok())
}

fn pair(name: &str) -> KeyPair {
    KeyPair::from_pkcs8(&STANDARD.decode(bare(name)).unwrap()).unwrap()
}

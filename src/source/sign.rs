//! RSA signatures (PKCS #1 v1.5 with SHA-256), and the keys and certificates for them in the wrappings they come in.

use std::fmt;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// `rsaEncryption`, RFC 8017.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `sha256WithRSAEncryption`, RFC 8017.
const RSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// `commonName`, RFC 4519.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A private key of the merchant. It is shown as `…`.
pub struct PrivateKey(KeyPair);

/// A public key of a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

/// A certificate: a public key, and who says whose it is.
pub struct Certificate {
    parsed: x509_cert::Certificate,
    /// What its issuer signed.
    signed: Vec<u8>,
}

impl PrivateKey {
    /// Reads it from where it is kept. Not an RSA key, or locked with a password: 78.
    pub fn read(secret: &Secret) -> Result<Self> {
        Self::parse(secret.read()?.reveal()).map_err(|error| error.file(secret.shown()))
    }

    /// A key as PEM (PKCS #8 or PKCS #1), or as the base64 text alone that Alipay's key tool writes.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            |what: &str| Error::configuration(what.to_owned()).expected("an RSA private key of 2048 bits or more, as PEM");
        let block = Block::first(text);
        if text.contains("ENCRYPTED") {
            return Err(wrong("the private key is locked with a password")
                .next("unlock it once with `openssl pkey -in LOCKED -out KEY`, and keep KEY where only tieout reads it"));
        }
        let Block { label, der } = block.ok_or_else(|| wrong("the private key cannot be read"))?;
        let pair = match label {
            Some("RSA PRIVATE KEY") => KeyPair::from_der(&der),
            Some("PRIVATE KEY") => KeyPair::from_pkcs8(&der),
            None => KeyPair::from_pkcs8(&der).or_else(|_| KeyPair::from_der(&der)),
            Some(label) => return Err(wrong("this is no private key for RSA").found(label)),
        };
        // The words of the library name what is wrong, never what is in the key.
        pair.map(Self).map_err(|error| wrong("this is no private key for RSA").found(error))
    }

    /// The signature of `message`, as base64.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.expect("a key that was read signs, and the signature is as long as its modulus");
        STANDARD.encode(signature)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PublicKey {
    /// Reads a key as [`PublicKey::parse`] does, or takes it out of a certificate. `serial` says which certificate it
    /// must be: the provider's name for it.
    pub fn read(path: &Path, serial: Option<&str>) -> Result<Self> {
        let text = text(path)?;
        if !text.contains("CERTIFICATE") {
            return Self::parse(&text).map_err(|error| error.file(path.display()));
        }
        let certificate = Certificate::parse(&text).map_err(|error| error.file(path.display()))?;
        match serial {
            Some(serial) if !serial.eq_ignore_ascii_case(&certificate.serial()) => {
                Err(Error::configuration("the certificate has another serial number than the job says")
                    .file(path.display())
                    .expected(serial)
                    .found(certificate.serial()))
            }
            _ => certificate.key().map_err(|error| error.file(path.display())),
        }
    }

    /// A key as PEM (SPKI or PKCS #1), or as base64 text alone.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::configuration("this is no public key for RSA").expected("an RSA public key or a certificate, as PEM");
        let Block { label, der } = Block::first(text).ok_or_else(wrong)?;
        match label {
            Some("RSA PUBLIC KEY") => Ok(Self(der)),
            Some("PUBLIC KEY") | None => {
                let info = SubjectPublicKeyInfoRef::from_der(&der).ok().filter(|info| info.algorithm.oid == RSA);
                info.map(|info| Self(info.subject_public_key.raw_bytes().to_vec())).ok_or_else(wrong)
            }
            Some(label) => Err(wrong().found(label)),
        }
    }

    /// Whether `signature`, as base64, is that of `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        STANDARD.decode(signature.trim()).is_ok_and(|signature| self.verifies_bytes(message, &signature))
    }

    fn verifies_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a public key of {} bytes", self.0.len())
    }
}

impl Certificate {
    /// Reads one from a file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&text(path)?).map_err(|error| error.file(path.display()))
    }

    /// The text of a file of certificates, having looked that it begins with one.
    pub fn several(path: &Path) -> Result<String> {
        let text = text(path)?;
        Self::parse(&text).map_err(|error| error.file(path.display()))?;
        Ok(text)
    }

    /// A certificate as PEM, or as base64 text alone.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::configuration("this is no certificate").expected("an X.509 certificate, as PEM");
        let Block { label, der } = Block::first(text).ok_or_else(wrong)?;
        if let Some(label) = label.filter(|label| *label != "CERTIFICATE") {
            return Err(wrong().found(label));
        }
        let parsed = x509_cert::Certificate::from_der(&der).map_err(|error| wrong().found(error))?;
        // As it was sent, and not as it would be written again.
        let signed = SliceReader::new(&der).and_then(|mut reader| {
            reader.sequence(|inner| {
                let signed = inner.tlv_bytes()?.to_vec();
                inner.read_slice(inner.remaining_len())?;
                Ok(signed)
            })
        });
        Ok(Self { parsed, signed: signed.map_err(|error| wrong().found(error))? })
    }

    /// Its serial number, in upper-case hexadecimal digits.
    #[must_use]
    pub fn serial(&self) -> String {
        let bytes = self.parsed.tbs_certificate.serial_number.as_bytes();
        let bytes = bytes.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(bytes);
        super::http::hexadecimal(bytes).to_uppercase()
    }

    /// The name of its holder.
    #[must_use]
    pub fn holder(&self) -> String {
        let mut parts = self.parsed.tbs_certificate.subject.0.iter().flat_map(|name| name.0.iter());
        let name = parts.find(|part| part.oid == COMMON_NAME).and_then(|part| std::str::from_utf8(part.value.value()).ok());
        name.unwrap_or_default().to_owned()
    }

    /// The key it is about.
    pub fn key(&self) -> Result<PublicKey> {
        let info = &self.parsed.tbs_certificate.subject_public_key_info;
        if info.algorithm.oid != RSA {
            return Err(Error::configuration("the certificate is not for a key of RSA").found(info.algorithm.oid));
        }
        Ok(PublicKey(info.subject_public_key.raw_bytes().to_vec()))
    }

    /// Whether it is valid at this time.
    #[must_use]
    pub fn is_valid_at(&self, time: DateTime<Utc>) -> bool {
        let validity = &self.parsed.tbs_certificate.validity;
        let (begins, ends) = (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
        u64::try_from(time.timestamp()).is_ok_and(|time| begins.as_secs() <= time && time <= ends.as_secs())
    }

    /// Whether `issuer` signed it.
    #[must_use]
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        let named = self.parsed.tbs_certificate.issuer == issuer.parsed.tbs_certificate.subject;
        let how = self.parsed.signature_algorithm.oid == RSA_WITH_SHA256
            && self.parsed.tbs_certificate.signature.oid == RSA_WITH_SHA256;
        let signature = self.parsed.signature.raw_bytes();
        named && how && issuer.key().is_ok_and(|key| key.verifies_bytes(&self.signed, signature))
    }
}

/// What stands between the lines of a PEM file, or base64 text without any.
struct Block<'t> {
    label: Option<&'t str>,
    der: Vec<u8>,
}

impl<'t> Block<'t> {
    /// The first block. Some tools write lines of another length than RFC 7468 says, or none: they are read too.
    fn first(text: &'t str) -> Option<Self> {
        let (label, body) = match text.split_once("-----BEGIN ") {
            None => (None, text),
            Some((_, rest)) => {
                let (label, rest) = rest.split_once("-----")?;
                (Some(label), rest.split_once("-----END ")?.0)
            }
        };
        let letters: String = body.split_whitespace().collect();
        STANDARD.decode(letters).ok().filter(|der| !der.is_empty()).map(|der| Self { label, der })
    }
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::configuration(format!("cannot read the key or certificate: {error}")).file(path.display()))
}

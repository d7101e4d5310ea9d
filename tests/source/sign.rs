//! Keys in every wrapping they come in, and certificates.

use tieout::error::Exit;
use tieout::source::sign::{Certificate, PrivateKey, PublicKey};

use super::{keys, morning};

#[test]
fn private_keys_are_read_in_every_wrapping() {
    let wrappings = [
        keys::text("merchant.pem"),
        keys::text("merchant_pkcs1.pem"),
        keys::bare("merchant.pem"),
        keys::bare("merchant_pkcs1.pem"),
        keys::text("merchant.pem").replace('\n', "\r\n"),
    ];
    for text in wrappings {
        let key = PrivateKey::parse(&text).unwrap();
        assert!(keys::made("merchant.pem", b"a message", &key.sign(b"a message")));
        assert_eq!(format!("{key:?}"), "…");
    }
}

#[test]
fn public_keys_are_read_in_every_wrapping() {
    let signature = keys::sign("platform.pem", b"a message");
    let wrappings =
        [keys::text("platform_public.pem"), keys::text("platform_public_pkcs1.pem"), keys::bare("platform_public.pem")];
    for text in wrappings {
        let key = PublicKey::parse(&text).unwrap();
        assert!(key.verifies(b"a message", &signature));
        assert!(!key.verifies(b"another message", &signature));
        assert!(!key.verifies(b"a message", &keys::sign("stranger.pem", b"a message")));
        assert!(!key.verifies(b"a message", "not base64!"));
    }
    let key = PublicKey::read(&keys::path("platform_certificate.pem"), Some("ab12cd34ef5678")).unwrap();
    assert!(key.verifies(b"a message", &signature));
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    let merchant = keys::text("merchant.pem");
    let cases = [
        (keys::text("merchant_locked.pem"), "locked with a password"),
        (keys::text("elliptic.pem"), "no private key for RSA"),
        (keys::text("merchant_public.pem"), "PUBLIC KEY"),
        (merchant.replace('M', "N"), "private key"),
        (merchant[..merchant.len() / 2].to_owned(), "private key"),
        ("hunter2".to_owned(), "private key"),
    ];
    for (text, says) in cases {
        let error = PrivateKey::parse(&text).unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.exit, Exit::BadConfiguration);
        assert!(shown.contains(says), "{shown}");
        let leaks = text.lines().filter(|line| !line.starts_with('-')).any(|line| shown.contains(line));
        assert!(!leaks, "{shown}");
    }
    for name in ["elliptic_public.pem", "merchant.pem"] {
        assert_eq!(PublicKey::parse(&keys::text(name)).unwrap_err().exit, Exit::BadConfiguration);
    }
    let other = PublicKey::read(&keys::path("platform_certificate.pem"), Some("5157F09E")).unwrap_err();
    assert!(other.to_string().contains("AB12CD34EF5678"), "{other}");
}

#[test]
fn a_certificate_is_believed_for_who_issued_it() {
    let read = |name: &str| Certificate::read(&keys::path(name)).unwrap();
    let (authority, stranger) = (read("authority_certificate.pem"), read("stranger_certificate.pem"));
    let certificate = read("unionpay_certificate.pem");
    assert_eq!(certificate.holder(), "041@8310000000083040@中国银联股份有限公司@00016493");
    assert_eq!(certificate.serial(), "02");
    assert_eq!(read("platform_certificate.pem").serial(), "AB12CD34EF5678");
    assert!(certificate.is_issued_by(&authority));
    // Of the same name, and not the same.
    assert!(!certificate.is_issued_by(&stranger));
    assert!(!read("forged_certificate.pem").is_issued_by(&authority));
    assert!(!authority.is_issued_by(&certificate));
    assert!(certificate.is_valid_at(morning()));
    assert!(!read("expired_certificate.pem").is_valid_at(morning()));
    assert!(!certificate.is_valid_at("2019-12-31T23:59:59Z".parse().unwrap()));
}

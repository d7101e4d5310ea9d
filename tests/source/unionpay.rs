//! UnionPay, played by a server that checks what the real one checks.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest, Sha256};
use tieout::error::Exit;
use tieout::source::http::hexadecimal;
use tieout::source::{Answer, Ready};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::server::{Heard, Says, Server};
use super::{Visit, keys, refused_at_once};

const MERCHANT: &str = "802310048993424";

/// What is played once, in turn, before everything is as it should be.
#[derive(Clone)]
enum Plays {
    /// Answers with this code.
    Responds(&'static str),
    /// Signs with this key, and sends this certificate along.
    SignsAs(&'static str, &'static str),
    /// Does not sign.
    Unsigned,
    /// Signs another text than it sends.
    Forges,
    /// Names the file so.
    Names(&'static str),
    /// Sends this as the file.
    Gives(String),
    /// Answers with this status.
    Fails(u16),
    /// Answers with a page.
    Page,
}

fn bill() -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(format!("INN26112088ZM_{MERCHANT}"), SimpleFileOptions::default()).unwrap();
    archive.write_all(&b"00049994   00049996   028150 1120141458\r\n".repeat(200)).unwrap();
    archive.finish().unwrap().into_inner()
}

fn packed(bytes: &[u8]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

/// What is signed, written out: the hash in hexadecimal digits of the fields in order.
fn text(fields: &BTreeMap<String, String>) -> String {
    let joined: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    hexadecimal(&Sha256::digest(joined.join("&")))
}

fn bank(plays: &[Plays]) -> Server {
    let plays = Arc::new(Mutex::new(plays.to_vec()));
    Server::start(move |heard| {
        let mut plays = plays.lock().unwrap();
        let play = if plays.is_empty() { None } else { Some(plays.remove(0)) };
        answer(heard, play.as_ref())
    })
}

fn answer(heard: &Heard, play: Option<&Plays>) -> Says {
    let mut asked = heard.pairs();
    let signature = asked.remove("signature").unwrap();
    let expected = "accessType=0&bizType=000000&certId=68759585097&encoding=UTF-8&fileType=00&merId=802310048993424&settleDate=1120\
                    &signMethod=01&txnSubType=01&txnTime=TIME&txnType=76&version=5.1.0";
    let joined: Vec<String> = asked.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(joined.join("&"), expected.replace("TIME", &asked["txnTime"]));
    let mut respond = if keys::made("merchant.pem", text(&asked).as_bytes(), &signature) { "00" } else { "11" };
    let (mut key, mut certificate) = ("unionpay.pem", "unionpay_certificate.pem");
    let (mut name, mut content) = (format!("{MERCHANT}_20261120.zip"), packed(&bill()));
    match play {
        Some(Plays::Responds(code)) => respond = code,
        Some(Plays::SignsAs(other_key, other_certificate)) => (key, certificate) = (other_key, other_certificate),
        Some(Plays::Names(other)) => (*other).clone_into(&mut name),
        Some(Plays::Gives(other)) => other.clone_into(&mut content),
        Some(Plays::Fails(status)) => return Says::new(*status, "<html>"),
        Some(Plays::Page) => return Says::new(200, "<html>closed</html>"),
        _ => {}
    }
    let mut fields = BTreeMap::from(
        // Worse than the real one: it repeats what it was sent.
        [
            ("respCode", respond),
            ("respMsg", &format!("as played, {signature}")),
            ("merId", MERCHANT),
            ("signPubKeyCert", &keys::text(certificate)),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    if respond == "00" {
        fields.insert("fileName".to_owned(), name);
        fields.insert("fileContent".to_owned(), content);
    }
    let signature = keys::sign(key, text(&fields).as_bytes());
    match play {
        Some(Plays::Unsigned) => {}
        Some(Plays::Forges) => {
            fields.insert("signature".to_owned(), signature);
            fields.insert("respMsg".to_owned(), "forged".to_owned());
        }
        _ => drop(fields.insert("signature".to_owned(), signature)),
    }
    let joined: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Says::new(200, joined.join("&"))
}

fn visit(plays: &[Plays]) -> (Server, Visit) {
    let server = bank(plays);
    let source = format!(
        r#"
        [source.unionpay]
        certificate = "68759585097"
        key = {{ file = "secret.pem" }}
        trusted = ["authority.pem"]
        endpoint = "{}"
        "#,
        server.endpoint()
    );
    let mut visit = Visit::to(&source, |folder| {
        keys::hand_out("merchant.pem", folder);
        std::fs::copy(keys::path("authority_certificate.pem"), folder.join("authority.pem")).unwrap();
    });
    visit.account = MERCHANT;
    (server, visit)
}

#[test]
fn a_file_comes_inside_the_answer() {
    let (server, visit) = visit(&[]);
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [(format!("{MERCHANT}_20261120.zip"), bill(), true)]);
    assert_eq!(server.heard()[0].pairs()["txnTime"], "20261121103000", "in Beijing");
    assert_eq!((server.heard()[0].method.as_str(), server.heard()[0].target.as_str()), ("POST", "/"));
}

#[test]
fn a_file_that_does_not_exist_is_late_until_noon() {
    let (_server, mut visit) = visit(&[Plays::Responds("98"), Plays::Responds("98"), Plays::Responds("98")]);
    visit.now = "2026-11-21T03:59:59Z".parse().unwrap();
    assert!(matches!(visit.fetch().unwrap(), Answer::NotYet { .. }));
    visit.now = "2026-11-21T04:00:00Z".parse().unwrap();
    assert!(matches!(visit.fetch().unwrap(), Answer::NoBill { said } if said == "98 as played, …"));
    assert!(matches!(visit.ready().unwrap(), Ready::NoBill { .. }));
}

#[test]
fn what_passes_is_tried_again() {
    let cases: [&[Plays]; 3] = [
        &[Plays::Responds("06"), Plays::Responds("03")],
        &[Plays::Fails(500), Plays::Fails(503)],
        &[Plays::Gives(packed(&bill()[..100]))],
    ];
    for plays in cases {
        let (_server, visit) = visit(plays);
        assert_eq!(Visit::delivered(visit.fetch().unwrap())[0].1, bill());
    }
}

#[test]
fn what_does_not_pass_ends_the_visit() {
    let again = |play: Plays| vec![play.clone(), play.clone(), play];
    let cases = [
        (vec![Plays::Responds("11")], Exit::NotPermitted, "does not accept the signature"),
        (vec![Plays::Responds("32")], Exit::NotPermitted, "does not give files"),
        (vec![Plays::Responds("10")], Exit::BadConfiguration, "10 as played"),
        (again(Plays::Responds("06")), Exit::TryAgain, "tried 3 times"),
        (vec![Plays::Unsigned], Exit::BadData, "not signed by UnionPay"),
        (vec![Plays::Forges], Exit::BadData, "not what UnionPay signed"),
        // Its own certificate, and another key.
        (vec![Plays::SignsAs("stranger.pem", "unionpay_certificate.pem")], Exit::BadData, "not what UnionPay signed"),
        // Issued by the same authority, to somebody else.
        (vec![Plays::SignsAs("merchant.pem", "merchant_certificate.pem")], Exit::BadData, "somebody else"),
        (vec![Plays::SignsAs("unionpay.pem", "expired_certificate.pem")], Exit::BadData, "not valid now"),
        // Of the same names, and of another authority.
        (vec![Plays::SignsAs("stranger.pem", "forged_certificate.pem")], Exit::BadData, "vouches"),
        (vec![Plays::SignsAs("unionpay.pem", "platform_public.pem")], Exit::BadData, "no certificate that can be read"),
        (vec![Plays::Names("802310048993424_20251120.zip")], Exit::BadData, "another file"),
        (vec![Plays::Names("802310048993425_20261120.zip")], Exit::BadData, "another file"),
        (vec![Plays::Gives("not base64!".to_owned())], Exit::BadData, "cannot be unpacked"),
        (vec![Plays::Gives(STANDARD.encode("not zlib"))], Exit::BadData, "cannot be unpacked"),
        (again(Plays::Gives(packed(&bill()[..100]))), Exit::BadData, "kept aside in"),
        (vec![Plays::Page], Exit::BadData, "not what it documents"),
    ];
    for (plays, exit, says) in cases {
        let (server, visit) = visit(&plays);
        let (found, shown) = visit.refused(&[&keys::bare("merchant.pem")[..40]]);
        assert_eq!(found, exit, "{shown}");
        assert!(shown.contains(says), "{shown}");
        assert!(!shown.contains(&server.heard()[0].pairs()["signature"]), "{shown}");
    }
}

#[test]
fn a_job_that_cannot_work_is_refused_when_it_is_read() {
    let base = "[source.unionpay]\nkey = { env = 'KEY' }\n";
    let cases = [
        ("certificate = '1'\ntrusted = []", "trusted"),
        ("certificate = 'A1'\ntrusted = ['a.pem']", "certificate"),
        ("certificate = '1'\ntrusted = ['a.pem']\nfile_type = 'ZM'", "file_type"),
        ("certificate = '1'\ntrusted = ['a.pem']\naccess = 'bank'", "unknown variant"),
        ("certificate = '1'\ntrusted = ['a.pem']\nversion = '5.0.0'", "unknown field"),
    ];
    for (keys, says) in cases {
        let shown = refused_at_once(&format!("{base}{keys}"));
        assert!(shown.contains(says), "{shown}");
    }
}

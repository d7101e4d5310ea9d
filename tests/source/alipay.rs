//! Alipay, played by a server that checks what the real one checks.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use tieout::error::Exit;
use tieout::source::{Answer, Ready};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::server::{Heard, Says, Server};
use super::{Visit, keys, refused_at_once};

const NODE: &str = "alipay_data_dataservice_bill_downloadurl_query_response";
const PID: &str = "2088501624560335";
const TOKEN: &str = "201612BBsecret";

/// What is played once, in turn, before everything is as it should be.
#[derive(Clone)]
enum Plays {
    /// Answers with this code and reason.
    Refuses(&'static str, &'static str),
    /// The same, signed by nobody.
    RefusesUnsigned(&'static str, &'static str),
    /// Answers as `error_response`.
    Errs(&'static str, &'static str),
    /// Gives an address nobody signed.
    Unsigned,
    /// Signs another text than it sends.
    Forges,
    /// Names this address for the file.
    Sends(&'static str),
    /// Answers with this status.
    Fails(u16),
    /// Lets the address grow old.
    GrowsOld,
    /// Gives so much of the file.
    Truncates(usize),
    /// Gives a file with a byte that is wrong.
    Spoils,
}

/// The archive as Alipay makes it: two members.
fn bill() -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [("summary.csv", "totals"), ("detail.csv", "lines of the bill, of which there may be many")] {
        archive.start_file(name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A gateway that plays these things first.
fn gateway(plays: &[Plays]) -> Server {
    let plays = Arc::new(Mutex::new(plays.to_vec()));
    Server::start(move |heard| {
        let mut plays = plays.lock().unwrap();
        let mut next = |of_the_file: bool| {
            let fits = |play: &Plays| matches!(play, Plays::GrowsOld | Plays::Truncates(_) | Plays::Spoils) == of_the_file;
            let at = plays.iter().position(fits)?;
            Some(plays.remove(at))
        };
        if heard.path() == "/gateway.do" { query(heard, next(false)) } else { file(heard, next(true).as_ref()) }
    })
}

fn query(heard: &Heard, play: Option<Plays>) -> Says {
    let mut fields = heard.pairs();
    let sign = fields.remove("sign").unwrap();
    let content = r#"{"bill_type":"trade","bill_date":"2026-11-20"}"#;
    // Written out: by name, as they are, without what is empty.
    let token = fields.get("app_auth_token").map(|token| format!("app_auth_token={token}&")).unwrap_or_default();
    let text = format!(
        "{token}app_id=2021000001&biz_content={content}&charset=utf-8&format=JSON&method=alipay.data.dataservice.bill.downloadurl.query\
         &sign_type=RSA2&timestamp=2026-11-21 {}&version=1.0",
        &fields["timestamp"][11..]
    );
    assert_eq!(tieout::source::alipay::signing_text(&pairs(&fields)), text);
    if !keys::made("merchant.pem", text.as_bytes(), &sign) {
        return error("40002", "isv.invalid-signature", true);
    }
    match play {
        Some(Plays::Refuses(code, reason)) => {
            // Worse than the real one: it repeats what it was sent.
            signed(&format!(r#"{{"code":"{code}","msg":"Business Failed","sub_code":"{reason}","sub_msg":"{TOKEN} {sign}"}}"#))
        }
        Some(Plays::RefusesUnsigned(code, reason)) => {
            Says::new(200, format!(r#"{{"{NODE}":{{"code":"{code}","sub_code":"{reason}"}}}}"#))
        }
        Some(Plays::Errs(code, reason)) => error(code, reason, true),
        Some(Plays::Fails(status)) => Says::new(status, "<html>"),
        play => {
            let address = match play {
                Some(Plays::Sends(address)) => address.to_owned(),
                // With its slashes as Alipay writes them.
                _ => format!(
                    r"http:\/\/{}\/downloadBillFile.resource?bizType=trade&userId={PID}0156&bizDates=20261120&token=t0ken",
                    heard.header("host")
                ),
            };
            let node = format!(r#"{{"code" : "10000","msg":"Success {{\"}}","bill_download_url":"{address}"}}"#);
            match play {
                Some(Plays::Unsigned) => Says::new(200, format!(r#"{{"{NODE}":{node}}}"#)),
                Some(Plays::Forges) => {
                    let mut says = signed(&node);
                    says.body = String::from_utf8(says.body).unwrap().replace("t0ken", "t1ken").into_bytes();
                    says
                }
                _ => signed(&node),
            }
        }
    }
}

fn pairs(fields: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    fields.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn signed(node: &str) -> Says {
    let sign = keys::sign("platform.pem", node.as_bytes());
    Says::new(200, format!(r#"{{"{NODE}" : {node},"sign":"{sign}"}}"#))
}

fn error(code: &str, reason: &str, is_signed: bool) -> Says {
    let node = format!(r#"{{"code":"{code}","msg":"Failed","sub_code":"{reason}"}}"#);
    let sign = if is_signed { keys::sign("platform.pem", node.as_bytes()) } else { String::new() };
    Says::new(200, format!(r#"{{"error_response":{node},"sign":"{sign}"}}"#))
}

fn file(heard: &Heard, play: Option<&Plays>) -> Says {
    assert_eq!(heard.pairs()["token"], "t0ken");
    let mut file = bill();
    match play {
        Some(Plays::GrowsOld) => return Says::new(200, "<html>下载超时，请重新下载</html>"),
        Some(Plays::Truncates(bytes)) => file.truncate(*bytes),
        Some(Plays::Spoils) => {
            let at = file.windows(5).position(|word| word == b"lines").unwrap();
            file[at] = b'L';
        }
        _ => {}
    }
    Says::new(200, file)
}

fn visit_with(server: &Server, more: &str) -> Visit {
    let source = format!(
        r#"
        [source.alipay]
        app_id = "2021000001"
        key = {{ file = "secret.pem" }}
        alipay_key = "platform.pem"
        bill_type = "trade"
        endpoint = "{}/gateway.do"
        {more}
        "#,
        server.endpoint()
    );
    let mut visit = Visit::to(&source, |folder| {
        // As Alipay's own tool writes it.
        keys::secret(folder, "secret.pem", &keys::bare("merchant_pkcs1.pem"));
        keys::secret(folder, "token", TOKEN);
        std::fs::write(folder.join("platform.pem"), keys::bare("platform_public.pem")).unwrap();
    });
    visit.account = PID;
    visit
}

fn visit(plays: &[Plays]) -> (Server, Visit) {
    let server = gateway(plays);
    let visit = visit_with(&server, "");
    (server, visit)
}

#[test]
fn a_bill_comes_in_two_steps() {
    let (server, visit) = visit(&[]);
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let expected = (format!("{PID}_trade_20261120.csv.zip"), bill(), true);
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [expected]);
    let heard = server.heard();
    assert_eq!(heard[0].pairs()["timestamp"], "2026-11-21 10:30:00", "in Beijing");
    assert_eq!(heard[0].header("content-type"), "application/x-www-form-urlencoded; charset=utf-8");
    assert!(!heard[2].headers.contains_key("authorization"));
}

#[test]
fn a_service_provider_asks_with_the_permission_of_the_merchant() {
    let server = gateway(&[]);
    let visit = visit_with(&server, r#"app_auth_token = { file = "token" }"#);
    visit.fetch().unwrap();
    assert_eq!(server.heard()[0].pairs()["app_auth_token"], TOKEN);
    let server = gateway(&[Plays::Refuses("40006", "isv.insufficient-isv-permissions")]);
    let visit = visit_with(&server, r#"app_auth_token = { file = "token" }"#);
    assert_eq!(visit.refused(&[TOKEN]).0, Exit::NotPermitted);
}

#[test]
fn a_bill_that_does_not_exist_is_late_until_noon() {
    for reason in ["isp.bill_not_exist", "BILL_NOT_EXIST", "isv.bill-not-exist"] {
        for (time, late) in [("2026-11-21T03:59:59Z", true), ("2026-11-21T04:00:00Z", false)] {
            let (_server, mut visit) = visit(&[Plays::Refuses("40004", reason)]);
            visit.now = time.parse().unwrap();
            let answer = visit.fetch().unwrap();
            assert_eq!(matches!(answer, Answer::NotYet { .. }), late, "{reason} {time}");
            assert_eq!(matches!(answer, Answer::NoBill { .. }), !late, "{reason} {time}");
        }
    }
    for reason in ["NO_BILL_DATA", "isp.no_bill_data"] {
        let (_server, visit) = visit(&[Plays::Refuses("40004", reason)]);
        assert!(matches!(visit.fetch().unwrap(), Answer::NoBill { said } if said.contains(reason)));
    }
}

#[test]
fn what_passes_is_tried_again() {
    let cases: [&[Plays]; 6] = [
        &[Plays::Refuses("20000", "isp.unknow-error")],
        &[Plays::Errs("20000", "aop.ACQ.SYSTEM_ERROR"), Plays::Refuses("40004", "isp.SYSTEM_ERROR")],
        &[Plays::Fails(502)],
        &[Plays::GrowsOld, Plays::GrowsOld],
        &[Plays::Truncates(60), Plays::Truncates(1)],
        &[Plays::Spoils],
    ];
    for plays in cases {
        let (_server, visit) = visit(plays);
        let delivered = Visit::delivered(visit.fetch().unwrap());
        assert_eq!(delivered[0].1, bill());
    }
}

#[test]
fn what_does_not_pass_ends_the_visit() {
    let again = |play: Plays| vec![play.clone(), play.clone(), play];
    let cases = [
        (vec![Plays::Refuses("40006", "isv.insufficient-isv-permissions")], Exit::NotPermitted, "does not give this bill"),
        (vec![Plays::Errs("20001", "aop.invalid-auth-token")], Exit::NotPermitted, "invalid-auth-token"),
        (vec![Plays::Errs("40002", "isv.invalid-signature")], Exit::NotPermitted, "signature"),
        (vec![Plays::Refuses("40004", "INVAILID_ARGUMENTS")], Exit::BadConfiguration, "INVAILID_ARGUMENTS"),
        (vec![Plays::Errs("40002", "isv.invalid-app-id")], Exit::BadConfiguration, "invalid-app-id"),
        (vec![Plays::RefusesUnsigned("40004", "NO_BILL_DATA")], Exit::BadData, "not signed by Alipay"),
        (vec![Plays::RefusesUnsigned("40004", "BILL_NOT_EXIST")], Exit::BadData, "not signed by Alipay"),
        (vec![Plays::Unsigned], Exit::BadData, "not signed by Alipay"),
        (vec![Plays::Forges], Exit::BadData, "not what Alipay signed"),
        (again(Plays::GrowsOld), Exit::TryAgain, "grew old"),
        (again(Plays::Truncates(60)), Exit::BadData, "kept aside in"),
        (again(Plays::Spoils), Exit::BadData, "kept aside in"),
        (vec![Plays::Sends("http://example.com/?token=t0ken")], Exit::BadData, "not known"),
        (vec![Plays::Sends("https://dwbillcenter.alipay.com.example.com/?token=t0ken")], Exit::BadData, "not known"),
        (vec![Plays::Sends("http://dwbillcenter.alipay.com:81/?token=t0ken")], Exit::BadData, "not known"),
        (
            vec![Plays::Sends("https://dwbillcenter.alipay.com/?userId=20880000000000000156&token=t0ken")],
            Exit::BadData,
            "another merchant",
        ),
        (vec![Plays::Sends("https://dwbillcenter.alipay.com/?bizDates=20251120&token=t0ken")], Exit::BadData, "another day"),
    ];
    for (plays, exit, says) in cases {
        let (server, visit) = visit(&plays);
        let (found, shown) = visit.refused(&["t0ken", &keys::bare("merchant.pem")[..40]]);
        assert_eq!(found, exit, "{shown}");
        assert!(shown.contains(says), "{shown}");
        assert!(!shown.contains(&server.heard()[0].pairs()["sign"]), "{shown}");
    }
}

#[test]
fn an_address_in_the_open_is_asked_for_in_secret() {
    // Nobody listens at the real one here: that it was tried, and not refused, is what shows.
    let (_server, mut visit) = visit(&[Plays::Sends("http://dwbillcenter.alipay.com/downloadBillFile.resource?token=t0ken")]);
    visit.manners.tries = 1;
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
}

#[test]
fn a_job_that_cannot_work_is_refused_when_it_is_read() {
    let base = "[source.alipay]\napp_id = '1'\nkey = { env = 'KEY' }\nalipay_key = 'a.pem'\n";
    let cases = [
        ("bill_type = 'trade_zft_merchant'", "sub_merchant"),
        ("bill_type = 'trade'\nsub_merchant = '1'", "sub_merchant"),
        ("bill_type = 'trade'\napp_certificate = '1'", "app_certificate"),
        ("bill_type = 'month'", "unknown variant"),
        ("bill_type = 'trade'\nendpoint = 'http://openapi.alipay.com/gateway.do'", "https://"),
    ];
    for (keys, says) in cases {
        let shown = refused_at_once(&format!("{base}{keys}"));
        assert!(shown.contains(says), "{shown}");
    }
}

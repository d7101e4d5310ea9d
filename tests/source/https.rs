//! A web server: which state of a file it has, and to whom it gives it.

use std::sync::{Arc, Mutex};

use tieout::error::Exit;
use tieout::source::{Answer, Ready};

use super::server::{Heard, How, Says, Server};
use super::{Visit, keys, refused_at_once};

const TOKEN: &str = "tok-open-sesame";
const FILE: &str = "id,gross\n1,10.00\n";

/// How the server is.
#[derive(Clone, Default)]
struct Shelf {
    text: &'static str,
    /// The header that tells one state of the file from another.
    version: Option<(&'static str, &'static str)>,
    /// Cannot tell of a file without giving it.
    no_head: bool,
    /// Answers with this status, and this header.
    refuses: Option<(u16, Option<String>)>,
    /// The next file breaks off after so many bytes.
    breaks: Option<usize>,
}

impl Shelf {
    fn answer(&mut self, heard: &Heard) -> Says {
        if heard.header("authorization") != format!("Bearer {TOKEN}") && heard.header("authorization") != "Basic dXNlcjpwYTpzcw=="
        {
            return Says::new(401, "who are you?");
        }
        if let Some((status, location)) = &self.refuses {
            let says = Says::new(*status, "");
            return location.iter().fold(says, |says, location| says.header("Location", location));
        }
        if heard.path() != "/20261120/payments.csv" {
            return Says::new(404, "");
        }
        let version = self.version;
        let described = |says: Says| version.iter().fold(says, |says, (name, value)| says.header(name, *value));
        match (heard.method.as_str(), heard.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'))) {
            ("HEAD", _) if self.no_head => Says::new(405, ""),
            ("HEAD", _) => described(Says::new(200, self.text).how(How::BreaksAfter(0))),
            (_, Some(begin)) => {
                let rest = &self.text[begin.parse::<usize>().unwrap()..];
                let range = format!("bytes {begin}-{}/{}", self.text.len() - 1, self.text.len());
                described(Says::new(206, rest)).header("Content-Range", range)
            }
            (_, None) => {
                let says = described(Says::new(200, self.text));
                self.breaks.take().map_or(says.clone(), |bytes| says.how(How::BreaksAfter(bytes)))
            }
        }
    }
}

fn visit(shelf: &Shelf) -> (Server, Visit, Arc<Mutex<Shelf>>) {
    let shelf = Arc::new(Mutex::new(Shelf { text: FILE, ..shelf.clone() }));
    let answering = shelf.clone();
    let server = Server::start(move |heard| answering.lock().unwrap().answer(heard));
    let visit = visit_with(&server, "token = { file = 'token' }");
    (server, visit, shelf)
}

fn visit_with(server: &Server, login: &str) -> Visit {
    let source = format!("[source.https]\nurl = '{}/{{date:%Y%m%d}}/payments.csv?key=quietly'\n{login}", server.endpoint());
    Visit::to(&source, |folder| {
        keys::secret(folder, "token", TOKEN);
        keys::secret(folder, "password", "pa:ss\n");
    })
}

fn gets(server: &Server) -> usize {
    server.heard().iter().filter(|heard| heard.method == "GET").count()
}

#[test]
fn a_file_is_taken_once_in_each_of_its_states() {
    for name in ["ETag", "Last-Modified"] {
        let (server, visit, shelf) = visit(&Shelf { version: Some((name, "\"one\"")), ..Shelf::default() });
        assert_eq!(visit.ready().unwrap(), Ready::Yes);
        let named = |text: &str, now| ("payments.csv".to_owned(), text.as_bytes().to_vec(), now);
        assert_eq!(Visit::delivered(visit.fetch().unwrap()), [named(FILE, true)]);
        assert_eq!(Visit::delivered(visit.fetch().unwrap()), [named(FILE, false)]);
        assert_eq!(gets(&server), 1);
        *shelf.lock().unwrap() = Shelf { text: "id,gross\n", version: Some((name, "\"two\"")), ..Shelf::default() };
        assert_eq!(Visit::delivered(visit.fetch().unwrap()), [named("id,gross\n", true)]);
    }
    let (server, visit, _) = visit(&Shelf::default());
    visit.fetch().unwrap();
    visit.fetch().unwrap();
    assert_eq!(gets(&server), 2, "what has no state is taken again");
}

#[test]
fn a_server_need_not_tell_of_a_file_without_giving_it() {
    let (_server, visit, _) = visit(&Shelf { no_head: true, ..Shelf::default() });
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    assert_eq!(Visit::delivered(visit.fetch().unwrap())[0].1, FILE.as_bytes());
}

#[test]
fn a_user_logs_in_with_a_password() {
    let (server, ..) = visit(&Shelf::default());
    let visit = visit_with(&server, "user = 'user'\npassword = { file = 'password' }");
    assert_eq!(Visit::delivered(visit.fetch().unwrap()).len(), 1);
    let visit = visit_with(&server, "");
    assert_eq!(visit.refused(&[TOKEN, "quietly"]).0, Exit::NotPermitted);
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let (server, visit, _) = visit(&Shelf { version: Some(("ETag", "\"one\"")), breaks: Some(6), ..Shelf::default() });
    assert_eq!(Visit::delivered(visit.fetch().unwrap())[0].1, FILE.as_bytes());
    assert_eq!(server.heard().last().unwrap().header("range"), "bytes=6-");
}

#[test]
fn what_is_not_there_is_waited_for() {
    for status in [404, 410] {
        let (_server, visit, _) = visit(&Shelf { refuses: Some((status, None)), ..Shelf::default() });
        assert!(matches!(visit.ready().unwrap(), Ready::NotYet { .. }), "{status}");
        assert!(matches!(visit.fetch().unwrap(), Answer::NotYet { .. }), "{status}");
    }
}

#[test]
fn what_does_not_pass_ends_the_visit() {
    let elsewhere = |to: &str| Some(to.to_owned());
    let cases = [
        (401, None, Exit::NotPermitted, "401"),
        (403, None, Exit::NotPermitted, "403"),
        (400, None, Exit::BadConfiguration, "400"),
        (503, None, Exit::TryAgain, "tried 3 times"),
        (302, elsewhere("https://files.example.com/payments.csv"), Exit::BadData, "not known"),
        (302, elsewhere("http://127.0.0.1:9/payments.csv"), Exit::BadData, "not known"),
    ];
    for (status, location, exit, says) in cases {
        let (_server, visit, _) = visit(&Shelf { refuses: Some((status, location)), ..Shelf::default() });
        let (found, shown) = visit.refused(&[TOKEN, "quietly"]);
        assert_eq!(found, exit, "{shown}");
        assert!(shown.contains(says), "{shown}");
    }
}

#[test]
fn a_job_that_cannot_work_is_refused_when_it_is_read() {
    let cases = [
        ("url = 'http://files.example.com/a.csv'", "https://"),
        ("url = 'https://user:quietly@files.example.com/a.csv'", "no user"),
        ("url = 'https://files.example.com/a/'", "one file"),
        ("url = 'https://files.example.com/*.csv'", "one file"),
        ("url = 'https://{date:%Y}.example.com/a.csv'", "no date"),
        ("url = 'https://files.example.com/{day}.csv'", "only the date"),
        ("url = 'https://files.example.com/a.csv'\nuser = 'user'", "token"),
        ("url = 'https://files.example.com/a.csv'\nheader = 'x'", "unknown field"),
    ];
    for (keys, says) in cases {
        let shown = refused_at_once(&format!("[source.https]\n{keys}"));
        assert!(shown.contains(says) && !shown.contains("quietly"), "{shown}");
    }
}
